"""Writes an event's row: one statement, as quick as a page can ask for.

Django's own `create` takes longer to compose the statement than the database to run it, and the id
of a person who came back after an erasure would be another query. So the statement is composed
once, and looks that id up itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import cache
from typing import Any

from django.db import connections, transaction
from django.db.models import Model
from django.utils import timezone

COLUMNS = ("uuid", "event", "timestamp", "properties", "state", "settled_at")


def write(event: str, distinct_id: str, properties: dict[str, Any], state: str) -> uuid.UUID:
    """Insert a row in the caller's transaction; returns its uuid.

    `distinct_id` is a person's id before any erasure, or an id of the installation's own. A row
    that is not to wait counts as settled now.
    """
    from analytics.models import State

    connection = transaction.get_connection()
    row_uuid, now = uuid.uuid4(), timezone.now()
    settled_at = None if state == State.WAITING else now
    statement, prepare = _composed(connection.alias)
    values = (row_uuid, event, now, properties, state, settled_at)
    prepared = [one(value, connection) for one, value in zip(prepare, values, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*prepared, distinct_id, distinct_id])
    return row_uuid


@cache
def _composed(alias: str) -> tuple[str, list[Callable[[Any, Any], Any]]]:
    """The statement, and what makes a column's value ready for it."""
    from analytics.models import Event, Person

    quote = connections[alias].ops.quote_name

    def column(model: type[Model], name: str) -> str:
        return quote(_field(model, name).column)

    events, persons = quote(Event._meta.db_table), quote(Person._meta.db_table)
    names = (*COLUMNS, "distinct_id", "attempts", "last_error")
    columns = ", ".join(column(Event, name) for name in names)
    places = ", ".join(["%s"] * len(COLUMNS))
    renewed = (
        f"SELECT {column(Person, 'distinct_id')} FROM {persons}"  # noqa: S608 - names of columns
        f" WHERE {column(Person, 'original_id')} = %s"
    )
    statement = (
        f"INSERT INTO {events} ({columns})"  # noqa: S608 - the same
        f" VALUES ({places}, COALESCE(({renewed}), %s), 0, '')"
    )
    return statement, [_field(Event, name).get_db_prep_save for name in COLUMNS]


def _field(model: type[Model], name: str) -> Any:
    return model._meta.get_field(name)
