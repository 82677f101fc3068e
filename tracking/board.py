"""What the dashboard shows: the running timer, and the day with its total."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from tracking.models import TimeEntry, local_day
from tracking.services import Person


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
        TimeEntry.objects.filter(Q(day=day) | Q(ended_at=None), user_id=user.pk)
        .select_related("project__client", "task")
        .order_by("-started_at", "-pk")
    )
    every = [_row(entry, now, user.time_zone) for entry in entries]
    rows = [row for row in every if row.entry.day == day]
    return Board(
        day=day,
        running=next((row for row in every if row.entry.running), None),
        rows=rows,
        total=sum((row.duration for row in rows), timedelta()),
    )


def _row(entry: TimeEntry, now: datetime, time_zone: str) -> Row:
    days = local_day(entry.ended_at or now, time_zone) - local_day(entry.started_at, time_zone)
    # Not below zero: a clock turned back across midnight, or one behind the clock of the start.
    return Row(entry, entry.duration_at(now), max(days.days, 0))
