from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from tracking import services
from tracking.entry_forms import AddForm, BulkForm, EntryForm, SplitForm
from tracking.models import Project, TimeEntry

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")
Times = tuple[datetime, datetime]


@pytest.fixture(autouse=True)
def _in_berlin(bob: Any) -> None:
    bob.time_zone = "Europe/Berlin"
    bob.save()


def at(day: int, hour: int, minute: int = 0, second: int = 0, micro: int = 0) -> datetime:
    """A time of March 2026 in Berlin, as UTC."""
    return datetime(2026, 3, day, hour, minute, second, micro, tzinfo=BERLIN).astimezone(UTC)


class TestAdd:
    def times(self, user: Any, time: str, day: str = "2026-03-02") -> Times:
        form = AddForm(user, {"time": time, "day": day})
        assert form.is_valid(), form.errors
        return form.cleaned_data["started_at"], form.cleaned_data["ended_at"]

    def wrong(self, user: Any, time: str, day: str = "2026-03-02") -> dict[str, list[str]]:
        form = AddForm(user, {"time": time, "day": day})
        assert not form.is_valid()
        return {name: [str(e) for e in errors] for name, errors in form.errors.items()}

    @pytest.mark.parametrize(
        ("typed", "start", "end"),
        [
            ("9-12", at(2, 9), at(2, 12)),
            ("9:00–17:30", at(2, 9), at(2, 17, 30)),
            ("9am to 1 pm", at(2, 9), at(2, 13)),
            ("9 BIS 12", at(2, 9), at(2, 12)),
            ("22-6", at(2, 22), at(3, 6)),  # the next day's
        ],
    )
    def test_it_takes_start_and_end(self, bob, typed, start, end):
        assert self.times(bob, typed) == (start, end)

    @pytest.mark.parametrize("typed", ["1:30", "1.5", "1,5", "90m", "1h30", "1 h 30 min"])
    def test_a_length_alone_begins_at_nine(self, bob, typed):
        assert self.times(bob, typed) == (at(2, 9), at(2, 10, 30))

    def test_or_after_the_last_entry_of_that_day(self, bob, charlie):
        for user, start, end in ((bob, 7, 8), (bob, 11, 12), (charlie, 15, 16)):
            TimeEntry.objects.create(user=user, started_at=at(2, start), ended_at=at(2, end))

        assert self.times(bob, "1:30") == (at(2, 12), at(2, 13, 30))

    def test_but_not_on_the_next_day(self, bob):
        TimeEntry.objects.create(user=bob, started_at=at(2, 22), ended_at=at(3, 2))
        assert self.times(bob, "1") == (at(2, 9), at(2, 10))

    @pytest.mark.parametrize("day", ["", "today", "heute", " Today "])
    def test_today_it_ends_now(self, bob, day):
        bob.time_zone = "UTC" if timezone.now().hour >= 2 else "Asia/Tokyo"  # not after midnight
        before = timezone.now().replace(microsecond=0)

        start, end = self.times(bob, "1:30", day)

        assert end - start == 1.5 * HOUR
        assert before <= end <= timezone.now()

    def test_shortly_after_midnight_it_stays_on_its_day(self, bob):
        """A day of 23 hours 59 is over hardly anywhere: it begins today and ends later than now."""
        start, end = self.times(bob, "23:59", "today")

        midnight = timezone.localtime(timezone=BERLIN).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        assert start == midnight
        assert end - start == timedelta(hours=23, minutes=59)

    def test_a_day_without_an_hour_is_counted_right(self, bob):
        start, end = self.times(bob, "1-4", "2026-03-29")
        assert end - start == 2 * HOUR

    def test_a_time_that_the_clock_skips_is_said(self, bob):
        assert "does not exist" in self.wrong(bob, "2:30-4", "2026-03-29")["time"][0]

    @pytest.mark.parametrize(
        "typed", ["0", "0:00", "25", "900", "900h", "9-9", "x", "-1", "9-", "26-27", "9-12-15"]
    )
    def test_nonsense_is_said_beside_the_field(self, bob, typed):
        assert set(self.wrong(bob, typed)) == {"time"}

    @pytest.mark.parametrize("typed", ["9" * 10_000, "🕰", "<b>9</b>", "9\0-12", "٩-١٢"])
    def test_so_is_what_nobody_would_type(self, bob, typed):
        errors = self.wrong(bob, typed)
        assert set(errors) == {"time"}
        assert all(len(error) < 200 for error in errors["time"])

    def test_nothing_typed_says_what_to_write(self, bob):
        assert self.wrong(bob, "") == {
            "time": ["Write from when to when, 9:00–17:30, or how long, 1:30."]
        }

    @pytest.mark.parametrize("day", ["1926-03-02", "someday", "2026-02-30", "9999-12-31", "0"])
    def test_a_day_that_cannot_be_meant_is_said(self, bob, day):
        assert set(self.wrong(bob, "9-12", day)) == {"day"}

    def test_all_that_is_wrong_is_said_at_once(self, bob):
        assert set(self.wrong(bob, "x", "y")) >= {"day"}
        form = AddForm(bob, {"time": "x", "day": "", "project": "999"})
        assert set(form.errors) == {"time", "project"}


