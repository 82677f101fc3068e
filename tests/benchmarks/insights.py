"""The server's time for the insights page, with 1,000,000 events of 200 people in 90 days."""

import json
import statistics
import time
from typing import Any, TypedDict

from tests.benchmarks.figures import Figure
from tests.benchmarks.filled import databases
from tests.benchmarks.logged import EVENTS, logged
from tests.benchmarks.sites import run

LIMIT = 500  # milliseconds
PAGE = "/admin/analytics/dailycount/"
PERIODS = {"": "each insight its own period", "24h": "24 hours", "90d": "90 days", "1y": "1 year"}
TURNS = 20


class Taken(TypedDict):
    """Milliseconds: of the pages until all was counted, and then by period."""

    first: list[float]
    pages: dict[str, list[float]]


def figures() -> list[Figure]:
    """On both databases, where there are both."""
    found = []
    for database in databases():
        taken = measured(database)
        found += [figure(period, database, taken["pages"][period]) for period in PERIODS]
        found.append(first(database, taken["first"]))
    return found


def measured(database: str) -> Taken:
    """Let an admin of a site with a long log look at its insights."""
    code = "from tests.benchmarks import insights; insights.main()"
    found: Taken = json.loads(run(logged(database), code))
    return found


def main() -> None:
    """Within the site: print what the pages take as JSON."""
    from django.test import Client

    from accounts.models import User
    from analytics.models import Counting

    client = Client(SERVER_NAME="127.0.0.1")
    admin = User.objects.filter(role="admin").earliest("pk")
    client.force_login(admin, backend="accounts.backends.LocalBackend")
    client.get("/admin/")  # loads what belongs to no page
    Counting.objects.all().delete()
    pages: list[float] = []
    while True:
        milliseconds, text = look(client, "")
        pages.append(milliseconds)
        if "still being counted" not in text:
            break
    taken = {period: [look(client, period)[0] for _turn in range(TURNS)] for period in PERIODS}
    print(json.dumps(Taken(first=pages, pages=taken)))


def look(client: Any, period: str) -> tuple[float, str]:
    """How long the page takes, and what it says."""
    start = time.perf_counter()
    answer = client.get(PAGE, {"period": period} if period else {})
    milliseconds = (time.perf_counter() - start) * 1000
    assert answer.status_code == 200
    return milliseconds, answer.content.decode()


def figure(period: str, database: str, taken: list[float]) -> Figure:
    name = f"p95 of the insights, {PERIODS[period]}, {EVENTS:,} events, {database} (ms)"
    p95 = statistics.quantiles(taken, n=20)[-1]
    return Figure(name, [p95], f"median {statistics.median(taken):.0f} ms", f"<= {LIMIT}")


def first(database: str, taken: list[float]) -> Figure:
    name = f"until a log that was never counted is, {EVENTS:,} events, {database} (ms)"
    sides = f"{len(taken)} looks at the page, the longest {max(taken):.0f} ms"
    return Figure(name, [sum(taken)], sides)
