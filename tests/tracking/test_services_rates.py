"""Which rate an entry keeps, and which entries a rate that changes revalues."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, NamedTuple

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings, strategies as st

from accounts.models import User
from tests.conftest import PASSWORD
from tracking import services
from tracking.models import Client, Project, Rate, TimeEntry
from tracking.services.rates import Level, Revaluation, revalue

pytestmark = pytest.mark.django_db
MAY = date(2026, 5, 1)
DAYS = 8  # from the first of May, in generated tests


def on(number: int) -> date:
    """A day of May, counted from 0."""
    return MAY + timedelta(number)


def spend(user: Any, project: Any, day: date = MAY, hours: float = 1) -> TimeEntry:
    start = datetime.combine(day, time(9), UTC)
    end = start + timedelta(hours=hours)
    return TimeEntry.objects.create(user=user, project=project, started_at=start, ended_at=end)


def all_kept(entries: list[TimeEntry]) -> list[int | None]:
    """As the database has it, in one query."""
    rates = dict(TimeEntry.objects.values_list("pk", "rate_cents"))
    return [rates[entry.pk] for entry in entries]


def kept(entry: TimeEntry) -> int | None:
    entry.refresh_from_db()
    return entry.rate_cents


def refused(service: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    with pytest.raises(ValidationError) as caught:
        service(*args, **kwargs)
    return dict(caught.value.update_error_dict({}))


class TestWhichApplies:
    def test_the_nearest_does(self, dora, bob, work):
        entry = spend(bob, work.shop)
        levels = [
            Level(),
            Level(client=work.client),
            Level(user=bob),
            Level(project=work.shop),
            Level(user=bob, project=work.shop),
        ]
        for cents, level in enumerate(levels, 1):
            services.set_rate(dora, level, MAY, cents, seen=None)
            assert kept(entry) == cents
        for cents in (5, 4, 3, 2, 1):
            services.delete_rate(dora, Rate.objects.get(cents=cents).pk, seen=None)
            assert kept(entry) == (cents - 1 or None)

    def test_none_does_where_the_only_one_is_deleted(self, dora, bob, work):
        entry = spend(bob, work.shop)
        for level in (Level(client=work.client), Level(user=bob), Level(project=work.shop)):
            services.set_rate(dora, level, MAY, 5, seen=None)
            assert services.delete_rate(dora, Rate.objects.get().pk, seen=None).entries == 1
            assert kept(entry) is None

    def test_of_these_the_latest_that_has_begun(self, dora, bob, work):
        entries = [spend(bob, work.shop, on(number)) for number in range(4)]
        services.set_rate(dora, Level(), on(1), 10, seen=None)
        services.set_rate(dora, Level(), on(3), 30, seen=None)
        assert [kept(entry) for entry in entries] == [None, 10, 10, 30]

    def test_an_entry_without_a_project_has_that_of_its_person(self, dora, bob, charlie):
        services.set_rate(dora, Level(user=bob), MAY, 10, seen=None)
        assert (spend(bob, None).rate_cents, spend(charlie, None).rate_cents) == (10, None)

    def test_another_day_or_project_has_another_rate(self, dora, bob, work):
        services.set_rate(dora, Level(project=work.shop), on(1), 10, seen=None)
        entry = spend(bob, work.garden, on(2))
        moved = services.update_entry(bob, entry.pk, entry.version, project=work.shop)
        assert moved.rate_cents == 10
        start = datetime.combine(MAY, time(9), UTC)
        times = {"started_at": start, "ended_at": start + timedelta(hours=1)}
        assert services.update_entry(bob, entry.pk, moved.version, **times).rate_cents is None

    def test_a_change_of_words_keeps_the_rate(self, dora, bob, work):
        entry = spend(bob, work.shop)
        TimeEntry.objects.update(rate_cents=7)  # as it was kept, though none applies now
        services.update_entry(bob, entry.pk, entry.version, description="Other words")
        assert kept(entry) == 7

    def test_several_that_move_have_that_of_the_other_project(self, dora, bob, work):
        services.set_rate(dora, Level(project=work.garden), MAY, 10, seen=None)
        entries = [spend(bob, work.shop, on(number)) for number in range(2)]
        keys = [entry.pk for entry in entries]
        services.change_entries(bob, keys, action="move", project=work.garden)
        assert [kept(entry) for entry in entries] == [10, 10]


class TestPreview:
    def test_it_tells_of_what_is_revalued_and_does_nothing(self, dora, bob, charlie, work):
        spend(bob, work.shop, on(0))
        spend(bob, work.shop, on(2))
        spend(charlie, work.garden, on(4))

        found = services.preview_set(dora, Level(), on(1), 500)

        assert found == Revaluation(2, 2, 2, on(2), on(4), 0)
        assert not Rate.objects.exists()
        assert services.set_rate(dora, Level(), on(1), 500, seen=str(found)) == found

    def test_what_has_the_rate_already_is_not_told_of(self, dora, bob, work):
        spend(bob, work.shop)
        services.set_rate(dora, Level(), MAY, 500, seen=None)
        assert services.preview_set(dora, Level(), MAY, 500).entries == 0
        assert services.preview_set(dora, Level(user=bob), MAY, 500).entries == 0

    def test_locked_time_keeps_its_rates_unless_an_admin_changes_them(self, alice, dora, bob, work):
        locked, free = spend(bob, work.shop, on(0)), spend(bob, work.shop, on(1))
        services.lock(alice, on(0))

        assert services.preview_set(dora, Level(), MAY, 5) == Revaluation(1, 1, 1, on(1), on(1), 1)
        assert services.preview_set(alice, Level(), MAY, 5) == Revaluation(2, 1, 1, MAY, on(1), 0)
        services.set_rate(dora, Level(), MAY, 5, seen=None)
        assert (kept(locked), kept(free)) == (None, 5)
        services.set_rate(alice, Level(), MAY, 6, seen=None)
        assert (kept(locked), kept(free)) == (6, 6)

    @pytest.mark.parametrize("deletes", [False, True])
    def test_it_does_nothing_else_than_was_seen(self, dora, bob, work, deletes):
        rate = Rate.objects.create(since=MAY, cents=5)
        entry = spend(bob, work.shop)
        if deletes:
            seen = services.preview_delete(dora, rate.pk)
        else:
            seen = services.preview_set(dora, Level(), MAY, 6)
        spend(bob, work.shop, on(1))

        change = (
            partial(services.delete_rate, dora, rate.pk)
            if deletes
            else partial(services.set_rate, dora, Level(), MAY, 6)
        )
        with pytest.raises(services.ChangedElsewhereError, match="since you looked"):
            change(seen=str(seen))
        assert list(Rate.objects.values_list("cents")) == [(5,)]
        assert kept(entry) == 5

    def test_a_rate_of_the_same_day_is_replaced(self, dora):
        for cents in (5, 6):
            services.set_rate(dora, Level(), MAY, cents, seen=None)
        assert list(Rate.objects.values_list("since", "cents")) == [(MAY, 6)]

    def test_as_many_queries_however_many_entries(self, dora, bob, work):
        def queries() -> int:
            with CaptureQueriesContext(connection) as found:
                services.preview_set(dora, Level(client=work.client), MAY, 6)
            return len(found)

        spend(bob, work.shop)
        one = queries()
        for number in range(20):
            spend(bob, work.shop, on(number))
        assert queries() == one


class TestRefused:
    def test_a_client_with_a_project_or_a_member(self, dora, bob, work):
        for level in (
            Level(client=work.client, project=work.shop),
            Level(client=work.client, user=bob),
        ):
            assert "__all__" in refused(services.set_rate, dora, level, MAY, 5, seen=None)

    @pytest.mark.parametrize("day", [date(1999, 12, 31), date.max])
    def test_a_day_that_is_a_slip(self, dora, day):
        assert set(refused(services.preview_set, dora, Level(), day, 5)) == {"since"}

    @pytest.mark.parametrize("cents", [-1, 10**9 + 1])
    def test_an_amount_that_is_none(self, dora, cents):
        assert set(refused(services.preview_set, dora, Level(), MAY, cents)) == {"cents"}

    def test_a_rate_that_is_not_there(self, dora):
        for service in (services.preview_delete, services.delete_rate):
            with pytest.raises(Rate.DoesNotExist):
                service(dora, 99, **({"seen": None} if service is services.delete_rate else {}))


def test_a_rate_may_be_nothing_at_all(dora, bob, work):
    """Work that is billable, but free for this project."""
    services.set_rate(dora, Level(), MAY, 5, seen=None)
    services.set_rate(dora, Level(project=work.shop), MAY, 0, seen=None)
    assert spend(bob, work.shop).rate_cents == 0


# --- generated -----------------------------------------------------------------------------------


class House(NamedTuple):
    """Who and what there is: numbers of the generated rates and entries count in these."""

    people: list[Any]
    projects: list[Any]  # the first two are the client's; the last is none
    client: Any
    manager: Any
    admin: Any

    def level(self, person: int | None, project: int | None, client: bool) -> Level:
        if client:
            return Level(client=self.client)
        return Level(
            None if person is None else self.people[person],
            None if project is None else self.projects[project],
        )


@pytest.fixture
def house(db: None) -> House:
    client = Client.objects.create(name="Aurora")
    projects = [
        Project.objects.create(name=f"P{n}", client=client if n < 2 else None) for n in range(3)
    ]
    people = [User.objects.create_user(f"p{n}", password=PASSWORD) for n in range(2)]
    manager = User.objects.create_user("m", password=PASSWORD, role="manager")
    admin = User.objects.create_user("a", password=PASSWORD, role="admin")
    return House(people, [*projects, None], client, manager, admin)


def plain(level: Level, rates: dict[Any, int], entry: TimeEntry) -> int | None:
    """The rate of an entry by the words of the rule, computed without the database."""
    client = entry.project.client if entry.project else None
    order: list[Level] = []
    if entry.project:
        order += [Level(user=entry.user, project=entry.project), Level(project=entry.project)]
    order.append(Level(user=entry.user))
    if client:
        order.append(Level(client=client))
    order.append(level)  # of the whole installation
    for each in order:
        begun = [since for of, since in rates if of == each and since <= entry.day]
        if begun:
            return rates[each, max(begun)]
    return None


days = st.integers(0, DAYS - 1)
levels = st.one_of(
    st.tuples(st.none(), st.none(), st.just(True)),
    st.tuples(st.none() | st.integers(0, 1), st.none() | st.integers(0, 2), st.just(False)),
)
changes = st.lists(
    st.tuples(levels, days, st.one_of(st.none(), st.integers(0, 5))), min_size=1, max_size=6
)  # no amount: one of those that are there is deleted
entries = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), days), min_size=1, max_size=6)
generated = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def carried_out(
    house: House, person: Any, changes: Any
) -> Iterator[tuple[Revaluation, dict[Any, int]]]:
    """Make each change as a page does; after each what was told, and the rates by then."""
    rates: dict[Any, int] = {}
    for named, number, cents in changes:
        level, since = house.level(*named), on(number)
        if cents is None and rates:
            level, since = list(rates)[number % len(rates)]
        if cents is not None:
            told = services.preview_set(person, level, since, cents)
            services.set_rate(person, level, since, cents, seen=str(told))
            rates[level, since] = cents
            yield told, rates
        elif rates.pop((level, since), None) is not None:
            pk = level.rates().get(since=since).pk
            told = services.preview_delete(person, pk)
            services.delete_rate(person, pk, seen=str(told))
            yield told, rates


@given(changes, entries)
@generated
def test_every_entry_keeps_what_the_rule_says(house, changes, entries):
    with transaction.atomic():
        made = [spend(house.people[p], house.projects[q], on(day)) for p, q, day in entries]
        for _told, rates in carried_out(house, house.manager, changes):
            assert all_kept(made) == [plain(Level(), rates, entry) for entry in made]
        # What is entered afterwards has the same, whether alone or with others.
        later = [spend(house.people[p], house.projects[q], on(day)) for p, q, day in entries]
        again = [entry.rate_cents for entry in later]
        assert again == all_kept(made)
        TimeEntry.objects.update(rate_cents=99)
        revalue(TimeEntry.objects.all())
        assert again == all_kept(later)
        transaction.set_rollback(True)


@given(changes, entries, days, st.booleans())
@generated
def test_a_change_revalues_exactly_what_was_told(house, changes, entries, until, as_admin):
    with transaction.atomic():
        made = [spend(house.people[p], house.projects[q], on(day)) for p, q, day in entries]
        services.lock(house.admin, on(until))
        person = house.admin if as_admin else house.manager
        before = all_kept(made)
        for told, rates in carried_out(house, person, changes):
            after = all_kept(made)
            others = [
                entry for entry, old, new in zip(made, before, after, strict=True) if old != new
            ]
            assert told.entries == len(others)
            assert told.people == len({entry.user_id for entry in others})
            assert told.projects == len({entry.project_id for entry in others} - {None})
            assert told.first == min((entry.day for entry in others), default=None)
            assert told.last == max((entry.day for entry in others), default=None)
            if not as_admin:
                assert all(entry.day > on(until) for entry in others)
                assert told.locked <= sum(entry.day <= on(until) for entry in made)
            for entry, new in zip(made, after, strict=True):
                if as_admin or entry.day > on(until):
                    assert new == plain(Level(), rates, entry)
            before = after
        transaction.set_rollback(True)


def test_the_day_is_that_of_the_person(dora, bob, work):
    """The rate begins on the day that an entry keeps, whoever looks from wherever."""
    User.objects.filter(pk=bob.pk).update(time_zone="Pacific/Kiritimati")  # UTC+14
    bob.refresh_from_db()
    services.set_rate(dora, Level(), timezone.localdate() + timedelta(2), 5, seen=None)
    start = datetime.combine(timezone.localdate() + timedelta(1), time(11), UTC)
    entry = TimeEntry.objects.create(
        user=bob, project=work.shop, started_at=start, ended_at=start + timedelta(hours=1)
    )
    assert entry.rate_cents == 5


class TestKeeping:
    """A kept rate that no rate accounts for any more: the project went to another client since."""

    @pytest.fixture
    def entry(self, dora, bob, work):
        services.set_rate(dora, Level(client=work.client), MAY, 5000, seen=None)
        entry = spend(bob, work.shop, hours=2)
        Project.objects.filter(pk=work.shop.pk).update(client=Client.objects.create(name="Helix"))
        return entry

    def test_both_parts_of_a_split_entry_do(self, bob, entry):
        at = entry.started_at + timedelta(hours=1)
        parts = services.split_entry(bob, entry.pk, entry.version, at)
        assert [kept(part) for part in parts] == [5000, 5000]

    def test_a_part_on_another_day_gets_the_rate_of_that_day(self, dora, bob, work):
        services.set_rate(dora, Level(), MAY, 5000, seen=None)
        services.set_rate(dora, Level(), on(1), 6000, seen=None)
        entry = spend(bob, work.shop, hours=20)
        midnight = datetime.combine(on(1), time(0), UTC)
        parts = services.split_entry(bob, entry.pk, entry.version, midnight)
        assert [kept(part) for part in parts] == [5000, 6000]

    def test_a_copy_does(self, bob, entry):
        assert kept(services.duplicate_entry(bob, entry.pk)) == 5000

    def test_what_goes_to_another_task_of_its_project_does(self, bob, work, entry):
        services.change_entries(
            bob, [entry.pk], action="move", project=work.shop, task=work.checkout
        )
        assert kept(entry) == 5000

    def test_what_goes_to_another_project_gets_that_ones(self, dora, bob, work, entry):
        services.set_rate(dora, Level(project=work.garden), MAY, 7000, seen=None)
        services.change_entries(bob, [entry.pk], action="move", project=work.garden)
        assert kept(entry) == 7000

    def test_what_is_brought_back_does(self, bob, entry):
        deletion = services.delete_entries(bob, [entry.pk])
        assert deletion
        services.restore(bob, deletion.pk)
        assert TimeEntry.objects.get().rate_cents == 5000

    def test_what_comes_back_without_its_project_gets_the_wider_rate(self, dora, bob, work, entry):
        services.set_rate(dora, Level(), MAY, 3000, seen=None)
        deletion = services.delete_entries(bob, [entry.pk])
        assert deletion
        work.shop.tasks.all().delete()
        work.shop.delete()
        services.restore(bob, deletion.pk)
        assert TimeEntry.objects.get().rate_cents == 3000
