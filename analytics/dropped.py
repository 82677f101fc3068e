"""Counts what was left out or lost, for the eyes of an admin: by cause, never the thing itself.

A count is kept in memory until the database takes it: what was lost because the database is away
cannot be written there at once. It is written with the next event that is recorded, and by the next
pass of delivery; a process that ends before that takes it along.
"""

from __future__ import annotations

import os
import threading
from collections import Counter

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from analytics import patience

CAUSES = 200  # rows; code has few mistakes, names made of data have no end
OTHERS = "Other names and values."

_lock = threading.Lock()
_counts: Counter[str] = Counter()


def note(cause: str) -> None:
    """Count one in memory; nothing is asked of the database."""
    with _lock:
        _counts[cause if cause in _counts or len(_counts) < CAUSES else OTHERS] += 1


def count(cause: str) -> None:
    """Count one, after a commit: the counter's row is everybody's, not to be held till then."""
    note(cause)
    write()


def write() -> None:
    """Write what is in memory, if the database takes it at once. Never raises."""
    if not _counts:
        return
    with _lock:
        taken = dict(_counts)
        _counts.clear()
    if not taken:
        return
    try:
        with patience.briefly(), transaction.atomic():
            for cause, number in taken.items():
                add(cause, number)
    except Exception as error:  # whatever it is, it is tried again
        with _lock:
            _counts.update(taken)
        patience.let_go(error)


def add(cause: str, number: int) -> None:
    """Add to the count of a cause, in the caller's transaction."""
    from analytics.models import Dropped

    known = Dropped.objects.filter(cause=cause[:300]).exists()
    if not known and Dropped.objects.count() >= CAUSES:
        cause = OTHERS
    row, _ = Dropped.objects.get_or_create(cause=cause[:300])
    Dropped.objects.filter(pk=row.pk).update(count=F("count") + number, last_at=timezone.now())


def _after_fork() -> None:
    """The parent writes what it has counted."""
    global _lock
    _lock = threading.Lock()
    _counts.clear()


os.register_at_fork(after_in_child=_after_fork)
