"""Local answers to insights equal a plain count of the same events, whatever became of those."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

from analytics import housekeeping, identity, insights
from analytics.insights import (
    Cohort,
    Display,
    Filter,
    Insight,
    Math,
    Of,
    Performed,
    Property,
    Series,
    local,
    rollups,
)
from analytics.models import CountedDay, CountedKind, Counting, DailyCount, Event, Person, State
from tests.analytics.counted import Log, recorded

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")
# In March a day of 23 hours lies within the last week, in October one of 25.
MARCH, OCTOBER = datetime(2026, 3, 31, 10, tzinfo=UTC), datetime(2025, 10, 28, 10, tzinfo=UTC)
PERIODS = [timedelta(hours=24), *(timedelta(days=days) for days in (7, 30, 90, 365))]
OF_ROLE, OF_NONE = Property("role", Of.PERSON), Property("plan")
# Questions that no app asks as yet: each kind of number in each kind of display.
ASKED = [
    Insight(
        f"{math}-{display}-{len(breakdowns)}", "", "", series, math, breakdowns, display=display
    )
    for math in Math
    for display in (Display.LINES, Display.CUMULATIVE, Display.BARS)
    for breakdowns in ((), (OF_ROLE,), (Property("action"), OF_ROLE), (OF_NONE,))
    for series in [
        (
            Series("any", None),
            Series("clicks", "feature_interaction", (Filter(Property("action"), "clicked"),)),
            Series("told", "$set", (Filter(OF_ROLE),)),
            Series("flag", "feature_interaction", (Filter(Property("on"), True),)),
        )
    ]
]


@pytest.fixture
def declared(monkeypatch):
    """All insights that the apps declare, and those that are asked here besides."""
    every = {**insights.insights, **{one.key: one for one in ASKED}}
    monkeypatch.setattr(insights, "insights", every)
    return [*every.values()]


EVENTS = [
    *("auth.login", "auth.login_failed", "feature_interaction", "timer.started", "timer.stopped"),
    *("export.csv", "export.xlsx", "telemetry.health", "telemetry.update", "telemetry.install"),
    *("$set", "$groupidentify", "report.viewed"),
]
PEOPLE = ["anna", "ben", "cleo", "an-installation", "without-a-person", identity.NOBODY]
VALUES: dict[str, list[Any]] = {
    "auth_method": ["local", "oidc"],
    "feature_flag": ["undo", "entry_add", "other"],
    "action": ["clicked", "submitted"],
    "app_version": ["1.4", "1.40", "1.5.0"],
    "new_version": ["1.4", "1.40"],
    "platform": ["Linux", "Darwin", None],
    "on": [True, False, 1, "true"],
}
properties = st.fixed_dictionaries({}, optional={k: st.sampled_from(v) for k, v in VALUES.items()})
about_persons = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["admin", "user", None]),
        "is_admin": st.booleans(),
        "deployment_method": st.sampled_from(["docker", "native"]),
        "timezone": st.sampled_from(["Europe/Berlin", "UTC"]),
    },
)
# Mostly of the last days; at their edges to the second, and by a clock that was wrong.
ages = st.one_of(
    st.integers(0, 8 * 24 * 3600),
    st.integers(0, 400 * 24 * 3600),
    st.sampled_from([24 * 3600 - 1, 24 * 3600, 24 * 3600 + 1, -90, 22 * 3600 + 3600 * 11]),
)
one_event = st.tuples(st.sampled_from(EVENTS), ages, st.sampled_from(PEOPLE), properties)
steps = st.lists(
    st.one_of(
        st.lists(one_event, min_size=1, max_size=12),
        st.sampled_from(["count", "purge", "late", "withdraw", "erase anna", "erase ben"]),
    ),
    min_size=2,
    max_size=10,
)


class World:
    """The database, and beside it the plain log of what should be counted."""

    def __init__(self, now: datetime) -> None:
        for model in (Event, DailyCount, CountedKind, CountedDay, Counting, Person):
            model.objects.all().delete()
        self.now = now
        self.log = Log(BERLIN)
        self.next_id = 1000

    def record(self, events: list[Any]) -> None:
        for event, age, distinct_id, about in events:
            self.next_id += 2
            self.keep(self.next_id, event, age, distinct_id, about)

    def keep(self, pk: int, event: str, age: int, distinct_id: str, about: Any) -> None:
        moment = self.now - timedelta(seconds=age)
        self.log.events.append(recorded(event, moment, distinct_id, about, id=pk))

    def late(self) -> None:
        """An event is seen after those that have higher ids: its transaction was open for long."""
        self.keep(self.next_id - 1, "timer.started", 3600, "anna", {"platform": "Linux"})
        self.next_id += 2
        self.keep(self.next_id, "timer.started", 50 * 3600, "ben", {})

    def purge(self) -> None:
        """What is older than two days goes from the log, but not from the answers."""
        Event.objects.update(settled_at=timezone.now())
        old = Event.objects.filter(timestamp__lt=self.now - timedelta(days=2))
        old.update(settled_at=timezone.now() - timedelta(days=1000))
        housekeeping.count(threading.Event())
        assert not old.exists()

    def withdraw(self) -> None:
        """The newest two are deleted as if they had never been."""
        keys = [*Event.objects.order_by("-id").values_list("pk", flat=True)[:2]]
        newest = Event.objects.filter(pk__in=keys)
        rollups.withdraw(newest)
        newest.delete()
        self.log.events = [one for one in self.log.events if one.pk not in keys]

    def erase(self, distinct_id: str) -> None:
        Event.objects.filter(distinct_id=distinct_id).delete()
        Person.objects.filter(distinct_id=distinct_id).delete()
        local.forget(distinct_id)
        self.log.persons.pop(distinct_id, None)
        self.log.events = [one for one in self.log.events if one.distinct_id != distinct_id]

    def take(self, step: Any) -> None:
        match step:
            case list():
                self.record(step)
            case "count":
                assert rollups.catch_up(60)
            case "purge":
                self.purge()
            case "late":
                self.late()
            case "withdraw":
                self.withdraw()
            case _:
                self.erase(step.split()[1])

    def check_all(self, declared: list[Insight], period: timedelta) -> None:
        for insight in declared:
            self.check(insight, insight.period)
            self.check(insight, period)
        is_one = {"is_admin": True, "deployment_method": "docker"}.items()
        members = [one for one in self.log.persons.values() if is_one <= one.items()]
        cohort = insights.cohorts["docker_admins"]
        assert local.Answers(self.now).members(cohort) == len(members)

    def check(self, insight: Insight, period: timedelta) -> None:
        answer = local.answer(insight, period, self.now)
        found = {line.labels: (line.numbers, line.total) for line in answer.lines}
        assert found == self.log.lines(insight, period, self.now), (insight.key, period)
        assert len(found) == len(answer.lines)
        days = self.log.days(period, self.now)
        assert (answer.since, answer.until) == (days[0], days[-1])
        assert answer.days == (tuple(days) if insight.display.by_day else ())


@pytest.mark.parametrize("examples", [4, pytest.param(40, marks=pytest.mark.slow)])
def test_every_answer_equals_a_plain_count(settings, monkeypatch, declared, examples):
    settings.TIME_ZONE = "Europe/Berlin"
    monkeypatch.setattr(rollups, "KEEP", timedelta(days=10_000))
    monkeypatch.setattr(housekeeping, "COUNTING", 60)

    @hypothesis_settings(
        max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(
        now=st.sampled_from([MARCH, OCTOBER]),
        taken=steps,
        persons=st.dictionaries(st.sampled_from(PEOPLE[:4]), about_persons),
        period=st.sampled_from(PERIODS),
        chunk=st.sampled_from([1, 3, 1000]),
        named=st.sampled_from([0, 2, local.NAMED]),
    )
    def check(now, taken, persons, period, chunk, named):
        monkeypatch.setattr(rollups, "CHUNK", chunk)
        monkeypatch.setattr(local, "NAMED", named)
        world = World(now)
        for distinct_id, about in persons.items():
            Person.objects.create(distinct_id=distinct_id, properties=about)
            world.log.persons[distinct_id] = about
        for step in taken:
            world.take(step)
        world.check_all(declared, period)

    check()


# --- by example ---


def lines(key: str, now: datetime = MARCH, period: timedelta | None = None) -> dict[Any, Any]:
    insight = insights.insights[key]
    answer = local.answer(insight, period or insight.period, now)
    return {line.labels: line.total for line in answer.lines}


def test_a_breakdown_counts_each_value_the_largest_first():
    for method in ("oidc", "local", "oidc", None):
        recorded("auth.login", MARCH, properties={"auth_method": method})
    insight = insights.insights["login_methods"]
    answer = local.answer(insight, insight.period, MARCH)

    assert [(line.labels, line.total) for line in answer.lines] == [
        (("oidc",), 2),
        (("(none)",), 1),
        (("local",), 1),
    ]
    assert answer.headings == ("auth_method",)


def test_a_role_is_what_the_person_has_now():
    Person.objects.create(distinct_id="anna", properties={"role": "user"})
    recorded("auth.login", MARCH)
    assert lines("active_users_by_role") == {("user",): 1}

    Person.objects.update(properties={"role": "admin"})
    assert lines("active_users_by_role") == {("admin",): 1}


def test_days_are_of_the_settings_zone(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    Person.objects.create(distinct_id="anna", properties={"role": "user"})
    for moment in ("2026-03-28T22:59:59", "2026-03-28T23:00:00", "2026-03-29T21:59:59"):
        recorded("timer.started", datetime.fromisoformat(f"{moment}+00:00"))
    insight = insights.insights["daily_active_users"]
    answer = local.answer(insight, timedelta(days=7), MARCH)
    (line,) = answer.lines

    numbers = dict(zip(answer.days, line.numbers, strict=True))
    assert len(numbers) == 7
    assert {day: n for day, n in numbers.items() if n} == {
        date(2026, 3, 28): 1,
        date(2026, 3, 29): 1,  # has 23 hours
    }
    assert line.total == 1


def test_what_a_person_is_told_of_is_no_activity_and_nobody_is_no_person():
    for distinct_id in ("anna", identity.NOBODY):
        Person.objects.create(distinct_id=distinct_id, properties={"role": "user"})
    recorded("$set", MARCH)
    recorded("auth.login_failed", MARCH, identity.NOBODY)
    assert lines("daily_active_users") == {(): 0}


def test_a_log_without_events_is_an_answer_too():
    for insight in insights.insights.values():
        assert local.answer(insight, insight.period, MARCH).is_empty


@pytest.mark.parametrize(("version", "days", "members"), [("1", 29, 1), ("1", 30, 0), ("2", 1, 0)])
def test_a_cohort_asks_for_a_version_and_for_what_was_done(analytics_on, version, days, members):
    analytics_on(APP_VERSION="1")
    Person.objects.create(distinct_id="fleet", properties={"first_seen_version": version})
    Person.objects.create(distinct_id="other", properties={"first_seen_version": "1"})
    recorded("telemetry.install", MARCH - timedelta(days=days), "fleet")
    rollups.catch_up(10)
    cohort = Cohort("x", "", "", (), ("first_seen_version",), Performed("telemetry.install", 30))

    assert local.Answers(MARCH).members(cohort) == members


def test_waiting_events_count_like_all_others():
    recorded("export.csv", MARCH - timedelta(days=5), state=State.WAITING, settled_at=None)
    assert lines("exports") == {("CSV",): 1, ("XLSX",): 0}
