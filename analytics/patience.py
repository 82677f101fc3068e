"""How long a page waits for a database that somebody else has locked.

Within the caller's transaction no rule of ours applies: it has its locks, or waits for them anyway.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from analytics import context

LONGEST_WAIT = 0.05  # seconds, of a request or of a call outside of one
WORK = 0.005  # seconds that recording takes by itself, at most; what is longer was a wait


@contextmanager
def briefly() -> Iterator[None]:
    """Give up on a lock after what is left of `LONGEST_WAIT`: statements raise `OperationalError`.

    All events of a request share that time; it is the limit of each statement, of which all but the
    first seldom wait. Databases other than SQLite and PostgreSQL wait as they are configured to.
    """
    connection = transaction.get_connection()
    bounded = None if connection.in_atomic_block else BOUNDED.get(connection.vendor)
    if bounded is None:
        yield
        return
    request, start, done = context.current(), time.monotonic(), False
    left = LONGEST_WAIT - (request.waited if request else 0.0)
    try:
        yield from bounded(connection, max(int(left * 1000), 0))
        done = True
    finally:
        seconds = time.monotonic() - start
        if request and (seconds > WORK or not done):
            request.waited += seconds


def let_go(error: BaseException) -> None:
    """Free at once, in this thread, what the frames of a swallowed failure hold: its cursors.

    Django ties the cursor of a failed statement into a cycle (`DatabaseErrorWrapper`). A garbage
    collection in another thread would reset its statement while it holds the interpreter's lock,
    and so, on SQLite, stop the whole process for as long as this thread's next statement waits
    for somebody else's lock (seen on Python 3.11).
    """
    failure: BaseException | None = error
    while failure is not None:
        traceback.clear_frames(failure.__traceback__)
        failure = failure.__cause__ or failure.__context__


def _sqlite(connection: BaseDatabaseWrapper, milliseconds: int) -> Iterator[None]:
    connection.ensure_connection()
    # Past Django's cursor, which would time and log the statements.
    execute = connection.connection.execute
    (before,) = execute("PRAGMA busy_timeout").fetchone()
    execute(f"PRAGMA busy_timeout = {milliseconds}")
    try:
        yield
    finally:
        execute(f"PRAGMA busy_timeout = {before}")


def _postgresql(connection: BaseDatabaseWrapper, milliseconds: int) -> Iterator[None]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {milliseconds or 1}")  # 0 would be for ever
        yield


BOUNDED = {"sqlite": _sqlite, "postgresql": _postgresql}
