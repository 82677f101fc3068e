from datetime import UTC, date, datetime, timedelta

import pytest

from tracking.board import board_of
from tracking.models import TimeEntry

pytestmark = pytest.mark.django_db


def at(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)  # type: ignore[arg-type,misc]


def entry(user, started_at, ended_at=None, **fields):
    return TimeEntry.objects.create(user=user, started_at=started_at, ended_at=ended_at, **fields)


def test_it_is_empty_for_somebody_new(bob):
    board = board_of(bob)

    assert (board.rows, board.running, board.total) == ([], None, timedelta())


def test_it_lists_the_day_newest_first_with_its_total(bob):
    early = entry(bob, at(2026, 5, 4, 8), at(2026, 5, 4, 9))
    late = entry(bob, at(2026, 5, 4, 10), at(2026, 5, 4, 10, 30))
    entry(bob, at(2026, 5, 3, 10), at(2026, 5, 3, 11))

    board = board_of(bob, at(2026, 5, 4, 12))

    assert [row.entry for row in board.rows] == [late, early]
    assert board.total == timedelta(hours=1, minutes=30)


def test_it_never_holds_the_entries_of_others(bob, charlie):
    entry(charlie, at(2026, 5, 4, 8), at(2026, 5, 4, 9))
    entry(charlie, at(2026, 5, 4, 10))

    board = board_of(bob, at(2026, 5, 4, 12))

    assert (board.rows, board.running) == ([], None)


def test_it_counts_the_running_timer_in_the_total(bob):
    entry(bob, at(2026, 5, 4, 8), at(2026, 5, 4, 9))
    running = entry(bob, at(2026, 5, 4, 10))

    board = board_of(bob, at(2026, 5, 4, 10, 0, 42))

    assert board.running is not None
    assert board.running.entry == running
    assert board.running_today
    assert board.total == timedelta(hours=1, seconds=42)


def test_it_adds_up_to_the_second(bob):
    """The sum of what is shown, not of fractions that nobody sees."""
    for minute in range(3):
        start = at(2026, 5, 4, 8, minute)
        entry(bob, start, start + timedelta(seconds=10.9))

    assert board_of(bob, at(2026, 5, 4, 12)).total == timedelta(seconds=30)


def test_it_shows_a_timer_of_yesterday_as_running_but_not_as_today(bob):
    running = entry(bob, at(2026, 5, 3, 22))

    board = board_of(bob, at(2026, 5, 4, 1))

    assert board.running is not None
    assert board.running.entry == running
    assert board.running.days_later == 1
    assert (board.rows, board.total, board.running_today) == ([], timedelta(), False)


def test_it_marks_an_entry_that_ends_after_midnight(bob):
    entry(bob, at(2026, 5, 4, 23, 30), at(2026, 5, 5, 0, 30))

    (row,) = board_of(bob, at(2026, 5, 4, 23, 45)).rows

    assert row.days_later == 1


def test_it_keeps_the_day_of_an_entry_when_the_person_moves(bob):
    bob.time_zone = "Asia/Tokyo"
    bob.save()
    tokyo = entry(bob, at(2026, 5, 4, 22), at(2026, 5, 4, 23))  # 5 May, 7 to 8 in the morning
    bob.time_zone = "America/New_York"  # 4 May, 18 to 19
    bob.save()

    assert board_of(bob, at(2026, 5, 4, 23, 30)).rows == []
    (row,) = board_of(bob, at(2026, 5, 5, 16)).rows
    assert (row.entry, row.days_later) == (tokyo, 0)


def test_it_counts_days_in_the_zone_in_which_the_times_are_shown(bob):
    bob.time_zone = "America/New_York"
    bob.save()
    entry(bob, at(2026, 5, 4, 22), at(2026, 5, 4, 23))  # 4 May, 18 to 19
    bob.time_zone = "Asia/Tokyo"  # 5 May, 7 to 8 in the morning
    bob.save()

    (row,) = board_of(bob, at(2026, 5, 4, 12)).rows

    assert row.days_later == 0


def test_it_never_ends_an_entry_days_before_it_began(bob):
    """In St. John's clocks went from 0:01 back to 23:01 of the day before."""
    bob.time_zone = "America/St_Johns"
    bob.save()
    entry(bob, at(2010, 11, 7, 2, 30, 30), at(2010, 11, 7, 3))

    (row,) = board_of(bob, at(2010, 11, 7, 12)).rows

    assert row.days_later == 0


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("UTC", at(2026, 5, 4, 23, 59, 59), date(2026, 5, 4)),
        ("UTC", at(2026, 5, 5), date(2026, 5, 5)),
        ("Europe/Berlin", at(2026, 5, 4, 21, 59, 59), date(2026, 5, 4)),
        ("Europe/Berlin", at(2026, 5, 4, 22), date(2026, 5, 5)),
        ("Pacific/Kiritimati", at(2026, 5, 4, 10), date(2026, 5, 5)),  # UTC+14
        ("Pacific/Pago_Pago", at(2026, 5, 5, 10, 59), date(2026, 5, 4)),  # UTC-11
        ("Asia/Kathmandu", at(2026, 5, 4, 18, 15), date(2026, 5, 5)),  # UTC+5:45
        ("America/Santiago", at(2026, 9, 6, 4), date(2026, 9, 6)),  # midnight is left out
    ],
)
def test_it_goes_by_the_midnight_of_the_person(bob, zone, moment, day):
    bob.time_zone = zone
    bob.save()
    entry(bob, moment, moment + timedelta(minutes=1))

    board = board_of(bob, moment)

    assert board.day == day
    assert [row.entry.day for row in board.rows] == [day]
    assert board_of(bob, moment + timedelta(days=1)).rows == []


def test_it_reads_entries_and_tags_in_two_queries(bob, work, django_assert_num_queries):
    for minute in range(30):
        start = at(2026, 5, 4, 8, minute)
        entry(bob, start, start + timedelta(seconds=30), project=work.shop, task=work.checkout)

    with django_assert_num_queries(2):
        board = board_of(bob, at(2026, 5, 4, 12))
        assert {row.entry.project.client.name for row in board.rows} == {"Aurora Coffee"}
        assert {row.entry.task.name for row in board.rows} == {"Checkout"}
