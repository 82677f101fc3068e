"""What reports add up: against plain Python, and what each person may see of it."""

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings, strategies as st

from accounts.models import User
from tests.conftest import PASSWORD
from tracking.models import Client, Project, Tag, Task, TimeEntry
from tracking.money import worth
from tracking.report_forms import ReportForm
from tracking.reports import GROUPS, end_of, entries_page, sum_of, summary_of, totals_by_day
from tracking.rounding import WAYS, Rounding
from tracking.spans import week_of

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def spend(
    user: Any, project: Any = None, lasting: timedelta = HOUR, start: datetime = NINE, **more: Any
) -> TimeEntry:
    """An entry, at its rate if one is told."""
    rate = more.pop("rate_cents", None)
    entry = TimeEntry.objects.create(
        user=user, project=project, started_at=start, ended_at=start + lasting, **more
    )
    if rate is not None:
        TimeEntry.objects.filter(pk=entry.pk).update(rate_cents=rate)
    return entry


def report(user: Any, query: str = "", page: int | None = None) -> Any:
    """What a report on March 2026 says, unless other days are asked for."""
    days = "" if "since=" in query or "range=" in query else "since=2026-03-01&until=2026-03-31&"
    return summary_of(ReportForm(user, QueryDict(days + query)).question(), page)


def totals_of(question: Any) -> Any:
    """What the entries behind a figure come to."""
    return sum_of(totals_by_day(question).values())


