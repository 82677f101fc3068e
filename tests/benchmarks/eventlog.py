"""How quickly an admin reads a log of a million events: its pages, and the telemetry page.

Is run within a site that is not served: milliseconds of the application, without a network.
"""

import json
import time
from typing import Any

from tests.benchmarks.figures import Figure, p95_of
from tests.benchmarks.filled import databases
from tests.benchmarks.logged import EVENTS, logged
from tests.benchmarks.sites import run

LIMIT = 100  # milliseconds, at the 95th of a hundred
TURNS = 20
LOG, TELEMETRY = "/admin/analytics/event/", "/admin/analytics/installation/"
# What is looked for: often, seldom, once, never; alone and together; at both ends and between.
SEARCHES = (
    *("", "?after=0", "?before={middle}", "?before=60"),
    *("?event=timer.started", "?event=timer.started&after=0", "?event=telemetry.update"),
    *("?event=once.ever", "?event=never.ever", "?event=telemetry.health&before={middle}"),
    *("?person={person}", "?person={person}&after=0", "?person=once", "?person=never"),
    *("?state=waiting", "?state=rejected", "?state=local", "?state=delivered"),
    *("?since={day}&until={day}", "?until=2001-01-01", "?since=2090-01-01", "?since={day}&after=0"),
    *("?event=project.created&person={person}", "?event=once.ever&person={person}"),
    *("?event=timer.started&state=rejected", "?event=timer.started&state=local"),
    *("?person={person}&state=rejected", "?event=export.csv&since={day}&until={day}"),
)
Milliseconds = dict[str, list[float]]  # by address


def figures() -> list[Figure]:
    """On both databases, where there are both."""
    found = []
    for database in databases():
        code = "from tests.benchmarks import eventlog; eventlog.main()"
        taken: Milliseconds = json.loads(run(logged(database), code))
        telemetry = {TELEMETRY: taken.pop(TELEMETRY)}
        found += [
            figure("the event log's pages", database, taken),
            figure("the telemetry page", database, telemetry),
        ]
    return found


def main() -> None:
    """Within the site: print what each page takes as JSON."""
    from django.test import Client

    from accounts.models import User
    from analytics.models import Event

    first, middle = Event.objects.earliest("id").pk, Event.objects.earliest("id").pk + EVENTS // 2
    rejected = {"state": "rejected", "last_error": "HTTP 400: no"}
    Event.objects.filter(pk__range=(middle, middle + 4)).update(**rejected)
    Event.objects.filter(pk=first + 5).update(event="once.ever", distinct_id="once")
    between = Event.objects.get(pk=middle)
    fields = {
        "middle": middle,
        "person": between.distinct_id,
        "day": between.timestamp.date().isoformat(),
    }
    addresses = [LOG + search.format(**fields) for search in SEARCHES]
    addresses += [f"{LOG}{middle}/change/", TELEMETRY]
    client = Client(SERVER_NAME="127.0.0.1")
    client.get("/manifest.webmanifest")  # loads the middleware, which belongs to no page
    admin = User.objects.filter(role="admin").earliest("username")
    client.force_login(admin, backend="accounts.backends.LocalBackend")
    print(json.dumps({address: milliseconds(client, address) for address in addresses}))


def milliseconds(client: Any, address: str) -> list[float]:
    """What a page takes, each time."""
    taken = []
    for _ in range(TURNS):
        start = time.perf_counter()
        answer = client.get(address)
        taken.append((time.perf_counter() - start) * 1000)
        assert answer.status_code == 200, (address, answer.status_code)
    return taken


def figure(pages: str, database: str, taken: Milliseconds) -> Figure:
    name = f"p95 of {pages}, {EVENTS:,} events, {database} (ms)"
    return p95_of(name, taken, LIMIT)
