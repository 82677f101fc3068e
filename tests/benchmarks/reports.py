"""The server's time for reports of the whole team, with 1,000,000 entries of two years."""

import json
import time
from datetime import UTC, datetime, timedelta

from tests.benchmarks.figures import Figure, p95_of
from tests.benchmarks.filled import MANY, databases, filled
from tests.benchmarks.sites import run

SPANS = {"one month": (30, 150), "one year": (365, 600)}  # days, and the most milliseconds
# What people ask for, in turn: each is as much a report as the others.
QUERIES = (
    "by=project",
    "by=client&then=person",
    "by=person&then=project",
    "by=month&then=client",
    "by=tag",
    "by=project&rounding=up&minutes=15",
    "by=task&billable=yes",
)
TURNS = 6  # of each
Milliseconds = dict[str, dict[str, list[float]]]  # by span and by query


def figures() -> list[Figure]:
    """On both databases, where there are both."""
    return [
        figure(span, database, taken)
        for database in databases()
        for span, taken in measured(database).items()
    ]


def measured(database: str) -> Milliseconds:
    """Let a manager of a filled site look at reports."""
    code = "from tests.benchmarks import reports; reports.main()"
    found: Milliseconds = json.loads(run(filled(database, MANY), code))
    return found


def main() -> None:
    """Within the site: print the time of every report as JSON."""
    from django.test import Client

    from accounts.models import User
    from timetracker import wsgi  # noqa: F401 - begins as a server's process does

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.get(role="manager"), backend="accounts.backends.LocalBackend")
    client.get("/reports/?range=today")  # loads what belongs to no report
    today = datetime.now(UTC).date()
    taken: Milliseconds = {span: {query: [] for query in QUERIES} for span in SPANS}
    for _turn in range(TURNS):
        for span, (days, _limit) in SPANS.items():
            period = f"since={today - timedelta(days - 1)}&until={today}"
            for query in QUERIES:
                start = time.perf_counter()
                answer = client.get(f"/reports/?{period}&{query}")
                taken[span][query].append((time.perf_counter() - start) * 1000)
                assert answer.status_code == 200, (query, answer.status_code)
    print(json.dumps(taken))


def figure(span: str, database: str, taken: dict[str, list[float]]) -> Figure:
    name = f"p95 of {span} of the team's report, {MANY:,} entries, {database} (ms)"
    return p95_of(name, taken, SPANS[span][1])
