"""A week as a grid, and what typing into it makes of the entries."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from hypothesis import HealthCheck, given, settings as profile, strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import User
from analytics.models import Event
from tests.tracking.test_races import at_once
from tracking import services
from tracking.models import Membership, Project, Task, TimeEntry, TimesheetRow
from tracking.services import timesheet
from tracking.services.rules import ChangedElsewhereError
from tracking.timesheet import sheet_of
from tracking.typed import parse_duration

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 11, 16)
BERLIN = ZoneInfo("Europe/Berlin")
FORWARD, BACK = date(2026, 3, 29), date(2026, 10, 25)  # days of 23 and 25 hours there
NOTHING, HOUR, MINUTE = timedelta(), timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def bob(bob):
    bob.time_zone = "Europe/Berlin"
    bob.save()
    return bob


def at(hour, minute=0, day=MONDAY):
    return datetime.combine(day, time(hour, minute), BERLIN)


def spent(person, start, length=HOUR, **what):
    return services.create_entry(person, started_at=start, ended_at=start + length, **what)


def put(person, work, total, was=NOTHING, day=MONDAY):
    return timesheet.set_cell(
        person, project=work.shop, task=work.checkout, day=day, was=was, total=total
    )


def names():
    return list(Event.objects.order_by("pk").values_list("event", flat=True))


def spans(person):
    entries = TimeEntry.objects.of(person).exclude(ended_at=None).order_by("started_at", "pk")
    return [
        (f"{e.started_at.astimezone(BERLIN):%H:%M}", f"{e.ended_at.astimezone(BERLIN):%H:%M}")
        for e in entries
    ]


# --- reading ---


def test_it_sums_rows_days_and_the_week(bob, charlie, work):
    spent(bob, at(9), 2 * HOUR, project=work.shop, task=work.checkout)
    spent(bob, at(13), HOUR, project=work.shop, task=work.checkout)
    spent(bob, at(9, day=date(2026, 11, 22)), project=work.garden)
    spent(bob, at(23, day=date(2026, 11, 15)), HOUR, project=work.garden)  # the week before
    spent(charlie, at(9), HOUR, project=work.garden)

    sheet = sheet_of(bob, date(2026, 11, 18))

    assert [day.date for day in sheet.days] == [MONDAY + timedelta(n) for n in range(7)]
    assert [(row.key, row.total) for row in sheet.rows] == [
        (f"{work.shop.pk}-{work.checkout.pk}", 3 * HOUR),
        (f"{work.garden.pk}-0", HOUR),
    ]
    assert [day.total for day in sheet.days] == [3 * HOUR, *[NOTHING] * 5, HOUR]
    assert sheet.total == 4 * HOUR


def test_it_starts_on_the_first_day_of_the_person(bob):
    bob.week_start = 6

    assert sheet_of(bob, MONDAY).days[0].date == date(2026, 11, 15)


def test_it_counts_the_running_timer_until_now(bob, work):
    entry = services.start_timer(bob, project=work.shop)

    sheet = sheet_of(bob, entry.day, now=entry.started_at + 90 * MINUTE)

    cell = next(cell for cell in sheet.rows[0].cells if cell.entries)
    assert (cell.running, cell.text, sheet.total) == (True, "1:30", 90 * MINUTE)


def test_it_orders_by_client_and_project_and_puts_no_project_last(bob, work):
    other = Project.objects.create(name="alpha")
    for project, task in ((None, None), (work.garden, None), (other, None), (work.shop, None)):
        timesheet.add_row(bob, MONDAY, project=project, task=task)
    timesheet.add_row(bob, MONDAY, project=None, task=work.checkout)

    rows = sheet_of(bob, MONDAY).rows

    assert [str(row.task or row.project) for row in rows] == [
        "Online shop",
        "Checkout",
        "alpha",
        "Garden",
        "None",
    ]


def test_it_takes_as_many_queries_for_a_full_week_as_for_three_rows(
    bob, work, django_assert_max_num_queries
):
    for n in range(30):
        project = Project.objects.create(client=work.client, name=f"Project {n}")
        spent(bob, at(9), HOUR, project=project)
        spent(
            bob, at(9), HOUR, project=project, task=Task.objects.create(project=project, name="T")
        )

    with django_assert_max_num_queries(4):
        assert len(sheet_of(bob, MONDAY).rows) == 60


# --- typing ---


def test_the_first_time_of_a_day_starts_at_nine(bob, work):
    put(bob, work, 90 * MINUTE)

    entry = TimeEntry.objects.get()
    assert (entry.project, entry.task, entry.day) == (work.shop, work.checkout, MONDAY)
    assert entry.billable
    assert spans(bob) == [("09:00", "10:30")]
    assert names() == ["time_entry.created"]


def test_the_next_time_of_a_day_starts_after_all_others(bob, work):
    spent(bob, at(13), HOUR, project=work.garden)

    put(bob, work, 2 * HOUR)

    assert spans(bob) == [("13:00", "14:00"), ("14:00", "16:00")]


def test_time_that_would_pass_midnight_starts_earlier(bob, work):
    put(bob, work, 20 * HOUR)

    assert spans(bob) == [("04:00", "00:00")]
    assert TimeEntry.objects.get().day == MONDAY


def test_time_goes_to_the_latest_gap_that_holds_it(bob, work):
    spent(bob, at(6), HOUR)
    spent(bob, at(9), 12 * HOUR)

    put(bob, work, 5 * HOUR)

    assert spans(bob)[0] == ("01:00", "06:00")


def test_it_keeps_clear_of_the_running_timer(bob, work):
    timer = services.start_timer(bob)
    TimeEntry.objects.update(started_at=at(12), day=MONDAY)

    put(bob, work, 2 * HOUR)

    assert spans(bob) == [("10:00", "12:00")]
    assert TimeEntry.objects.get(pk=timer.pk).running


def test_the_running_timer_takes_nothing_of_a_day_to_come(bob, work):
    services.start_timer(bob)
    tomorrow = timezone.localdate(timezone=BERLIN) + timedelta(days=1)

    timesheet.set_cell(bob, project=work.shop, task=None, day=tomorrow, was=timedelta(), total=HOUR)

    planned = TimeEntry.objects.get(day=tomorrow)
    assert planned.started_at.astimezone(BERLIN).hour == 9


@pytest.mark.parametrize(("setting", "fits"), [("allow", True), ("refuse", False)])
def test_a_full_day_takes_more_only_where_entries_may_overlap(bob, work, settings, setting, fits):
    settings.OVERLAPPING_ENTRIES = setting
    spent(bob, at(0), 20 * HOUR)

    if fits:
        put(bob, work, 5 * HOUR)
        assert spans(bob)[1] == ("19:00", "00:00")
    else:
        with pytest.raises(ValidationError, match="no free time of 5:00"):
            put(bob, work, 5 * HOUR)
        assert TimeEntry.objects.count() == 1


def test_a_single_entry_keeps_its_start(bob, work):
    entry = spent(bob, at(14), HOUR, project=work.shop, task=work.checkout, description="Pay")

    put(bob, work, 3 * HOUR, was=HOUR)

    entry.refresh_from_db()
    assert (spans(bob), entry.description) == ([("14:00", "17:00")], "Pay")
    assert names()[-1] == "time_entry.updated"


def test_of_several_entries_the_last_one_takes_the_difference(bob, work):
    for hour in (9, 13):
        spent(bob, at(hour), 2 * HOUR, project=work.shop, task=work.checkout)

    put(bob, work, 3 * HOUR, was=4 * HOUR)

    assert spans(bob) == [("09:00", "11:00"), ("13:00", "14:00")]


@pytest.mark.parametrize("total", [HOUR, 2 * HOUR])
def test_several_entries_that_cannot_take_it_are_for_the_day(bob, work, total):
    for hour in (9, 13):
        spent(bob, at(hour), 2 * HOUR, project=work.shop, task=work.checkout)

    with pytest.raises(ValidationError, match="Several entries make up this time"):
        put(bob, work, total, was=4 * HOUR)

    assert spans(bob) == [("09:00", "11:00"), ("13:00", "15:00")]


def test_nothing_deletes_the_entries_and_keeps_the_row(bob, work):
    spent(bob, at(14), HOUR, project=work.shop, task=work.checkout)

    deletion = put(bob, work, NOTHING, was=HOUR)

    assert not TimeEntry.objects.exists()
    assert [row.total for row in sheet_of(bob, MONDAY).rows] == [NOTHING]
    assert names()[-1] == "time_entry.deleted"
    assert services.restore(bob, deletion.pk) == 1
    assert spans(bob) == [("14:00", "15:00")]


def test_what_is_there_already_changes_nothing(bob, work):
    spent(bob, at(14), HOUR, project=work.shop, task=work.checkout)

    put(bob, work, HOUR, was=HOUR)
    put(bob, work, NOTHING, day=date(2026, 11, 17))

    assert names() == ["time_entry.created"]
    assert not TimesheetRow.objects.exists()


def test_time_that_was_changed_elsewhere_is_not_overwritten(bob, work):
    spent(bob, at(14), 2 * HOUR, project=work.shop, task=work.checkout)

    for was in (NOTHING, HOUR):
        with pytest.raises(ChangedElsewhereError, match="it is 2:00 now"):
            put(bob, work, 3 * HOUR, was=was)

    assert spans(bob) == [("14:00", "16:00")]


def test_a_running_timer_is_not_typed_over(bob, work):
    entry = services.start_timer(bob, project=work.shop, task=work.checkout)

    with pytest.raises(ValidationError, match="The timer is running here"):
        put(bob, work, HOUR, day=entry.day)


def test_seconds_of_a_timer_stay_in_the_sum(bob, work):
    spent(bob, at(9), timedelta(seconds=59.6), project=work.shop, task=work.checkout)
    spent(bob, at(10), timedelta(seconds=61.7), project=work.shop, task=work.checkout)
    was = timedelta(seconds=59 + 61)

    put(bob, work, HOUR, was=was)

    assert sheet_of(bob, MONDAY).total == HOUR


def test_only_projects_of_the_person_take_new_time(bob, charlie, work):
    Membership.objects.create(project=work.shop, user=charlie)

    with pytest.raises(ValidationError, match="You are no member"):
        put(bob, work, HOUR)

    assert not TimeEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_tabs_that_type_at_once_one_is_told(bob, work):
    def typed(number):
        try:
            put(bob, work, (number + 1) * HOUR)
        except ChangedElsewhereError as error:
            return error.messages[0]
        return "saved"

    answers = at_once(2, typed)

    assert answers.count("saved") == 1
    assert any("changed elsewhere" in answer for answer in answers)
    assert TimeEntry.objects.get().seconds == (answers.index("saved") + 1) * 3600


# --- days of 23 and 25 hours ---


@pytest.mark.parametrize(("day", "hours"), [(FORWARD, 23), (BACK, 24)])
def test_a_day_is_filled_to_its_end(bob, work, day, hours):
    put(bob, work, hours * HOUR, day=day)

    entry = TimeEntry.objects.get()
    assert entry.day == day
    assert entry.ended_at == datetime.combine(day + timedelta(1), time(), BERLIN).astimezone(UTC)
    assert sheet_of(bob, day).total == hours * HOUR


def test_a_day_of_23_hours_takes_no_24(bob, work):
    with pytest.raises(ValidationError, match="only 23 hours"):
        put(bob, work, 24 * HOUR, day=FORWARD)


def test_nine_is_nine_on_such_a_day(bob, work):
    put(bob, work, HOUR, day=FORWARD)

    assert spans(bob) == [("09:00", "10:00")]


class TestTyped(TestCase):
    """Whatever is typed reads back, whatever was there before."""

    @profile(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        day=st.sampled_from([MONDAY, FORWARD, BACK]),
        zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Chatham"]),
        sums=st.lists(st.integers(0, 23 * 3600), min_size=1, max_size=4),
    )
    def test_typed_sums_read_back(self, day, zone, sums):
        user = User.objects.create_user("erin", time_zone=zone)
        was = NOTHING
        for seconds in sums:
            total = parse_duration(f"{seconds}s") if seconds else NOTHING
            timesheet.set_cell(user, project=None, task=None, day=day, was=was, total=total)
            sheet = sheet_of(user, day)
            assert sheet.total == total
            assert {each.date: each.total for each in sheet.days}[day] == total
            was = total


# --- rows ---


def test_a_row_is_there_once(bob, work):
    timesheet.add_row(bob, MONDAY, project=work.shop, task=work.checkout)
    timesheet.add_row(bob, date(2026, 11, 20), project=None, task=work.checkout)
    spent(bob, at(9), HOUR, project=work.garden)
    timesheet.add_row(bob, MONDAY, project=work.garden, task=None)

    assert TimesheetRow.objects.get().week == MONDAY
    assert len(sheet_of(bob, MONDAY).rows) == 2


def test_rows_stay_where_the_week_starts_on_another_day(bob, work):
    timesheet.add_row(bob, MONDAY, project=work.shop, task=None)
    bob.week_start = 6

    assert len(sheet_of(bob, MONDAY).rows) == 1
    assert len(sheet_of(bob, MONDAY - timedelta(7)).rows) == 0


def test_it_copies_the_rows_of_the_week_before(bob, charlie, work):
    spent(bob, at(9), HOUR, project=work.shop, task=work.checkout)
    spent(bob, at(9), HOUR)
    timesheet.add_row(bob, MONDAY, project=work.garden, task=None)
    spent(charlie, at(9), HOUR, project=work.shop)
    following = MONDAY + timedelta(9)

    assert timesheet.copy_rows(bob, following) == 3
    assert timesheet.copy_rows(bob, following) == 0

    sheet = sheet_of(bob, following)
    assert [row.work for row in sheet.rows] == [
        (work.shop.pk, work.checkout.pk),
        (work.garden.pk, None),
        (None, None),
    ]
    assert sheet.total == NOTHING


def test_it_leaves_behind_what_is_closed(bob, charlie, work):
    done = Task.objects.create(project=work.shop, name="Done", done=True)
    old = Project.objects.create(name="Old", archived=True)
    theirs = Project.objects.create(name="Theirs")
    Membership.objects.create(project=theirs, user=charlie)
    for project, task in ((work.shop, done), (old, None), (theirs, None), (work.shop, None)):
        TimesheetRow.objects.create(user=bob, week=MONDAY, project=project, task=task)

    timesheet.copy_rows(bob, MONDAY + timedelta(7))

    assert [row.project for row in sheet_of(bob, MONDAY + timedelta(7)).rows] == [work.shop]


def test_only_rows_without_time_can_be_taken_away(bob, charlie, work):
    key = (work.shop.pk, work.checkout.pk)
    for person in (bob, charlie):
        timesheet.add_row(person, MONDAY, project=None, task=work.checkout)

    assert timesheet.remove_row(bob, MONDAY, key)
    assert sheet_of(bob, MONDAY).rows == []
    assert len(sheet_of(charlie, MONDAY).rows) == 1

    put(bob, work, HOUR)
    assert not timesheet.remove_row(bob, MONDAY, key)
    assert len(sheet_of(bob, MONDAY).rows) == 1


def test_far_away_days_are_refused_with_a_sentence(bob, work):
    for day in (date(1999, 1, 1), timezone.localdate() + timedelta(400)):
        with pytest.raises(ValidationError, match="Choose a day"):
            put(bob, work, HOUR, day=day)
