"""What the calendar shows: a person's entries at their times, day by day, by the clock on the wall.

Every day is drawn as the 24 hours of a clock. On the two days of the year on which clocks change,
an entry covers what the clock showed while it lasted, from the earliest to the latest: one over the
hour that is skipped looks an hour longer than it was, one over the hour that comes twice an hour
shorter. What lies within both of these hours stands side by side. The words say how long it truly
took.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils import timezone

from tracking.models import TimeEntry, local_day
from tracking.people import Person
from tracking.spans import DAY, day_bounds, split_at_midnights

FULL_DAY = 24 * 60  # minutes that a column has
LEAST = 20  # minutes: nothing is drawn shorter than one can read and hit
MORNING = 7 * 60  # minutes; what is shown first, unless an entry starts earlier
LONGEST_TIMER = timedelta(days=31)  # one that was forgotten for longer is drawn no further
MOST_LANES = 24  # of these the style sheet knows


@dataclass(frozen=True)
class Block:
    """What one day shows of an entry; `top` and `length` are minutes of that day's clock."""

    entry: TimeEntry
    started_at: datetime  # of this part
    ended_at: datetime
    top: int
    length: int
    duration: timedelta  # of the whole entry
    ended: bool  # the whole entry, which is then not the running timer
    wall_start: str = ""  # of the whole entry, as its zone's clocks show it: 2026-11-16T09:30
    wall_end: str = ""
    lane: int = 0
    lanes: int = 1  # into which the day's width is divided here
    width: int = 1  # of so many lanes

    @property
    def bottom(self) -> int:
        """The minute at which it ends in the picture."""
        return self.top + self.length

    @property
    def begins(self) -> bool:
        """Whether the entry starts in this part."""
        return self.started_at == self.entry.started_at

    @property
    def ends(self) -> bool:
        """Whether the entry ends in this part."""
        return self.ended and self.ended_at == self.entry.ended_at

    def before(self, later: "Block") -> bool:
        """Whether it makes room for a later one: in the picture, and to the second."""
        apart = self.ended_at <= later.started_at or later.ended_at <= self.started_at
        return apart and self.bottom <= later.top

    @property
    def place(self) -> str:
        """Its place as classes of calendar.css: time, length, lane."""
        lane, lanes = min(self.lane, MOST_LANES - 1), min(self.lanes, MOST_LANES)
        width = min(self.width, lanes - lane)
        return f"{at(self.top)} {lasting(self.length)} lane-{lane} of-{lanes} wide-{width}"


@dataclass(frozen=True)
class Change:
    """Where on a day the clock changes: minutes that it skips, or shows twice."""

    top: int
    length: int
    forward: bool

    @property
    def bottom(self) -> int:
        """The first minute after it."""
        return self.top + self.length

    @property
    def place(self) -> str:
        """Its place as classes of calendar.css."""
        return f"{at(self.top)} {lasting(self.length)}"


@dataclass(frozen=True)
class Day:
    """A column: its blocks in the order of time, each in a lane of its own where they overlap."""

    day: date
    blocks: list[Block]
    total: timedelta  # of the entries that belong to this day, wherever they end
    is_today: bool
    now: int | None  # the minute of the line, today
    change: Change | None

    @property
    def now_place(self) -> str:
        """The place of the line as classes of calendar.css."""
        return at(self.now or 0)


@dataclass(frozen=True)
class Agenda:
    """Days of one person, read in one query so that blocks and totals agree."""

    days: list[Day]
    total: timedelta
    opens_at: int  # the minute that is shown first, a full hour

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not any(day.blocks for day in self.days)

    @property
    def opening_place(self) -> str:
        """The place of what is shown first, as classes of calendar.css."""
        return at(self.opens_at)


def agenda_of(user: Person, days: Sequence[date], now: datetime | None = None) -> Agenda:
    """Consecutive days of a person, in that person's zone, at an aware moment (now, unless told).

    An entry is drawn on each day that it touches, and counts for the day that it keeps
    (`TimeEntry.day`), as everywhere. The running timer lasts until now.
    """
    now, zone = now or timezone.now(), ZoneInfo(user.time_zone)
    entries = list(_entries(user, days, zone, now))
    parts: dict[date, list[Block]] = {day: [] for day in days}
    for entry in entries:
        for day, block in blocks_of(entry, days, zone, now):
            parts[day].append(block)
    shown = [_day(day, parts[day], entries, zone, now) for day in days]
    starts = [block.top for day in shown for block in day.blocks if block.begins]
    return Agenda(
        days=shown,
        total=sum((day.total for day in shown), timedelta()),
        opens_at=min([MORNING, *starts]) // 60 * 60,
    )


def blocks_of(
    entry: TimeEntry, days: Sequence[date], zone: ZoneInfo, now: datetime
) -> Iterable[tuple[date, Block]]:
    """What each of consecutive days shows of an entry; these parts sum to what lies within them."""
    first, last = day_bounds(days[0], zone)[0], day_bounds(days[-1], zone)[1]
    ended_at = entry.ended_at or max(now, entry.started_at)
    start, end = max(entry.started_at, first), min(ended_at, last)
    parts = split_at_midnights(start, end, zone)
    if entry.started_at == ended_at and first <= ended_at < last:  # of no length, yet there
        parts = [(start, end, local_day(start, str(zone)))]
    duration, ended = entry.duration_at(now), entry.ended_at is not None
    wall_start, wall_end = (
        _on_the_wall(each, zone).isoformat(timespec="minutes")
        for each in (entry.started_at, ended_at)
    )
    for part_start, part_end, day in parts:
        top, length = _drawn(*extent(part_start, part_end, day, zone))
        yield (
            day,
            Block(
                *(entry, part_start, part_end, top, length, duration, ended),
                wall_start=wall_start,
                wall_end=wall_end,
            ),
        )


