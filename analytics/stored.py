"""What is stored of a person, for that person and for admins: in figures, and word for word."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet
from django.utils import timezone

from analytics import identity
from analytics.backends.base import message
from analytics.models import DailyCount, Erasure, Event, Person, State

LATEST = 20  # events that a page shows
CHUNK = 500  # rows that a download holds in memory
Ids = Sequence[str]


@dataclass(frozen=True)
class Named:
    """The events of a name: how many there are, and how many of these wait to be sent."""

    name: str
    number: int
    waiting: int


@dataclass(frozen=True)
class Stored:
    """What is stored of a person."""

    distinct_id: str
    """The number under which they are known here and, where events are sent, at PostHog."""
    properties: dict[str, Any]
    updated_at: datetime | None
    events: list[Named]
    """By name, the most frequent ones first."""
    counted: int
    """How many daily counts there are for the insights, which outlive the events."""
    latest: list[Event]
    """The newest first, `LATEST` at most."""
    requested_at: datetime | None
    """When their erasure was requested, if it is not finished."""

    @property
    def number(self) -> int:
        """How many events there are."""
        return sum(one.number for one in self.events)

    @property
    def waiting(self) -> int:
        """How many of them are still to be sent."""
        return sum(one.waiting for one in self.events)

    @property
    def shown(self) -> list[tuple[Event, str]]:
        """The latest events, each with its JSON as it leaves or has left."""
        return [(event, exact(event)) for event in self.latest]

    @property
    def anything(self) -> bool:
        """Whether anything is stored."""
        return bool(self.events or self.properties or self.updated_at or self.counted)


def of(user_id: object) -> Stored:
    """What is stored of a person; `user_id` is their primary key, of an account or of a former one.

    Raises Django's `ValidationError` for what is no key.
    """
    known = identity.every_id(user_id)
    person = Person.objects.filter(distinct_id=known[0]).first()
    requests = Erasure.objects.filter(distinct_id__in=known).order_by("-requested_at")
    return Stored(
        distinct_id=known[0],
        properties=person.properties if person else {},
        updated_at=person.updated_at if person else None,
        events=_by_name(known),
        counted=_counts(known).count(),
        latest=_latest(known),
        requested_at=requests.values_list("requested_at", flat=True).first(),
    )


def _rows(known: Ids) -> tuple[QuerySet[Event], QuerySet[Event]]:
    """A person's events: those that wait, and the others. Each has an index of its own."""
    return (
        Event.objects.filter(state=State.WAITING, distinct_id__in=known),
        Event.objects.filter(settled_at__isnull=False, distinct_id__in=known),
    )


def _counts(known: Ids) -> QuerySet[DailyCount]:
    return DailyCount.objects.filter(distinct_id__in=known)


def _by_name(known: Ids) -> list[Named]:
    waiting, settled = (
        Counter(dict(rows.values_list("event").annotate(Count("id")).order_by()))
        for rows in _rows(known)
    )
    every = waiting + settled
    ordered = sorted(every, key=lambda name: (-every[name], name))
    return [Named(name, every[name], waiting[name]) for name in ordered]


def _latest(known: Ids) -> list[Event]:
    newest = [event for rows in _rows(known) for event in rows.order_by("-id")[:LATEST]]
    return sorted(newest, key=lambda event: -event.pk)[:LATEST]


def exact(event: Event) -> str:
    """The JSON of an event, as it leaves or has left, to be read."""
    return json.dumps(message(event.outgoing), indent=2, ensure_ascii=False)


def download(user_id: object) -> Iterator[str]:
    """All that is stored of a person as a JSON object, in pieces.

    `counts` hold how many events of a kind there were on a day; `events` each event's `message` as
    it leaves or has left, and its `state`.
    """
    stored, known = of(user_id), identity.every_id(user_id)
    about = {
        "distinct_id": stored.distinct_id,
        "person": {
            "properties": stored.properties,
            "updated_at": stored.updated_at.isoformat() if stored.updated_at else None,
        },
        "as_of": timezone.now().isoformat(),
        "counts": [
            {"day": one.day.isoformat(), "event": one.kind.event or None, "count": one.count}
            | {"properties": json.loads(one.kind.properties)}
            for one in _counts(known).select_related("kind").order_by("day", "id")
        ],
    }
    yield json.dumps(about, indent=2, ensure_ascii=False).removesuffix("\n}") + ',\n  "events": ['
    separator, written = "\n    ", set[int]()
    # What waits first: what is delivered meanwhile comes again among the others, and not at all the
    # other way round.
    for rows in _rows(known):
        for event in rows.order_by("id").iterator(chunk_size=CHUNK):
            if event.pk in written:
                continue
            yield separator + json.dumps(
                {"state": event.state, "message": message(event.outgoing)}, ensure_ascii=False
            )
            separator = ",\n    "
            if event.state == State.WAITING:
                written.add(event.pk)
    yield "\n  ]\n}\n"
