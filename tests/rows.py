"""A site's rows and its migrations, seen from within: `site.run("from tests import rows; …")`."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.db.migrations.loader import MigrationLoader

APPS = ("accounts", "tracking", "analytics")
TABLES = (*(f"{app}_" for app in APPS), "account_", "auth_", "django_session")
Rows = dict[str, list[dict[str, Any]]]


def show() -> None:
    """Print every row of the site's own tables as JSON: table → rows → column → value as text."""
    found: Rows = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith(TABLES):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                names = [column[0] for column in cursor.description]
                rows = [dict(zip(names, map(str, row), strict=True)) for row in cursor.fetchall()]
                found[table] = sorted(rows, key=lambda row: sorted(row.items()))
    print(json.dumps(found))


def needed() -> None:
    """Print what an INSERT must give as JSON: table → columns without NULL and without default."""
    found: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith(TABLES):
                found[table] = [*_needed(cursor, table)]
    print(json.dumps(found))


def _needed(cursor: Any, table: str) -> Iterator[str]:
    if connection.vendor == "sqlite":
        cursor.execute(f"PRAGMA table_info({connection.ops.quote_name(table)})")
        for _number, name, _type, not_null, default, key in cursor.fetchall():
            if not_null and default is None and not key:
                yield name
        return
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
        " AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'",
        [table],
    )
    yield from (name for (name,) in cursor.fetchall())


def write(told: str) -> None:
    """Write as the code before does, whatever the schema is, until there is a file `{told}.stop`.

    Each time a tag and a copy of an event in one transaction; the file `told` gets the name of each
    tag that is committed.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM analytics_event LIMIT 1")
        names = [column[0] for column in cursor.description]
        event: dict[str, Any] = dict(zip(names, cursor.fetchone(), strict=True))
    del event["id"]
    values = ", ".join(["%s"] * len(event))
    insert = f"INSERT INTO analytics_event ({', '.join(event)}) VALUES ({values})"
    number = 0
    with Path(told).open("w") as lines:
        while not Path(f"{told}.stop").exists():
            number += 1
            event["uuid"] = uuid4().hex
            tag = f"written {number}"
            with suppress(OperationalError):
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute(
                        f"INSERT INTO tracking_tag (name, archived) VALUES ('{tag}', false)"
                    )
                    cursor.execute(insert, [*event.values()])
                print(tag, file=lines, flush=True)
            time.sleep(0.005)


def back(steps: int) -> None:
    """Take back the latest migrations of each of our apps: so many, or all but the first."""
    graph = MigrationLoader(connection).graph
    for app in APPS:
        (leaf,) = graph.leaf_nodes(app)
        line = [key for key in graph.forwards_plan(leaf) if key[0] == app]
        call_command("migrate", app, line[max(-1 - steps, -len(line))][1], verbosity=0)