def in_lanes(blocks: Iterable[Block]) -> list[Block]:
    """The blocks of a day by time, each in the first lane that is free when it begins.

    Those that hang together by overlapping share the day's width among as many lanes as they need;
    each is as wide as the lanes beside it are free.
    """
    placed: list[Block] = []
    group: list[Block] = []
    lasts: list[Block] = []  # the last one of each lane
    for block in sorted(blocks, key=lambda each: (each.top, each.started_at, -each.length)):
        if all(last.before(block) for last in lasts):
            placed += _widened(group, len(lasts))
            group, lasts = [], []
        lane = next((n for n, last in enumerate(lasts) if last.before(block)), len(lasts))
        block = replace(block, lane=lane)
        lasts[lane : lane + 1] = [block]
        group.append(block)
    return placed + _widened(group, len(lasts))


def _widened(group: list[Block], lanes: int) -> list[Block]:
    """The blocks of a group of so many lanes, each up to the next one in its way."""

    def ends_at(block: Block) -> int:
        beside = (each for each in group if each.lane > block.lane)
        return min((each.lane for each in beside if not _apart(block, each)), default=lanes)

    return [replace(each, lanes=lanes, width=ends_at(each) - each.lane) for each in group]


def _apart(one: Block, other: Block) -> bool:
    return one.before(other) or other.before(one)


def extent(start: datetime, end: datetime, day: date, zone: ZoneInfo) -> tuple[int, int]:
    """The minutes of a day's clock that a part of that day covers: from the earliest to the latest.

    Both are exact but for seconds, which are cut off.
    """
    shown = [_on_the_wall(start, zone), _up_to(end, zone)]
    if (change := clock_change(start, end, zone)) is not None:
        shown += [_up_to(change, zone), _on_the_wall(change, zone)]
    minutes = [_minute(moment, day) for moment in shown]
    return min(minutes), max(minutes)


def clock_change(start: datetime, end: datetime, zone: ZoneInfo) -> datetime | None:
    """The moment within a span of at most a day at which the zone's clocks change, if they do."""
    before, last = start.astimezone(zone).utcoffset(), end - datetime.resolution
    if last <= start or last.astimezone(zone).utcoffset() == before:
        return None
    while last - start > datetime.resolution:
        middle = start + (last - start) / 2
        if middle.astimezone(zone).utcoffset() == before:
            start = middle
        else:
            last = middle
    return last


def change_on(day: date, zone: ZoneInfo) -> Change | None:
    """What the clock skips or shows twice on a day."""
    start, end = day_bounds(day, zone)
    if begins := _minute(_on_the_wall(start, zone), day):  # midnight, or the whole day, is skipped
        return Change(0, begins, forward=True)
    change = clock_change(start, end, zone)
    if change is None:
        return None
    before, after = _minute(_up_to(change, zone), day), _minute(_on_the_wall(change, zone), day)
    return Change(min(before, after), abs(after - before), forward=after > before)


def at(minute: int) -> str:
    """A minute of the day as classes of calendar.css."""
    return f"at-h{minute // 60} at-m{minute % 60}"


def lasting(minutes: int) -> str:
    """A length as classes of calendar.css."""
    return f"for-h{minutes // 60} for-m{minutes % 60}"


# --- parts -------------------------------------------------------------------------------------


def _entries(
    user: Person, days: Sequence[date], zone: ZoneInfo, now: datetime
) -> Iterable[TimeEntry]:
    """Entries that belong to one of the days or touch it."""
    start, end = day_bounds(days[0], zone)[0], day_bounds(days[-1], zone)[1]
    ends_later = Q(ended_at__gt=start) | Q(ended_at=None)
    touching = Q(started_at__lt=end) & (ends_later | Q(started_at__gte=start))
    # The days bound what the index is read for; a zone away from ours they are others by one.
    near = (days[0] - LONGEST_TIMER, days[-1] + DAY)
    return (
        TimeEntry.objects.of(user)
        .filter(Q(day__range=(days[0], days[-1])) | touching, day__range=near)
        .select_related("project__client", "task")
        .order_by("started_at", "pk")
    )


def _drawn(top: int, bottom: int) -> tuple[int, int]:
    """Where a part is drawn, and how long; at the end of the day, what is short begins earlier."""
    length = max(bottom - top, LEAST)
    return min(top, FULL_DAY - length), length


def _day(
    day: date, blocks: list[Block], entries: list[TimeEntry], zone: ZoneInfo, now: datetime
) -> Day:
    is_today = day == local_day(now, str(zone))
    return Day(
        day=day,
        blocks=in_lanes(blocks),
        total=sum((each.duration_at(now) for each in entries if each.day == day), timedelta()),
        is_today=is_today,
        now=_minute(_on_the_wall(now, zone), day) if is_today else None,
        change=change_on(day, zone),
    )


def _on_the_wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """What clocks show from a moment on."""
    return moment.astimezone(zone).replace(tzinfo=None)


def _up_to(moment: datetime, zone: ZoneInfo) -> datetime:
    """What clocks show up to a moment: 24:00, and not 0:00; 2:00 where they go forward to 3:00."""
    return _on_the_wall(moment - datetime.resolution, zone) + datetime.resolution


def _minute(shown: datetime, day: date) -> int:
    """A reading of the clock as minutes of a day, of which it has none before or after."""
    minutes = (shown - datetime.combine(day, time())) // timedelta(minutes=1)
    return min(max(minutes, 0), FULL_DAY)
