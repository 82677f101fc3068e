from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.models import Event
from tracking import services
from tracking.models import Deletion, Membership, Project, Tag, Task, TimeEntry

pytestmark = pytest.mark.django_db
NINE = datetime(2026, 3, 2, 9, 0, 12, 345678, tzinfo=UTC)
HOUR = timedelta(hours=1)


def made(user: Any, start: datetime = NINE, hours: float = 1, **fields: Any) -> TimeEntry:
    ended_at = start + timedelta(hours=hours)
    return TimeEntry.objects.create(user=user, started_at=start, ended_at=ended_at, **fields)


def create(user: Any, start: datetime = NINE, hours: float = 1, **what: Any) -> TimeEntry:
    ended_at = start + timedelta(hours=hours)
    return services.create_entry(user, started_at=start, ended_at=ended_at, **what)


def state(entry: TimeEntry) -> dict[str, Any]:
    """All that the database keeps of an entry."""
    row = TimeEntry.objects.filter(pk=entry.pk).values().get()
    return {**dict(row), "tags": sorted(entry.tags.values_list("pk", flat=True))}


def recorded() -> list[tuple[str, dict[str, Any]]]:
    """Events, with those of their properties that are not said of every event."""
    own = {"duration_seconds", "parts", "action", "entries"}
    return [
        (
            event.event,
            {
                key: value
                for key, value in event.properties.items()
                if key in own or key.startswith("has_")
            },
        )
        for event in Event.objects.order_by("pk")
    ]


def problems(caught: pytest.ExceptionInfo[ValidationError]) -> dict[str, list[str]]:
    return caught.value.message_dict


@transaction.atomic
def and_fail(act: Callable[[], object]) -> None:
    """Do something in a transaction that fails afterwards."""
    act()
    raise RuntimeError


