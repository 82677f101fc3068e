"""The server's time for the pages of a person, with 1,000,000 entries and with 10,000."""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.benchmarks.figures import Figure
from tests.benchmarks.sites import run, site
from tests.postgresql import MISSING, binaries, postgresql
from tests.processes import free_port

FEW, MANY = 10_000, 1_000_000  # entries, of 200 people on 500 projects within two years
LIMIT = 50  # milliseconds, at the 95th of a hundred
PEOPLE, TURNS = 40, 5
PAGES = {
    "the dashboard": "/",
    "entries": "/entries/",
    "the week": "/week/",
    "the calendar": "/calendar/",
}
LOAD = (
    "from django.core.management import call_command as call;"
    "from accounts.models import User; User.objects.all().delete();"
    "call('load_large_data', entries={entries}, stdout=open('/dev/null', 'w'))"
)
Milliseconds = dict[str, float]  # by page
Database = Callable[[], AbstractContextManager[dict[str, str]]]


def figures() -> list[Figure]:
    """On both databases, where there are both."""
    found = []
    for name, database in databases().items():
        few, many = (p95s(entries, database) for entries in (FEW, MANY))
        found += [figure(page, name, few[page], many[page]) for page in PAGES]
    return found


def databases() -> dict[str, Database]:
    """By their names what starts an empty one; the block's value is the site's environment."""
    if binaries() is None:
        print(MISSING)
        return {"SQLite": sqlite}
    return {"SQLite": sqlite, "PostgreSQL": its_own_server}


@contextmanager
def sqlite() -> Iterator[dict[str, str]]:
    yield {}


@contextmanager
def its_own_server() -> Iterator[dict[str, str]]:
    with postgresql() as url:
        yield {"DATABASE_URL": url}


def p95s(entries: int, database: Database) -> Milliseconds:
    """Fill a site, and let a part of its people look at their pages."""
    with database() as env, site(f"http://127.0.0.1:{free_port()}", **env) as made:
        run(made, LOAD.format(entries=entries))
        found: Milliseconds = json.loads(
            run(made, "from tests.benchmarks import pages; pages.main()")
        )
        return found


def main() -> None:
    """Within the site: print the p95 of each page as JSON."""
    from django.db import connection
    from django.test import Client

    from accounts.models import User

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    people = list(User.objects.order_by("username")[:PEOPLE])
    taken: dict[str, list[float]] = {page: [] for page in PAGES}
    client = Client(SERVER_NAME="127.0.0.1")
    client.get("/manifest.webmanifest")  # loads the middleware, which belongs to no page
    for person in people:
        client.force_login(person, backend="accounts.backends.LocalBackend")
        for page, path in [*PAGES.items()] * TURNS:
            start = time.perf_counter()
            answer = client.get(path)
            taken[page].append((time.perf_counter() - start) * 1000)
            assert answer.status_code == 200, (path, answer.status_code)
    p95 = {page: statistics.quantiles(each, n=20)[-1] for page, each in taken.items()}
    print(json.dumps(p95))


def figure(page: str, database: str, few: float, many: float) -> Figure:
    name = f"p95 of {page} with {MANY:,} entries, {database} (ms)"
    return Figure(name, [many], f"{many:.1f} ms, with {FEW:,} entries {few:.1f} ms", f"<= {LIMIT}")
