"""The memory of a web process after 100,000 events that cannot be delivered, over before."""

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks.figures import Figure
from tests.benchmarks.sites import site
from tests.capture import wait_until
from tests.processes import Site, free_port, running

CLIENTS, AT_ONCE = 2, 100  # with more, some would wait for SQLite longer than it lets them
WARM_UP, EVENTS = 5_000, 100_000
WAITING = "from analytics.models import Event; print(Event.objects.filter(state='waiting').count())"
FAILURES = "from analytics.models import Installation; print(Installation.load().failures)"


def figures() -> list[Figure]:
    """The resident memory, and that in which shared pages count in part."""
    with site(f"http://127.0.0.1:{free_port()}") as made, running(made):
        pid = record(made, WARM_UP)
        wait_until(lambda: made.run(FAILURES) != "0", 60)  # what delivers is loaded, too
        before = memory(pid)
        assert record(made, EVENTS) == pid
        after = memory(pid)
        assert int(made.run(WAITING)) == WARM_UP + EVENTS
    return [figure(kind, before[kind], after[kind]) for kind in ("Rss", "Pss")]


def figure(kind: str, before: int, after: int) -> Figure:
    name = f"memory ({kind.upper()}) after {EVENTS:,} events with PostHog down"
    sides = f"{after / 1024:.1f} MiB over {before / 1024:.1f} MiB"
    return Figure(name, [after / before], sides, "<= 1.05" if kind == "Rss" else "")


def record(made: Site, events: int) -> int:
    """Have people record so many events; returns the process that did it."""
    addresses = [f"{made.url}/many/{first}/{AT_ONCE}/" for first in range(0, events, AT_ONCE)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        (pid,) = {*clients.map(served_by, addresses)}
    return pid


def served_by(url: str) -> int:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return int(json.load(answer)["pid"])


def memory(pid: int) -> dict[str, int]:
    """What the kernel says of a process's memory, in KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
