"""The log of events, page by page: whatever is asked of however many, in a bounded time.

Nothing is counted, and no page is reached by leaving out those before it: a page goes on from the
event at which another one ended. The log is walked in spans of ids. A span that an index answers
takes no time, and the next one is larger; where none does the walk ends with its time, says how far
it came, and can be gone on with.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from analytics.models import Event, State

SIZE = 50  # events on a page
PATIENCE = 0.03  # seconds of walking
QUICK = 0.004  # seconds; a span that took no longer is followed by one of twice its size
FIRST_SPAN, LARGEST_SPAN = 4096, 65_536  # ids
DISORDER = 1000  # ids; of events recorded at the same time the later id may have the earlier time


@dataclass(frozen=True)
class Asked:
    """What is looked for; an empty part asks nothing."""

    event: str = ""
    person: str = ""
    """A distinct id, whole."""
    state: str = ""
    since: datetime | None = None
    until: datetime | None = None
    """The first moment that is too late."""

    @property
    def condition(self) -> Q:
        """The events that are looked for."""
        wanted = {
            "event": self.event,
            "distinct_id": self.person,
            "state": self.state,
            "timestamp__gte": self.since,
            "timestamp__lt": self.until,
        }
        return Q(**{field: value for field, value in wanted.items() if value})

    def parts(self) -> list[QuerySet[Event]]:
        """The events that are looked for: as parts, for each of which there is an index."""
        found = Event.objects.filter(self.condition).defer("properties")
        settled, waiting = found.filter(settled_at__isnull=False), found.filter(state=State.WAITING)
        if not self.event and not self.person:
            return [found]
        if self.state:
            return [waiting if self.state == State.WAITING else settled]
        return [settled, waiting]


@dataclass(frozen=True)
class Page:
    """A page of the log."""

    rows: list[Event]
    """The newest first."""
    newer: int | None = None
    """The id behind which newer ones are looked for; None where there are none."""
    older: int | None = None
    """The id before which older ones are looked for; None where there are none."""
    broken_off: bool = False
    """Whether the walk's time was over before the page was full or the log at its end."""


def page(asked: Asked, *, before: int | None = None, after: int | None = None) -> Page:
    """The newest events that are looked for; those before an id; or the first ones after one."""
    low, high = _bounds(asked)
    walk = Walk(asked, upwards=after is not None)
    if after is not None:
        rows, stopped_at = walk.through(max(low, after + 1), high)
        older = after + 1 if after >= low else None
        return Page(rows[:SIZE][::-1], _next(rows, stopped_at), older, stopped_at is not None)
    rows, stopped_at = walk.through(low, high if before is None else min(high, before - 1))
    newer = before - 1 if before is not None and before <= high else None
    return Page(rows[:SIZE], newer, _next(rows, stopped_at), stopped_at is not None)


def _next(rows: list[Event], stopped_at: int | None) -> int | None:
    """Where the next page in the same direction begins."""
    return rows[SIZE - 1].pk if len(rows) > SIZE else stopped_at


class Walk:
    """A walk through the log in one direction."""

    def __init__(self, asked: Asked, *, upwards: bool) -> None:
        self.upwards = upwards
        self.parts = [part.order_by("id" if upwards else "-id") for part in asked.parts()]

    def through(self, low: int, high: int) -> tuple[list[Event], int | None]:
        """A page's events and one more, and the id from which to go on where time was over."""
        rows: list[Event] = []
        end = time.monotonic() + PATIENCE
        for first, last in self._spans(low, high):
            rows += self._within(first, last, SIZE + 1 - len(rows))
            if len(rows) > SIZE:
                break
            reached = last if self.upwards else first
            if time.monotonic() > end and reached != (high if self.upwards else low):
                return rows, reached
        return rows, None

    def _spans(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        span = FIRST_SPAN
        while low <= high:
            began = time.monotonic()
            if self.upwards:
                yield low, min(low + span - 1, high)
                low += span
            else:
                yield max(high - span + 1, low), high
                high -= span
            if time.monotonic() - began < QUICK:
                span = min(2 * span, LARGEST_SPAN)

    def _within(self, first: int, last: int, number: int) -> list[Event]:
        found = [
            row for part in self.parts for row in part.filter(id__range=(first, last))[:number]
        ]
        return sorted(found, key=lambda row: row.pk, reverse=not self.upwards)[:number]


def _bounds(asked: Asked) -> tuple[int, int]:
    """The ids between which all events lie that are looked for; (1, 0) where there are none."""
    ids = Event.objects.values_list("id", flat=True)
    low, high = ids.order_by("id").first(), ids.order_by("-id").first()
    if low is None or high is None:
        return 1, 0
    first, last = low, high
    if asked.since:
        low = max(_from(asked.since, first, last) - DISORDER, first)
    if asked.until:
        high = min(_from(asked.until, first, last) + DISORDER, last)
    return low, high


def _from(moment: datetime, low: int, high: int) -> int:
    """The first id of that moment or later, up to `high`: ids grow with time, so it is halved."""
    rows = Event.objects.order_by("id").values_list("id", "timestamp")
    while low < high:
        middle = (low + high) // 2
        found = rows.filter(id__range=(middle, high)).first()
        if found is None or found[1] >= moment:
            high = middle
        else:
            low = found[0] + 1
    return low
