"""What happens within the caller's transaction, and must not break it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper


def can_commit() -> bool:
    """Whether the caller's transaction, if there is one, can still be committed.

    A full disk takes all of it back where the database is SQLite, whatever the savepoints.
    """
    connection = transaction.get_connection()
    return not (connection.in_atomic_block and connection.needs_rollback)


def apart() -> AbstractContextManager[Any]:
    """A savepoint within the caller's transaction: what fails in the block takes back no more."""
    connection = transaction.get_connection()
    return _sqlite(connection) if connection.vendor == "sqlite" else transaction.atomic()


@contextmanager
def _sqlite(connection: BaseDatabaseWrapper) -> Iterator[None]:
    # Here a statement that fails takes back what it did, and no more, as if it had a savepoint of
    # its own. One more would hold the write lock for longer: each statement lets other threads in.
    try:
        yield
    except BaseException:
        raw = connection.connection
        if raw is None or not raw.in_transaction:  # the whole of it has been taken back
            connection.needs_rollback = True
        raise
