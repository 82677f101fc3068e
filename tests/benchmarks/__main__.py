"""`python -m tests.benchmarks` measures everything and writes docs/performance.md; with names of
topics it measures those, and writes their parts of the page.
"""

import os
import platform
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import django

from tests.benchmarks import (
    eventlog,
    exports,
    figures,
    insights,
    load,
    memory,
    page,
    pages,
    reports,
)
from tests.benchmarks.figures import Figure
from tests.benchmarks.peer import peer
from tests.benchmarks.sites import run, site
from tests.postgresql import MISSING, binaries, postgresql


def within_a_site(module: str, **env: str) -> list[Figure]:
    """What a module measures that is run within a site, whose PostHog answers at once."""
    with peer("answers") as posthog, site(posthog, **env) as made:
        return figures.loads(run(made, f"from tests.benchmarks import {module} as m; m.main()"))


def drain() -> list[Figure]:
    """On both databases, where there are both."""
    found = within_a_site("drain")
    if binaries() is None:
        print(MISSING)
        return found
    with postgresql() as url:
        return found + within_a_site("drain", DATABASE_URL=url)


TOPICS: dict[str, Callable[[], list[Figure]]] = {
    "request": lambda: within_a_site("request"),
    "page": page.figures,
    "drain": drain,
    "memory": memory.figures,
    "pages": pages.figures,
    "reports": reports.figures,
    "exports": exports.figures,
    "insights": insights.figures,
    "eventlog": eventlog.figures,
    "load": load.figures,
}


def machine() -> str:
    """What the figures were measured on, and when."""
    facts = [
        f"{os.cpu_count()} CPUs",
        f"Python {platform.python_version()}",
        f"Django {django.get_version()}",
        f"SQLite {sqlite3.sqlite_version}",
        *postgresql_version(),
    ]
    return f"Measured on {datetime.now(UTC):%Y-%m-%d} with {', '.join(facts)}.\n"


def postgresql_version() -> list[str]:
    folder = binaries()
    if folder is None:
        return []
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, check=True)
    return [f"PostgreSQL {said.stdout.decode().split()[2]}"]


def main(names: list[str]) -> None:
    """Measure, and print and write the table of each topic."""
    for name in names or TOPICS:
        print(f"Measuring: {name} …", file=sys.stderr)
        text = f"{machine()}\n{figures.table(TOPICS[name]())}"
        print(text, flush=True)
        figures.write(name, text)


if __name__ == "__main__":
    if unknown := {*sys.argv[1:]} - TOPICS.keys():
        sys.exit(f"Unknown: {', '.join(unknown)}; there are {', '.join(TOPICS)}.")
    main(sys.argv[1:])
