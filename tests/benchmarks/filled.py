"""Sites with the time of a large team, on both databases; each is filled once, for all topics."""

import atexit
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache

from tests.benchmarks.sites import run, site
from tests.postgresql import MISSING, binaries, postgresql
from tests.processes import Site, free_port

FEW, MANY = 10_000, 1_000_000  # entries, of 200 people on 500 projects within two years
LOAD = """
from django.core.management import call_command
from django.db import connection
from accounts.models import User
User.objects.all().delete()
call_command("load_large_data", entries={entries}, stdout=open("/dev/null", "w"))
# What PostgreSQL does by itself within minutes of a load, and SQLite's ANALYZE.
connection.cursor().execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
"""
kept = ExitStack()
atexit.register(kept.close)


@cache
def databases() -> list[str]:
    """The names of those that there are on this machine."""
    if binaries() is None:
        print(MISSING)
        return ["SQLite"]
    return [*EMPTY]


@contextmanager
def sqlite() -> Iterator[dict[str, str]]:
    """The environment of a site whose database is a file of its own."""
    yield {}


@contextmanager
def its_own_server() -> Iterator[dict[str, str]]:
    """The environment of a site with a PostgreSQL of its own."""
    with postgresql() as url:
        yield {"DATABASE_URL": url}


EMPTY: dict[str, Callable[[], AbstractContextManager[dict[str, str]]]] = {
    "SQLite": sqlite,
    "PostgreSQL": its_own_server,
}


@cache
def filled(database: str, entries: int) -> Site:
    """A site with so many entries, not served; it is there until the program ends."""
    env = kept.enter_context(EMPTY[database]())
    made = kept.enter_context(site(f"http://127.0.0.1:{free_port()}", **env))
    run(made, LOAD.format(entries=entries))
    return made
