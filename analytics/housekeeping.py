"""Keeps the outbox bounded: what is settled goes after a while, and not everything may wait."""

from __future__ import annotations

import threading
from datetime import timedelta

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from analytics import conf, dropped, identity, outbox
from analytics.models import Event, Installation

EVERY = timedelta(seconds=10)  # one process at a time
CHUNK = 1000  # rows that one statement deletes: nobody waits long for its lock
PAUSE = 0.02  # seconds between two of them, for everybody else


def tidy(stop: threading.Event | None = None) -> None:
    """Purge and bound the outbox, if nobody has within `EVERY`; ends early when `stop` is set.

    Never raises: what cannot be done now is done the next time.
    """
    stop = stop or threading.Event()
    dropped.write()
    try:
        if _our_turn():
            purge(stop)
            bound(stop)
    except DatabaseError as error:
        outbox.warn_once(f"Old events are kept for now: {type(error).__name__}.")


def _our_turn() -> bool:
    now, last = timezone.now(), Installation.load().tidied_at
    # A moment in the future was written by a clock that was ahead.
    if last is not None and last <= now < last + EVERY:
        return False
    this = Installation.objects.filter(pk=Installation.ID, tidied_at=last)
    return this.update(tidied_at=now) == 1


def purge(stop: threading.Event) -> None:
    """Delete what was settled more than `RETENTION_DAYS` ago."""
    before = timezone.now() - timedelta(days=conf.get().RETENTION_DAYS)
    settled = Event.objects.filter(settled_at__lt=before).order_by("settled_at")
    while _delete(settled, CHUNK) == CHUNK and not stop.wait(PAUSE):
        pass


def bound(stop: threading.Event) -> None:
    """Drop the oldest of what waits beyond `MAX_WAITING`; counted, and said once.

    Events of nobody in particular go first: whoever guesses passwords pushes out nobody's events.
    """
    limit = conf.get().MAX_WAITING
    cause = f"More than {limit:,} events waited: the oldest were dropped."
    nobodys = Q(distinct_id=identity.NOBODY)
    while (excess := waiting_beyond(limit)) > 0 and not stop.wait(PAUSE):
        with transaction.atomic():
            free = outbox.waiting().filter(lease=None).order_by("id")
            number = _delete(free.filter(nobodys), excess) or _delete(free, excess)
            dropped.add(cause, number)
        if not number:  # all of them are being sent
            break
        outbox.warn_once(cause)


def waiting_beyond(limit: int) -> int:
    """How many events too many wait; counted only where the span of their ids allows that many."""
    ids = outbox.waiting().values_list("id", flat=True)
    first, last = ids.order_by("id").first(), ids.order_by("-id").first()
    if first is None or last is None or last - first < limit:
        return 0
    return ids.count() - limit


def _delete(rows: QuerySet[Event], most: int) -> int:
    """Delete the first rows, a chunk at most; returns how many."""
    first = rows.values("id")[: min(most, CHUNK)]
    return Event.objects.filter(id__in=first).delete()[0]