def told(rows: Any) -> list[tuple[str, int]]:
    """Names and minutes."""
    return [(row.name, row.sums.raw // 60) for row in rows]


# --- rows ---


def test_it_adds_up_by_project_the_longest_first(dora, bob, work):
    spend(bob, work.shop)
    spend(dora, work.shop)
    spend(bob, work.garden, 3 * HOUR)
    spend(bob, None, HOUR / 2)

    summary = report(dora)

    assert told(summary.rows) == [("Garden", 180), ("Online shop", 120), ("No project", 30)]
    assert [row.beside for row in summary.rows] == ["", "Aurora Coffee", ""]
    assert (summary.totals.raw, summary.totals.entries) == (330 * 60, 4)
    assert sum(row.share for row in summary.rows) == pytest.approx(100)


def test_it_adds_up_by_two_groups(dora, bob, work):
    spend(bob, work.shop)
    spend(dora, work.shop, 2 * HOUR)

    (row,) = report(dora, "by=client&then=person").rows

    assert told([row, *row.rows]) == [("Aurora Coffee", 180), ("dora", 120), ("bob", 60)]


def test_times_stand_in_their_order(dora):
    spend(dora, start=NINE)
    spend(dora, start=NINE + timedelta(7), lasting=2 * HOUR)
    dora.week_start = 6

    assert told(report(dora, "by=day").rows) == [("Mon, 2 Mar 2026", 60), ("Mon, 9 Mar 2026", 120)]
    assert [row.key for row in report(dora, "by=week").rows] == [date(2026, 3, 1), date(2026, 3, 8)]
    assert told(report(dora, "by=month").rows) == [("March 2026", 180)]


def test_an_entry_stands_under_each_of_its_tags_and_counts_once(dora):
    call, home = (Tag.objects.create(name=name) for name in ("call", "home"))
    both = spend(dora, billable=True, rate_cents=6000)
    both.tags.add(call, home)
    spend(dora, lasting=HOUR / 2)

    summary = report(dora, "by=tag")

    assert {*told(summary.rows)} == {("call", 60), ("home", 60), ("No tag", 30)}
    assert summary.several_times
    assert (summary.totals.raw // 60, summary.totals.entries) == (90, 2)
    assert summary.totals.cents == {"EUR": 6000}
    assert told(report(dora, f"by=tag&tag={call.pk}").rows) == [("call", 60)]
    assert told(report(dora, f"by=tag&tag={call.pk}&tag=none").rows) == [
        ("call", 60),
        ("No tag", 30),
    ]


def test_a_running_timer_counts_once_it_is_stopped(dora):
    TimeEntry.objects.create(user=dora, started_at=NINE)

    assert report(dora).totals.entries == 0


def test_money_of_several_currencies_stands_side_by_side(dora, work):
    oslo = Project.objects.create(
        name="Opera", client=Client.objects.create(name="Oslo", currency="NOK")
    )
    for project, rate in ((work.shop, 9000), (oslo, 120000), (None, 100)):
        spend(dora, project, billable=True, rate_cents=rate)
    spend(dora, oslo, billable=False, rate_cents=120000)

    summary = report(dora, "by=billable")

    assert summary.totals.cents == {"EUR": 9100, "NOK": 120000}
    assert summary.totals.money == ["91.00\N{NO-BREAK SPACE}EUR", "1,200.00\N{NO-BREAK SPACE}NOK"]
    assert {row.key: row.sums.cents for row in summary.rows} == {
        True: {"EUR": 9100, "NOK": 120000},
        False: {},
    }


def test_a_user_sees_their_own_time_and_no_money(bob, dora, work):
    spend(bob, work.shop, billable=True, rate_cents=9000)
    spend(dora, work.shop, billable=True, rate_cents=9000)

    summary = report(bob, f"person={dora.pk}")

    assert summary.totals.entries == 1
    assert summary.totals.cents == {}
    assert not summary.has_money


@pytest.mark.parametrize(
    ("query", "minutes"),
    [
        ("client={work.client.pk}", 60),
        ("client=none", 30 + 15),
        ("project={work.shop.pk}&project=none", 60 + 15),
        ("task={work.checkout.pk}", 60),
        ("task=none", 45),
        ("tag=none", 45),
        ("billable=yes", 60),
        ("billable=no", 45),
        ("person={bob.pk}", 15),
        ("person={bob.pk}&person={dora.pk}", 105),
        ("project={work.shop.pk}&billable=no", 0),
    ],
)
def test_it_filters(dora, bob, work, query, minutes):
    entry = spend(dora, work.shop, task=work.checkout, billable=True)
    entry.tags.add(Tag.objects.create(name="call"))
    spend(dora, work.garden, HOUR / 2)
    spend(bob, None, HOUR / 4)

    assert report(dora, query.format(work=work, bob=bob, dora=dora)).totals.raw == minutes * 60


# --- bars and shares ---


@pytest.mark.parametrize(
    ("query", "step", "count"),
    [
        ("since=2026-03-01&until=2026-03-31", "day", 31),
        ("since=2026-03-01&until=2026-04-01", "week", 6),
        ("since=2026-01-01&until=2026-07-01", "week", 27),
        ("since=2026-01-01&until=2026-07-02", "month", 7),
        ("since=2016-01-01&until=2025-12-31", "month", 120),
    ],
)
def test_its_bars_are_days_weeks_or_months(dora, query, step, count):
    spend(dora)
    summary = report(dora, query)

    assert (summary.step, len(summary.bars)) == (step, count)
    assert summary.bars[0].first == summary.question.first
    assert summary.bars[-1].last == summary.question.last
    assert sum(bar.sums.seconds for bar in summary.bars) == summary.totals.seconds


def test_it_shows_the_longest_shares_and_all_others_as_one(dora):
    for number in range(13):
        spend(dora, Project.objects.create(name=f"P{number}"), HOUR * (number + 1))

    shares = report(dora).shares

    assert [row.name for row in shares[:2]] == ["P12", "P11"]
    assert (shares[-1].name, shares[-1].sums.raw // 3600) == ("All others", 6)
    assert sum(row.share for row in shares) == pytest.approx(100)


# --- pages ---


def test_a_page_has_so_many_rows_and_the_totals_are_of_all(dora):
    for number in range(53):
        spend(dora, Project.objects.create(name=f"P{number}"))
    first, last = report(dora, page=1), report(dora, page=99)

    assert (len(first.rows), len(last.rows)) == (50, 3)
    assert (first.pages, last.page, first.count) == (2, 2, 53)
    assert first.totals == last.totals
    assert len({row.key for row in (*first.rows, *last.rows)}) == 53
    assert len(report(dora).rows) == 53


def test_a_row_has_so_many_within_and_leads_to_the_others(dora, work):
    for number in range(13):
        task = Task.objects.create(project=work.shop, name=f"T{number}")
        spend(dora, work.shop, task=task)

    (row,) = report(dora, "by=project&then=task&billable=no", page=1).rows
    (whole,) = report(dora, "by=project&then=task&billable=no").rows
    narrower = summary_of(ReportForm(dora, QueryDict(row.more_query)).question())

    assert (len(row.rows), row.more, len(whole.rows), whole.more) == (10, 3, 13, 0)
    assert len(narrower.rows) == 13
    assert narrower.question.groups == ("task",)
    assert narrower.totals == row.sums


def test_pages_of_entries_are_the_list_cut_anywhere(dora):
    for place in range(11):
        spend(dora, start=NINE + timedelta(days=place // 4, hours=place % 3))
    question = ReportForm(dora, QueryDict("since=2026-03-01&until=2026-03-31")).question()
    by_day = totals_by_day(question)
    ordered = list(TimeEntry.objects.order_by("-day", "-started_at", "-pk"))

    for start in range(12):
        for count in (1, 4, 20):
            page = list(entries_page(question, by_day, start, count))
            assert page == ordered[start : start + count]


# --- queries ---


def test_its_queries_are_constant_and_two_add_up(dora, bob, work):
    spend(dora, work.shop, task=work.checkout)

    def queries() -> list[str]:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            report(dora, "by=client&then=person", page=1)
        return [query["sql"] for query in captured]

    few = queries()
    for number in range(8):
        client = Client.objects.create(name=f"C{number}")
        project = Project.objects.create(name=f"P{number}", client=client)
        spend(bob, project, start=NINE + timedelta(number), billable=True, rate_cents=number)
    many = queries()

    assert len(few) == len(many)
    assert sum("SUM(" in query for query in many) == 2


def test_an_entry_of_two_tags_counts_once_in_the_row_that_they_part(dora):
    entry = spend(dora)
    entry.tags.add(*(Tag.objects.create(name=name) for name in ("call", "home")))

    (row,) = report(dora, "by=person&then=tag").rows

    assert row.sums.entries == 1
    assert [one.sums.entries for one in row.rows] == [1, 1]


# --- against plain Python ---


class Spent:
    """An entry's facts, for the plain calculation."""

    def __init__(self, entry: TimeEntry, tags: frozenset[Any]) -> None:
        self.entry, self.tags = entry, tags
        self.project, self.day = entry.project, entry.day

    def keys(self, group: str, week_start: int) -> set[Any]:
        entry, client = self.entry, self.project.client_id if self.project else None
        one = {
            "client": client,
            "project": entry.project_id,
            "task": entry.task_id,
            "person": entry.user_id,
            "billable": entry.billable,
            "day": self.day,
            "week": week_of(self.day, week_start)[0],
            "month": self.day.replace(day=1),
        }
        return {*self.tags} or {None} if group == "tag" else {one[group]}


@pytest.fixture
def furniture(db):
    """Two people, three projects of two currencies and of no client, two tags."""
    people = [
        User.objects.create_user(name, password=PASSWORD, role=role, time_zone="Europe/Berlin")
        for name, role in (("erin", "manager"), ("frank", "user"))
    ]
    oslo = Client.objects.create(name="Oslo", currency="NOK")
    bonn = Client.objects.create(name="Bonn", currency="EUR")
    projects = [
        Project.objects.create(name=name, client=client)
        for name, client in (("Opera", oslo), ("Rhine", bonn), ("Loose", None))
    ]
    tasks = [Task.objects.create(project=project, name="Draft") for project in projects]
    tags = [Tag.objects.create(name=name) for name in ("call", "home")]
    return people, projects, tasks, tags


# Around the days on which clocks change, and a month's and a year's end.
CLOCKS_CHANGE = [date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 25)]
STARTS = st.builds(
    lambda day, minute: (
        datetime.combine(day, time(), BERLIN).astimezone(UTC) + timedelta(minutes=minute)
    ),
    st.sampled_from([*CLOCKS_CHANGE, date(2026, 12, 31), date(2026, 11, 2)]),
    st.integers(0, 2880),
)
ENTRY = st.fixed_dictionaries(
    {
        "person": st.integers(0, 1),
        "project": st.sampled_from([None, 0, 1, 2]),
        "has_task": st.booleans(),
        "tags": st.sampled_from([(), (0,), (1,), (0, 1)]),
        "billable": st.booleans(),
        "rate": st.sampled_from([None, 1, 9950, 12345, 10**9]),
        "start": STARTS,
        "seconds": st.integers(0, 30 * 3600),
    }
)
ROUNDINGS = st.builds(Rounding, st.sampled_from(WAYS), st.integers(1, 60))
GROUPINGS = st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2, unique=True)


@pytest.mark.slow
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    made=st.lists(ENTRY, max_size=12), grouped=GROUPINGS, rounding=ROUNDINGS, ws=st.integers(0, 6)
)
def test_its_sums_are_those_of_a_plain_calculation(furniture, made, grouped, rounding, ws):
    people, projects, tasks, tags = furniture
    TimeEntry.objects.all().delete()
    spent = [_made(one, people, projects, tasks, tags) for one in made]
    manager = people[0]
    manager.week_start = ws
    query = f"since=2026-01-01&until=2027-01-31&by={grouped[0]}&then={''.join(grouped[1:])}"
    query += f"&rounding={rounding.way}&minutes={rounding.minutes}"

    question = ReportForm(manager, QueryDict(query)).question()
    summary = summary_of(question)

    assert _plain(summary.totals) == _added(spent, rounding)
    assert summary.totals == totals_of(question)
    expected = _grouped(spent, grouped[0], ws)
    assert {row.key: _plain(row.sums) for row in summary.rows} == {
        key: _added(of, rounding) for key, of in expected.items()
    }
    for row in summary.rows:
        within = _grouped(expected[row.key], grouped[1], ws) if grouped[1:] else {}
        assert {one.key: _plain(one.sums) for one in row.rows} == {
            key: _added(of, rounding) for key, of in within.items()
        }
        for one in (row, *row.rows):  # the entries behind a figure come to it
            behind = ReportForm(manager, QueryDict(one.query))
            assert behind.notes == []
            assert totals_of(behind.question()) == one.sums
    for bar in summary.bars:
        of_bar = [one for one in spent if bar.first <= one.day <= bar.last]
        assert bar.sums.seconds == _added(of_bar, rounding)[2]
        assert end_of(summary.step, bar.first, ws) >= bar.last


def _made(one: Any, people: Any, projects: Any, tasks: Any, tags: Any) -> Spent:
    project = None if one["project"] is None else projects[one["project"]]
    task = tasks[one["project"]] if project is not None and one["has_task"] else None
    entry = spend(
        people[one["person"]],
        project,
        timedelta(seconds=one["seconds"]),
        one["start"],
        task=task,
        billable=one["billable"],
    )
    entry.rate_cents = one["rate"]
    TimeEntry.objects.filter(pk=entry.pk).update(rate_cents=one["rate"])
    entry.tags.add(*(tags[place] for place in one["tags"]))
    return Spent(entry, frozenset(tags[place].pk for place in one["tags"]))


def _grouped(spent: list[Spent], group: str, week_start: int) -> dict[Any, list[Spent]]:
    found = defaultdict(list)
    for one in spent:
        for key in one.keys(group, week_start):
            found[key].append(one)
    return found


def _added(spent: list[Spent], rounding: Rounding) -> tuple[Any, ...]:
    rounded = [(one, rounding.seconds(one.entry.seconds or 0)) for one in spent]
    cents: dict[str, int] = defaultdict(int)
    for one, seconds in rounded:
        if one.entry.billable:
            currency = one.project.currency if one.project else "EUR"
            cents[currency] += worth(seconds, one.entry.rate_cents)
    return (
        len(spent),
        sum(one.entry.seconds or 0 for one in spent),
        sum(seconds for _one, seconds in rounded),
        sum(seconds for one, seconds in rounded if one.entry.billable),
        {currency: amount for currency, amount in cents.items() if amount},
    )


def _plain(sums: Any) -> tuple[Any, ...]:
    return sums.entries, sums.raw, sums.seconds, sums.billable, sums.cents
