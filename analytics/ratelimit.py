"""Counting over all processes, through Django's cache."""

from __future__ import annotations

import time

from django.core.cache import cache

WINDOW = 60  # seconds


class CacheRefusesError(RuntimeError):
    """The cache cannot be written: nothing can be counted."""


def claim(name: str, limit: int) -> bool:
    """Take one of `limit` places in this minute; False where all are taken.

    Each place is taken by `add`, which one caller alone can win. `incr` would lose counts in caches
    that read and then write, such as Django's own in the database. Raises `CacheRefusesError`, or
    what the cache itself raises, where nothing can be counted.
    """
    window = f"{name}.{int(time.time() // WINDOW)}"
    place = cache.get(window, 0)
    while place < limit:
        key = f"{window}.{place}"
        if cache.add(key, True, 2 * WINDOW):
            cache.set(window, place + 1, 2 * WINDOW)
            return True
        if cache.get(key) is None:  # nobody else has it either
            raise CacheRefusesError
        place += 1
    return False