class TestCreate:
    def test_it_makes_an_entry_of_all_that_is_given(self, bob, work):
        tags = services.tags_named(["on site"])

        entry = create(bob, description="  Plan ", task=work.checkout, tags=tags)

        entry.refresh_from_db()
        assert (entry.user, entry.description) == (bob, "Plan")
        assert (entry.project, entry.task) == (work.shop, work.checkout)
        assert (entry.started_at, entry.seconds) == (NINE, 3600)
        assert list(entry.tags.all()) == tags

    @pytest.mark.parametrize("billable", [True, False])
    def test_it_is_billable_as_its_project_is(self, bob, work, billable):
        work.shop.billable = billable
        work.shop.save()

        assert create(bob, project=work.shop).billable is billable
        assert create(bob, project=work.shop, billable=not billable).billable is not billable

    def test_it_is_not_billable_without_a_project(self, bob):
        assert create(bob).billable is False

    def test_it_belongs_to_the_day_on_which_it_starts_for_its_person(self, bob):
        bob.time_zone = "Asia/Kathmandu"  # +05:45
        bob.save()

        entry = create(bob, datetime(2026, 3, 1, 18, 30, tzinfo=UTC))
        assert entry.day.isoformat() == "2026-03-02"

    @pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25)])
    def test_a_day_of_another_length_is_counted_right(self, bob, day, hours):
        start = datetime(*day, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
        if hours > 24:  # what is entered by hand has at most 24
            with pytest.raises(ValidationError):
                create(bob, start, hours)
            hours = 24
        entry = create(bob, start, hours)
        assert entry.seconds == hours * 3600

    def test_it_records_what_was_filled_in_but_not_what(self, bob, work):
        create(bob, description="Secret merger", project=work.shop)

        filled = {"has_description": True, "has_project": True, "has_task": False}
        assert recorded() == [("time_entry.created", {"duration_seconds": 3600, **filled})]
        assert "Secret" not in str(Event.objects.get().properties)

    def test_entry_and_event_go_together(self, bob):
        with pytest.raises(RuntimeError):
            and_fail(lambda: create(bob))

        assert not TimeEntry.objects.exists()
        assert not Event.objects.exists()


class TestRefusals:
    def refused(self, user: Any, start: datetime = NINE, hours: float = 1, **what: Any) -> Any:
        with pytest.raises(ValidationError) as caught:
            create(user, start, hours, **what)
        assert not TimeEntry.objects.exists()
        assert not Event.objects.exists()
        return problems(caught)

    def test_it_refuses_an_end_before_the_start(self, bob):
        assert self.refused(bob, hours=-1) == {"ended_at": ["The end must come after the start."]}

    def test_it_refuses_no_time_at_all(self, bob):
        assert self.refused(bob, hours=0) == {"ended_at": ["The end must come after the start."]}

    def test_it_takes_24_hours_and_not_a_microsecond_more(self, bob):
        sentence = "An entry has at most 24 hours. Make one for each day."
        assert self.refused(bob, hours=900) == {"ended_at": [sentence]}
        more = 24 + 1e-6 / 3600 * 2
        assert self.refused(bob, hours=more) == {"ended_at": [sentence]}
        assert create(bob, hours=24).seconds == 86400

    @pytest.mark.parametrize("year", [1, 1899, 1999, 2126, 9999])
    def test_it_refuses_another_century(self, bob, year):
        sentence = "Choose a day from the year 2000 to a year from now."
        start = datetime(year, 6, 1, tzinfo=UTC)
        assert self.refused(bob, start) == {"started_at": [sentence]}

    def test_it_refuses_a_description_of_10000_characters(self, bob):
        assert self.refused(bob, description="é" * 10_000) == {
            "description": ["The description has 10000 characters; at most 500 fit. Shorten it."]
        }

    def test_it_refuses_a_project_that_others_are_members_of(self, bob, charlie, work):
        Membership.objects.create(project=work.shop, user=charlie)

        assert self.refused(bob, project=work.shop) == {
            "project": ["You are no member of this project. Choose another project."]
        }

    def test_managers_may_choose_it(self, dora, charlie, work):
        Membership.objects.create(project=work.shop, user=charlie)
        assert create(dora, project=work.shop).project == work.shop

    def test_it_refuses_what_is_archived_or_done(self, bob, work):
        Project.objects.filter(pk=work.garden.pk).update(archived=True)
        Task.objects.update(done=True)
        work.garden.refresh_from_db()
        work.checkout.refresh_from_db()

        assert "archived" in self.refused(bob, project=work.garden)["project"][0]
        assert "done" in self.refused(bob, task=work.checkout)["task"][0]

    def test_it_says_all_that_is_wrong_at_once(self, bob, work):
        wrong = self.refused(bob, description="x" * 501, project=work.garden, task=work.checkout)
        assert set(wrong) == {"description", "task"}


class TestUpdate:
    def test_only_what_is_given_changes(self, bob, work):
        entry = made(bob, description="Old", project=work.garden)
        entry.tags.set(services.tags_named(["kept"]))
        before = state(entry)

        services.update_entry(bob, entry.pk, entry.version, description="New")

        changed = {"description": "New", "version": before["version"] + 1}
        assert state(entry) == {**before, **changed}

    def test_times_change_to_the_microsecond(self, bob):
        entry = made(bob)

        services.update_entry(bob, entry.pk, entry.version, ended_at=NINE + 2 * HOUR)

        entry.refresh_from_db()
        assert (entry.started_at, entry.ended_at) == (NINE, NINE + 2 * HOUR)
        assert entry.seconds == 7200

    def test_the_day_stays_though_the_person_has_moved(self, bob):
        entry = made(bob, datetime(2026, 3, 1, 22, tzinfo=UTC))
        bob.time_zone = "Asia/Tokyo"
        bob.save()

        services.update_entry(bob, entry.pk, entry.version, description="From Tokyo")
        entry.refresh_from_db()
        assert entry.day.isoformat() == "2026-03-01"

        moved = entry.started_at + timedelta(minutes=1)
        services.update_entry(bob, entry.pk, entry.version, started_at=moved)
        entry.refresh_from_db()
        assert entry.day.isoformat() == "2026-03-02"

    def test_a_change_from_elsewhere_is_never_overwritten(self, bob):
        entry = made(bob, description="Old")
        services.update_entry(bob, entry.pk, entry.version, description="First tab")
        before = state(entry)

        with pytest.raises(services.ChangedElsewhereError) as caught:
            services.update_entry(bob, entry.pk, entry.version, description="Second tab")

        assert caught.value.messages == [
            "This entry was changed elsewhere. Check what it says now, then change it again."
        ]
        assert state(entry) == before

    def test_it_keeps_a_project_that_was_archived_since(self, bob, work):
        entry = made(bob, project=work.shop, task=work.checkout)
        Project.objects.update(archived=True)
        Task.objects.update(done=True)
        work.shop.refresh_from_db()
        work.checkout.refresh_from_db()

        kept = {"project": work.shop, "task": work.checkout}
        assert services.update_entry(bob, entry.pk, entry.version, description="x", **kept)

    def test_a_task_never_stays_behind_when_the_project_changes(self, bob, work):
        entry = made(bob, project=work.shop, task=work.checkout)

        services.update_entry(bob, entry.pk, entry.version, project=work.garden)

        entry.refresh_from_db()
        assert (entry.project, entry.task) == (work.garden, None)

    def test_it_refuses_the_entries_of_others(self, bob, dora, charlie):
        entry = made(charlie)
        for person in (bob, dora):
            with pytest.raises(TimeEntry.DoesNotExist):
                services.update_entry(person, entry.pk, entry.version, description="Mine")

    def test_admins_change_the_entries_of_all(self, alice, bob):
        entry = made(bob)

        services.update_entry(alice, entry.pk, entry.version, description="Corrected")

        entry.refresh_from_db()
        assert (entry.user, entry.description) == (bob, "Corrected")
        assert Event.objects.get().distinct_id == str(alice.pk)

    def test_a_refusal_changes_and_records_nothing(self, bob):
        entry = made(bob)
        before = state(entry)

        with pytest.raises(ValidationError):
            services.update_entry(
                bob, entry.pk, entry.version, description="x", ended_at=NINE - HOUR
            )

        assert state(entry) == before
        assert not Event.objects.exists()


class TestOverlap:
    @pytest.fixture(autouse=True)
    def _refused(self, settings):
        settings.OVERLAPPING_ENTRIES = "refuse"

    def test_it_names_the_entry_that_clashes(self, bob):
        made(bob, description="Stand-up")

        with pytest.raises(ValidationError) as caught:
            create(bob, NINE + HOUR / 2)

        assert problems(caught) == {
            "started_at": [
                "This overlaps with “Stand-up” (2 March, 09:00–10:00)."
                " Change the times of one of them."
            ]
        }
        assert TimeEntry.objects.count() == 1

    def test_entries_may_touch(self, bob):
        made(bob)
        create(bob, NINE + HOUR)
        create(bob, NINE - HOUR)

    def test_others_may_work_at_the_same_time(self, bob, charlie):
        made(charlie)
        create(bob)

    def test_a_change_is_refused_too_but_an_entry_never_clashes_with_itself(self, bob):
        made(bob, NINE + 2 * HOUR)
        entry = made(bob)

        services.update_entry(bob, entry.pk, entry.version, ended_at=NINE + HOUR / 2)
        entry.refresh_from_db()
        with pytest.raises(ValidationError, match="overlaps"):
            services.update_entry(bob, entry.pk, entry.version, ended_at=NINE + 3 * HOUR)

    def test_what_overlaps_since_earlier_may_still_be_described(self, bob):
        made(bob)
        entry = made(bob)

        services.update_entry(bob, entry.pk, entry.version, description="Fine")

    def test_the_running_timer_counts(self, bob):
        running = services.start_timer(bob, description="Now")
        with pytest.raises(ValidationError, match="“Now”"):
            create(bob, running.started_at - HOUR / 2)

    def test_no_timer_is_started_within_an_entry(self, bob):
        meeting = made(bob, timezone.now() - HOUR / 2, description="Meeting")
        with pytest.raises(ValidationError, match="“Meeting”"):
            services.start_timer(bob)
        meeting.delete()
        assert services.start_timer(bob).running

    def test_a_running_timer_has_the_time_until_now(self, bob):
        running = services.start_timer(bob)
        tomorrow = timezone.now() + 24 * HOUR
        create(bob, tomorrow, description="Planned")

        earlier = running.started_at - HOUR
        assert services.update_timer(bob, running.version, started_at=earlier).running
        services.stop_timer(bob)
        services.start_timer(bob)

    def test_what_another_entry_has_the_time_of_does_not_come_back(self, bob):
        deletion = services.delete_entries(bob, [made(bob).pk])
        assert deletion is not None
        other = create(bob, description="Instead")

        with pytest.raises(ValidationError, match="“Instead”"):
            services.restore(bob, deletion.pk)
        other.delete()
        assert services.restore(bob, deletion.pk) == 1

    def test_it_refuses_a_duplicate(self, bob):
        entry = made(bob)
        with pytest.raises(ValidationError, match="overlaps"):
            services.duplicate_entry(bob, entry.pk)

    def test_it_allows_a_split(self, bob):
        entry = made(bob)
        services.split_entry(bob, entry.pk, entry.version, NINE + HOUR / 2)


def test_overlaps_are_allowed_unless_the_operator_refuses_them(bob):
    made(bob)
    create(bob)


class TestDuplicate:
    def test_it_makes_another_of_the_same(self, bob, work):
        entry = made(bob, description="x", project=work.shop, task=work.checkout, billable=True)
        entry.tags.set(services.tags_named(["a", "b"]))

        copy = services.duplicate_entry(bob, entry.pk)

        different = {"id": copy.pk, "version": state(copy)["version"]}
        assert state(copy) == {**state(entry), **different}
        filled = {"has_description": True, "has_project": True, "has_task": True}
        assert recorded() == [("time_entry.duplicated", {"duration_seconds": 3600, **filled})]

    def test_it_takes_no_running_timer_and_none_of_others(self, bob, charlie):
        running = services.start_timer(bob)
        for pk in (running.pk, made(charlie).pk, 0):
            with pytest.raises(TimeEntry.DoesNotExist):
                services.duplicate_entry(bob, pk)

    def test_it_spends_no_new_time_on_what_is_archived(self, bob, work):
        entry = made(bob, project=work.shop)
        Project.objects.update(archived=True)

        with pytest.raises(ValidationError, match="archived"):
            services.duplicate_entry(bob, entry.pk)
        assert TimeEntry.objects.count() == 1


class TestSplit:
    def test_the_parts_sum_to_the_whole_and_say_the_same(self, bob, work):
        entry = made(bob, hours=1.25, description="x", project=work.shop)
        entry.tags.set(services.tags_named(["a"]))

        first, second = services.split_entry(bob, entry.pk, entry.version, NINE + HOUR / 3)

        assert first.ended_at == second.started_at
        assert (first.started_at, second.ended_at) == (NINE, NINE + 1.25 * HOUR)
        for part in (first, second):
            assert (part.description, part.project, part.user) == ("x", work.shop, bob)
            assert [tag.name for tag in part.tags.all()] == ["a"]
        assert recorded() == [("time_entry.split", {"parts": 2})]

    @pytest.mark.parametrize("micro", [0, 1, 500_000, 999_999])
    def test_no_second_is_lost_between_fractions(self, bob, micro):
        """Cut off, 100.3 s and 200.9 s were one second less than 301.2 s."""
        start = NINE.replace(second=0, microsecond=700_000)
        entry = TimeEntry.objects.create(
            user=bob, started_at=start, ended_at=start + timedelta(seconds=301.2)
        )
        at = (start + timedelta(seconds=100)).replace(microsecond=micro)

        first, second = services.split_entry(bob, entry.pk, entry.version, at)

        assert first.seconds is not None
        assert second.seconds is not None
        assert first.seconds + second.seconds == 301

    def test_each_part_belongs_to_the_day_on_which_it_starts(self, bob):
        entry = made(bob, datetime(2026, 3, 1, 23, tzinfo=UTC), 2)

        first, second = services.split_entry(
            bob, entry.pk, entry.version, datetime(2026, 3, 2, tzinfo=UTC)
        )
        assert [part.day.day for part in (first, second)] == [1, 2]

    @pytest.mark.parametrize("hours", [-1, 0, 1, 2])
    def test_it_refuses_a_moment_that_is_not_within(self, bob, hours):
        entry = made(bob)
        before = state(entry)

        with pytest.raises(ValidationError) as caught:
            services.split_entry(bob, entry.pk, entry.version, NINE + hours * HOUR)

        assert problems(caught) == {"at": ["Choose a time between start and end of the entry."]}
        assert state(entry) == before
        assert TimeEntry.objects.count() == 1

    def test_it_splits_nothing_that_changed_elsewhere(self, bob):
        entry = made(bob)
        services.update_entry(bob, entry.pk, entry.version, description="x")

        with pytest.raises(services.ChangedElsewhereError):
            services.split_entry(bob, entry.pk, entry.version, NINE + HOUR / 2)
        assert TimeEntry.objects.count() == 1


class TestDeleteAndUndo:
    def test_it_is_back_to_the_microsecond_with_its_tags(self, bob, work):
        entry = made(
            bob,
            NINE + timedelta(microseconds=654_321),
            1.23456789,
            description="“x” \U0001f570 <b>",
            project=work.shop,
            task=work.checkout,
            billable=True,
        )
        entry.tags.set(services.tags_named(["a", "b"]))
        services.update_entry(bob, entry.pk, entry.version, description="twice")
        before = state(entry)

        deletion = services.delete_entries(bob, [entry.pk])
        assert deletion is not None
        assert not TimeEntry.objects.exists()
        assert services.restore(bob, deletion.pk) == 1

        assert state(entry) == before
        assert not Deletion.objects.exists()

    def test_the_day_is_that_of_before_though_the_person_has_moved(self, bob):
        entry = made(bob, datetime(2026, 3, 1, 22, tzinfo=UTC))
        deletion = services.delete_entries(bob, [entry.pk])
        bob.time_zone = "Asia/Tokyo"
        bob.save()

        assert deletion is not None
        services.restore(bob, deletion.pk)
        assert state(entry)["day"].isoformat() == "2026-03-01"

    def test_many_are_deleted_and_back_in_as_many_statements_as_few(
        self, bob, work, django_assert_max_num_queries
    ):
        tags = services.tags_named(["a", "b"])
        entries = [made(bob, NINE + n * HOUR, project=work.shop) for n in range(100)]
        for entry in entries:
            entry.tags.set(tags)
        before = [state(entry) for entry in entries]

        with django_assert_max_num_queries(30):
            deletion = services.delete_entries(bob, [entry.pk for entry in entries])
            assert deletion is not None
            assert services.restore(bob, deletion.pk) == 100

        assert [state(entry) for entry in entries] == before
        assert recorded() == [("time_entries.bulk_updated", {"action": "delete", "entries": 100})]

    def test_one_is_recorded_as_one(self, bob):
        services.delete_entries(bob, [made(bob, hours=2).pk])

        filled = {"has_description": False, "has_project": False, "has_task": False}
        assert recorded() == [("time_entry.deleted", {"duration_seconds": 7200, **filled})]

    def test_the_entries_of_others_and_running_ones_are_left_out(self, bob, charlie):
        hers, mine, running = made(charlie), made(bob), services.start_timer(bob)

        deletion = services.delete_entries(bob, [hers.pk, mine.pk, running.pk, 0])

        assert deletion is not None
        assert [kept["fields"]["id"] for kept in deletion.entries] == [str(mine.pk)]
        assert set(TimeEntry.objects.all()) == {hers, running}
        assert services.delete_entries(bob, [hers.pk]) is None

    def test_at_most_500_at_once(self, bob):
        with pytest.raises(ValidationError, match="At most 500"):
            services.delete_entries(bob, range(1, 502))

    def test_only_who_deleted_can_undo_and_only_once(self, alice, bob):
        deletion = services.delete_entries(bob, [made(bob).pk])
        assert deletion is not None

        assert services.restore(alice, deletion.pk) == 0
        assert services.restore(bob, deletion.pk) == 1
        assert services.restore(bob, deletion.pk) == 0
        assert TimeEntry.objects.count() == 1

    def test_after_a_day_it_cannot_be_undone_and_is_forgotten(self, bob):
        deletion = services.delete_entries(bob, [made(bob).pk])
        assert deletion is not None
        old = timezone.now() - timedelta(days=1, seconds=1)
        Deletion.objects.update(deleted_at=old)

        assert services.restore(bob, deletion.pk) == 0
        services.delete_entries(bob, [made(bob).pk])
        assert not Deletion.objects.filter(pk=deletion.pk).exists()

    def test_what_was_deleted_meanwhile_is_left_off(self, bob, work):
        entry = made(bob, project=work.shop, task=work.checkout)
        entry.tags.set(services.tags_named(["a", "b"]))
        deletion = services.delete_entries(bob, [entry.pk])
        work.shop.delete()
        Tag.objects.get(name="a").delete()

        assert deletion is not None
        assert services.restore(bob, deletion.pk) == 1
        entry.refresh_from_db()
        assert (entry.project, entry.task) == (None, None)
        assert [tag.name for tag in entry.tags.all()] == ["b"]

    def test_a_discarded_timer_runs_again(self, bob):
        running = services.start_timer(bob, tags=services.tags_named(["a"]))
        before = state(running)
        deletion = services.discard_timer(bob)

        assert deletion is not None
        assert services.restore(bob, deletion.pk) == 1
        assert state(running) == before

    def test_beside_another_timer_it_is_back_as_finished(self, bob):
        running = services.start_timer(bob)
        TimeEntry.objects.update(started_at=timezone.now() - HOUR)
        deletion = services.discard_timer(bob)
        other = services.start_timer(bob)

        assert deletion is not None
        assert services.restore(bob, deletion.pk) == 1
        running.refresh_from_db()
        assert running.ended_at == deletion.deleted_at
        assert running.seconds in (3600, 3601)
        assert TimeEntry.objects.get(ended_at=None) == other

    def test_deletion_and_event_go_together(self, bob):
        entry = made(bob)
        with pytest.raises(RuntimeError):
            and_fail(lambda: services.delete_entries(bob, [entry.pk]))

        assert TimeEntry.objects.get() == entry
        assert not Event.objects.exists()
        assert not Deletion.objects.exists()


class TestChangeSeveral:
    def test_they_move_and_become_billable_as_the_project_is(self, bob, work):
        entries = [made(bob, project=work.garden) for _number in range(3)]
        before = [state(entry) for entry in entries]
        pks = [entry.pk for entry in entries[:2]]

        count = services.change_entries(bob, pks, action="move", task=work.checkout)

        assert count == 2
        moved = {"project_id": work.shop.pk, "task_id": work.checkout.pk, "billable": True}
        for entry, was in zip(entries[:2], before[:2], strict=True):
            assert state(entry) == {**was, **moved, "version": was["version"] + 1}
        assert state(entries[2]) == before[2]
        assert recorded() == [("time_entries.bulk_updated", {"action": "move", "entries": 2})]

    def test_they_move_to_no_project(self, bob, work):
        entry = made(bob, project=work.shop, task=work.checkout, billable=True)

        services.change_entries(bob, [entry.pk], action="move")

        entry.refresh_from_db()
        assert (entry.project, entry.task, entry.billable) == (None, None, False)

    def test_tags_come_to_those_that_are_there(self, bob):
        entry = made(bob)
        entry.tags.set(services.tags_named(["a", "b"]))

        tags = services.tags_named(["B", "c"])
        services.change_entries(bob, [entry.pk], action="tag", tags=tags)

        assert sorted(tag.name for tag in entry.tags.all()) == ["a", "b", "c"]
        assert recorded() == [("time_entries.bulk_updated", {"action": "tag", "entries": 1})]

    def test_no_entry_gets_more_than_20_tags(self, bob):
        entry = made(bob)
        entry.tags.set(services.tags_named([f"tag {n}" for n in range(19)]))

        tags = services.tags_named(["one", "two"])
        with pytest.raises(ValidationError, match="at most 20"):
            services.change_entries(bob, [entry.pk], action="tag", tags=tags)
        assert entry.tags.count() == 19

    @pytest.mark.parametrize("billable", [True, False])
    def test_they_become_billable_or_not(self, bob, work, billable):
        entry = made(bob, project=work.shop, billable=not billable)

        services.change_entries(bob, [entry.pk], action="billable", billable=billable)

        entry.refresh_from_db()
        assert (entry.billable, entry.project) == (billable, work.shop)

    def test_those_of_others_are_left_out_but_for_admins(self, alice, bob, charlie):
        hers = made(charlie)
        before = state(hers)

        assert services.change_entries(bob, [hers.pk], action="billable", billable=True) == 0
        assert state(hers) == before
        assert not Event.objects.exists()
        assert services.change_entries(alice, [hers.pk], action="billable", billable=True) == 1

    def test_it_refuses_a_project_that_is_not_the_persons(self, bob, charlie, work):
        Membership.objects.create(project=work.shop, user=charlie)
        entry = made(bob)

        with pytest.raises(ValidationError, match="no member"):
            services.change_entries(bob, [entry.pk], action="move", project=work.shop)
        assert not Event.objects.exists()

    def test_a_change_of_many_is_seen_by_other_tabs(self, bob):
        entry = made(bob)
        services.change_entries(bob, [entry.pk], action="billable", billable=True)

        with pytest.raises(services.ChangedElsewhereError):
            services.update_entry(bob, entry.pk, entry.version, description="x")

    @pytest.mark.parametrize("action", ["move", "tag", "billable"])
    def test_many_take_as_many_queries_as_few(self, bob, work, action):
        tags = services.tags_named(["a", "b"])
        pks = [made(bob).pk for _number in range(60)]
        counts = []
        for some in (pks[:3], pks[3:]):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                services.change_entries(bob, some, action=action, project=work.garden, tags=tags)
            counts.append(len(queries))
        assert counts[0] == counts[1]


class TestTags:
    def test_upper_and_lower_case_are_one(self, db):
        first = services.tags_named(["On site"])
        assert services.tags_named(["on SITE", "ON site"]) == first
        assert Tag.objects.get().name == "On site"

    def test_it_refuses_too_many_and_too_long_ones(self, db):
        for names, sentence in (
            ([str(n) for n in range(21)], "at most 20"),
            (["x" * 51], "at most 50"),
        ):
            with pytest.raises(ValidationError, match=sentence):
                services.tags_named(names)
        assert not Tag.objects.filter(name="x" * 51).exists()

    def test_an_archived_one_stays_only_where_it_was(self, bob):
        old = Tag.objects.create(name="old", archived=True)
        entry = made(bob)
        with pytest.raises(ValidationError, match="archived"):
            services.tags_named(["Old"], entry)

        entry.tags.add(old)
        assert services.tags_named(["Old"], entry) == [old]