class TestChange:
    @pytest.fixture
    def entry(self, bob: Any, work: Any) -> TimeEntry:
        return TimeEntry.objects.create(
            user=bob,
            description="Old",
            project=work.garden,
            started_at=at(2, 9, 0, 23, 456),
            ended_at=at(2, 10, 30, 7, 89),
        )

    def form(self, entry: TimeEntry, user: Any = None, **typed: str) -> EntryForm:
        user = user or entry.user
        first = EntryForm(user, entry=entry)
        shown = {name: first[name].value() for name in first.fields}
        sent = {name: value for name, value in shown.items() if value not in (None, False)}
        return EntryForm(user, {**sent, **typed}, entry=entry)

    def times(self, entry: TimeEntry, **typed: str) -> Any:
        form = self.form(entry, **typed)
        assert form.is_valid(), form.errors
        return form.cleaned_data["started_at"], form.cleaned_data["ended_at"]

    def wrong(self, entry: TimeEntry, **typed: str) -> set[str]:
        return set(self.form(entry, **typed).errors)

    def test_it_shows_what_the_entry_says(self, entry):
        form = EntryForm(entry.user, entry=entry)
        shown = {name: form[name].value() for name in ("day", "start", "end", "duration")}
        assert shown == {"day": "2026-03-02", "start": "09:00", "end": "10:30", "duration": "1:29"}

    def test_it_shows_the_clock_of_the_person(self, entry):
        entry.user.hours_24 = False
        form = EntryForm(entry.user, entry=entry)
        assert (form["start"].value(), form["end"].value()) == ("9:00 am", "10:30 am")
        assert self.times(entry, end="1:05 pm") == (entry.started_at, at(2, 13, 5))

    def test_untouched_times_stay_untouched(self, entry):
        assert self.times(entry, description="New") == (None, None)

    def test_the_end_alone(self, entry):
        assert self.times(entry, end="11") == (entry.started_at, at(2, 11))

    def test_the_start_alone_leaves_the_seconds_of_the_end(self, entry):
        assert self.times(entry, start="830") == (at(2, 8, 30), entry.ended_at)

    def test_the_day_alone_moves_both_to_the_microsecond(self, entry):
        assert self.times(entry, day="3.3.2026") == (
            entry.started_at + 24 * HOUR,
            entry.ended_at + 24 * HOUR,
        )

    def test_the_day_moves_by_the_clock_where_it_changes(self, entry):
        start, end = self.times(entry, day="2026-03-30")  # summer time by then
        assert start == at(30, 9, 0, 23, 456)
        assert end == at(30, 10, 30, 7, 89)

    def test_the_duration_alone_moves_the_end(self, entry):
        assert self.times(entry, duration="2h") == (entry.started_at, entry.started_at + 2 * HOUR)

    def test_the_duration_with_the_start(self, entry):
        assert self.times(entry, start="8:00", duration="90m") == (at(2, 8), at(2, 9, 30))

    def test_end_and_duration_may_agree_but_not_differ(self, entry):
        assert self.times(entry, start="8", end="10", duration="2:00") == (at(2, 8), at(2, 10))
        assert self.wrong(entry, start="8", end="10", duration="3:00") == {"duration"}

    def test_an_end_that_is_typed_before_the_start_is_the_next_days(self, entry):
        assert self.times(entry, start="22", end="6") == (at(2, 22), at(3, 6))

    def test_to_the_minute_of_the_start_is_no_time(self, entry):
        assert self.wrong(entry, end="9:00") == {"end"}

    def test_a_timer_of_two_days_keeps_its_end(self, entry):
        """Who corrects the start of a forgotten timer does not mean to move its end."""
        entry.ended_at = at(4, 10)
        entry.save()
        assert self.times(entry, start="10:00") == (at(2, 10), at(4, 10))
        assert self.times(entry, day="2026-03-03")[1] == at(5, 10)

    def test_the_second_of_two_equal_times_stays(self, entry):
        """02:30 comes twice as the clock goes back: untouched, it is still the second one."""
        second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
        entry.started_at, entry.ended_at = second, second + HOUR
        entry.save()

        assert EntryForm(entry.user, entry=entry)["start"].value() == "02:30"
        assert self.times(entry, duration="0:30") == (second, second + HOUR / 2)

    @pytest.mark.parametrize(
        ("name", "typed"),
        [
            ("start", ""),
            ("start", "25"),
            ("end", "9" * 10_000),
            ("end", "🕰"),
            ("day", ""),
            ("day", "1926-03-02"),
            ("duration", "0"),
            ("duration", "900"),
            ("version", "x"),
            ("version", "-1"),
            ("description", "a\0b"),
            ("project", "999999"),
        ],
    )
    def test_nonsense_is_said_beside_its_field(self, entry, name, typed):
        assert self.wrong(entry, **{name: typed}) == {name}

    def test_times_are_those_of_the_persons_zone(self, entry, alice):
        form = self.form(entry, alice, end="11:00")
        assert form.is_valid(), form.errors
        assert form.cleaned_data["ended_at"] == at(2, 11)

    def test_it_keeps_an_archived_project(self, entry, work):
        Project.objects.update(archived=True)
        form = self.form(entry)
        assert form.is_valid(), form.errors
        assert form.cleaned_data["project"] == work.garden

    def test_its_projects_tell_whether_they_are_billable(self, entry, work):
        Project.objects.filter(pk=work.shop.pk).update(billable=False)

        field = str(EntryForm(entry.user, entry=entry)["project"])
        assert f'<option value="{work.shop.pk}" data-billable="false">' in field
        assert f'<option value="{work.garden.pk}" selected data-billable="true">' in field


