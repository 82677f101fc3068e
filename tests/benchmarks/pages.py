"""The server's time for the pages of a person, with 1,000,000 entries and with 10,000."""

import json
import statistics
import time

from tests.benchmarks.figures import Figure
from tests.benchmarks.filled import FEW, MANY, databases, filled
from tests.benchmarks.sites import run

LIMIT = 50  # milliseconds, at the 95th of a hundred
PEOPLE, TURNS = 40, 5
PAGES = {
    "the dashboard": "/",
    "entries": "/entries/",
    "the week": "/week/",
    "the calendar": "/calendar/",
}
Milliseconds = dict[str, float]  # by page


def figures() -> list[Figure]:
    """On both databases, where there are both."""
    found = []
    for database in databases():
        few, many = (p95s(database, entries) for entries in (FEW, MANY))
        found += [figure(page, database, few[page], many[page]) for page in PAGES]
    return found


def p95s(database: str, entries: int) -> Milliseconds:
    """Let a part of a filled site's people look at their pages."""
    code = "from tests.benchmarks import pages; pages.main()"
    found: Milliseconds = json.loads(run(filled(database, entries), code))
    return found


def main() -> None:
    """Within the site: print the p95 of each page as JSON."""
    from django.test import Client

    from accounts.models import User
    from timetracker import wsgi  # noqa: F401 - begins as a server's process does

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
