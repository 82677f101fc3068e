"""What the dashboard shows: the day with its total, and the week as bars."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q, Sum
from django.utils import timezone

from tracking import spans
from tracking.models import TimeEntry, local_day
from tracking.people import Person


@dataclass(frozen=True)
class Row:
    """An entry as it stood at one moment."""

    entry: TimeEntry
    duration: timedelta
    days_later: int  # how many days after its start it ended, in the zone in which both are shown


@dataclass(frozen=True)
class Board:
    """One person's timer and day, read in one query so that rows and total agree."""

    day: date
    running: Row | None
    rows: list[Row]  # newest first, the running one among them if it started today
    total: timedelta

    @property
    def running_today(self) -> bool:
        """Whether the total grows."""
        return self.running in self.rows


def board_of(user: Person, now: datetime | None = None) -> Board:
    """The timer and the day of a person at an aware moment (now, unless told).

    An entry belongs to the day that it keeps (`TimeEntry.day`).
    """
    now = now or timezone.now()
    day = local_day(now, user.time_zone)
    entries = (
        TimeEntry.objects.of(user)
        .filter(Q(day=day) | Q(ended_at=None))
        .shown()
        .order_by("-started_at", "-pk")
    )
    every = [row_of(entry, now, user.time_zone) for entry in entries]
    rows = [row for row in every if row.entry.day == day]
    return Board(
        day=day,
        running=next((row for row in every if row.entry.running), None),
        rows=rows,
        total=sum((row.duration for row in rows), timedelta()),
    )


def row_of(entry: TimeEntry, now: datetime, time_zone: str) -> Row:
    """An entry as it stands at a moment, in the zone in which it is shown."""
    days = local_day(entry.ended_at or now, time_zone) - local_day(entry.started_at, time_zone)
    # Not below zero: a clock turned back across midnight, or one behind the clock of the start.
    return Row(entry, entry.duration_at(now), max(days.days, 0))


@dataclass(frozen=True)
class Bar:
    """A day of the week's chart."""

    day: date
    total: timedelta
    percent: float  # of the longest day's, or of eight hours where all are shorter
    is_today: bool
    running: bool  # the total grows


@dataclass(frozen=True)
class Week:
    """A person's week, day by day; the running timer counts."""

    bars: list[Bar]
    total: timedelta

    @property
    def running(self) -> bool:
        """Whether the total grows."""
        return any(bar.running for bar in self.bars)


FULL_DAY = timedelta(hours=8)


def week_of(user: Person, now: datetime | None = None) -> Week:
    """The week of a person at an aware moment (now, unless told), from their first day of it."""
    now = now or timezone.now()
    today = local_day(now, user.time_zone)
    days = spans.week_of(today, user.week_start)
    entries = TimeEntry.objects.of(user).filter(day__range=(days[0], days[-1]))
    ended = entries.values_list("day").annotate(Sum("seconds")).order_by()
    totals = dict.fromkeys(days, timedelta())
    totals |= {day: timedelta(seconds=seconds or 0) for day, seconds in ended}
    running = {entry.day: entry.duration_at(now) for entry in entries.filter(ended_at=None)}
    for day, so_far in running.items():
        totals[day] += so_far
    most = max(FULL_DAY, *totals.values())
    bars = [
        Bar(day, total, round(100 * (total / most), 1), day == today, day in running)
        for day, total in totals.items()
    ]
    return Week(bars, sum(totals.values(), timedelta()))
