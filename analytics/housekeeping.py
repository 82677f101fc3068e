"""Keeps the outbox bounded: what is settled goes after a while, and not everything may wait.

Finishes the erasures that are due, too.
"""

from __future__ import annotations

import threading
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from analytics import conf, dropped, erasure, identity, outbox
from analytics.models import Event, Installation

EVERY = timedelta(seconds=10)  # one process at a time
CHUNK = 1000  # rows that one statement deletes: nobody waits long for its lock
COUNTING = 0.1  # seconds, of `EVERY`; that is enough for hundreds of events a second
PAUSE = 0.02  # seconds between two of them, for everybody else


def tidy(stop: threading.Event | None = None) -> None:
    """Purge and bound the outbox, if nobody has within `EVERY`, and finish what is being erased.

    Ends early when `stop` is set. Never raises: what cannot be done now is done the next time.
    """
    stop = stop or threading.Event()
    dropped.write()
    try:
        if _our_turn():
            count(stop)
            bound(stop)
    except Exception as error:  # delivery goes on, whatever it is
        outbox.warn_once(f"Old events are kept for now: {type(error).__name__}.")
    erasure.finish(stop)


def _our_turn() -> bool:
    now, last = timezone.now(), Installation.load().tidied_at
    # A moment in the future was written by a clock that was ahead.
    if last is not None and last <= now < last + EVERY:
        return False
    this = Installation.objects.filter(pk=Installation.ID, tidied_at=last)
    return this.update(tidied_at=now) == 1


def count(stop: threading.Event) -> None:
    """Count the log for insights; then, and only then, what is old may go."""
    from analytics.insights import rollups

    before = timezone.now() - timedelta(days=conf.get().RETENTION_DAYS)
    if rollups.catch_up(COUNTING, stop) and rollups.about_to_purge(before):
        purge(stop)
        rollups.purge(stop, PAUSE)


def purge(stop: threading.Event) -> None:
    """Delete what was settled more than `RETENTION_DAYS` ago."""
    before = timezone.now() - timedelta(days=conf.get().RETENTION_DAYS)
    settled = Event.objects.filter(settled_at__lt=before).order_by("settled_at")
    while _delete(settled) == CHUNK and not stop.wait(PAUSE):
        pass


def bound(stop: threading.Event) -> None:
    """Drop the oldest of what waits beyond `MAX_WAITING`; counted, and said once.

    Events of nobody in particular have the room that people's leave: whoever guesses passwords
    pushes out nobody's events.
    """
    limit = conf.get().MAX_WAITING
    if _span() <= limit:
        return
    nobodys = outbox.waiting().filter(distinct_id=identity.NOBODY)
    peoples = outbox.waiting().exclude(distinct_id=identity.NOBODY)
    room = max(limit - peoples.count(), 0)
    for rows, most in ((nobodys, room), (peoples, limit)):
        _drop(rows, most, f"More than {limit:,} events waited: the oldest were dropped.", stop)


def _span() -> int:
    """As many events as can be waiting, by their ids: counting them takes longer."""
    ids = outbox.waiting().values_list("id", flat=True)
    first, last = ids.order_by("id").first(), ids.order_by("-id").first()
    return 0 if first is None or last is None else last - first + 1


def _drop(rows: QuerySet[Event], most: int, cause: str, stop: threading.Event) -> None:
    """Drop all but the newest `most`: those up to a fixed one, so that two who do it at once, or
    a delivery meanwhile, make it no more.
    """
    last = rows.order_by("-id").values_list("id", flat=True)[most : most + 1].first()
    if last is None:
        return
    surplus = rows.filter(id__lte=last, lease=None).order_by("id")
    number = CHUNK
    while number == CHUNK and not stop.wait(PAUSE):
        with transaction.atomic():
            number = _delete(surplus)
            if number:
                dropped.add(cause, number)
                outbox.warn_once(cause)


def _delete(rows: QuerySet[Event]) -> int:
    """Delete the first rows, a chunk at most, none that somebody is at; returns how many."""
    with transaction.atomic():
        return Event.objects.filter(id__in=outbox.first(rows, CHUNK)).delete()[0]