class TestSplit:
    def entry(self, user: Any, start: datetime, end: datetime) -> TimeEntry:
        return TimeEntry.objects.create(user=user, started_at=start, ended_at=end)

    def test_it_offers_the_middle(self, bob):
        form = SplitForm(bob, entry=self.entry(bob, at(2, 9), at(2, 12)))
        assert form["at"].value() == "10:30"

    def test_it_is_on_the_day_on_which_the_entry_runs(self, bob):
        entry = self.entry(bob, at(2, 22), at(3, 6))
        for typed, expected in (("23:00", at(2, 23)), ("1:00", at(3, 1))):
            form = SplitForm(bob, {"at": typed, "version": "0"}, entry=entry)
            assert form.is_valid(), form.errors
            assert form.cleaned_data["at"] == expected

    def test_of_two_equal_times_it_takes_the_one_within(self, bob):
        start = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)  # the second 2:00
        form = SplitForm(
            bob, {"at": "2:30", "version": "0"}, entry=self.entry(bob, start, start + HOUR)
        )
        assert form.is_valid(), form.errors
        assert form.cleaned_data["at"] == start + HOUR / 2

    @pytest.mark.parametrize("typed", ["", "9:00", "12:00", "13", "x", "🕰", "9" * 10_000])
    def test_it_refuses_what_is_not_within(self, bob, typed):
        entry = self.entry(bob, at(2, 9), at(2, 12))
        form = SplitForm(bob, {"at": typed, "version": "0"}, entry=entry)
        assert set(form.errors) == {"at"}


def test_many_are_not_described_at_once(bob):
    assert list(BulkForm(bob).fields) == ["project", "task", "tags"]


def test_a_form_takes_as_many_queries_however_many_projects(bob, django_assert_num_queries):
    for number in range(3):
        Project.objects.create(name=f"Project {number}")
    services.start_timer(bob)
    with django_assert_num_queries(2):
        AddForm(bob).as_p()
    Project.objects.bulk_create(Project(name=f"More {number}") for number in range(27))
    with django_assert_num_queries(2):
        AddForm(bob).as_p()
