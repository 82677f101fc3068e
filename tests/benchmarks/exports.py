"""Downloads of the entries of a whole team over HTTP: how quick, how soon, and in what memory."""

import http.client
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.benchmarks.figures import Figure
from tests.benchmarks.filled import MANY, databases, filled
from tests.benchmarks.sites import run
from tests.processes import Site, running

FEWER = 73  # days, with a tenth of the entries
ALL = 2 * 366 + 2  # days
TURNS, FIRST_BYTES = {"csv": 3, "xlsx": 1}, 20
RATE, SOON, GROWTH = 20_000, 200, 50  # rows a second, milliseconds, MB; of CSV
SIGN_IN = """
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from accounts.models import User
user = User.objects.get(role="manager")
session = SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = "accounts.backends.LocalBackend"
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.save()
print(session.session_key)
"""


def figures() -> list[Figure]:
    """On both databases, where there are both."""
    return [figure for database in databases() for figure in of_database(database)]


def of_database(database: str) -> list[Figure]:
    """CSV and XLSX of all entries, from a site that serves them."""
    made = filled(database, MANY)
    cookie = f"sessionid={run(made, SIGN_IN).strip()}"
    found = []
    for kind, rate in (("csv", f">= {RATE}"), ("xlsx", "")):
        with running(made):  # anew: the most that a process ever took is asked for
            download(made, cookie, kind, FEWER)
            before = peak(made)
            took = [download(made, cookie, kind, ALL) for _turn in range(TURNS[kind])]
            growth = (peak(made) - before) / 1000
            soon = [first_byte(made, cookie, kind) for _turn in range(FIRST_BYTES)]
        what = f"{kind.upper()} of {MANY:,} entries, {database}"
        speeds = [MANY / seconds for seconds, _size in took]
        size = f"{took[0][1] / 1e6:.0f} MB in {min(took)[0]:.1f} s at best"
        p95 = statistics.quantiles(soon, n=20)[-1] * 1000
        at = f"median {statistics.median(soon) * 1000:.0f} ms"
        least = f"{before / 1000:.0f} MB with a tenth of the entries"
        found += [
            Figure(f"rows a second of {what}", speeds, size, rate),
            Figure(f"p95 of the first byte of {what} (ms)", [p95], at, f"<= {SOON}"),
            Figure(
                f"growth of the process's peak memory, {what} (MB)", [growth], least, f"<= {GROWTH}"
            ),
        ]
    return found


def ask(made: Site, cookie: str, kind: str, days: int) -> http.client.HTTPResponse:
    """Ask for the entries of so many days up to now; the answer's body is not yet read."""
    today = datetime.now(UTC).date()
    connection = http.client.HTTPConnection("127.0.0.1", made.port, timeout=600)
    query = f"since={today - timedelta(days - 1)}&until={today}"
    connection.request("GET", f"/exports/entries.{kind}?{query}", headers={"Cookie": cookie})
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    return answer


def download(made: Site, cookie: str, kind: str, days: int) -> tuple[float, int]:
    """The seconds that it takes to get a file, and the file's bytes."""
    start, size, lines = time.perf_counter(), 0, 0
    with ask(made, cookie, kind, days) as answer:
        while part := answer.read(1 << 16):
            size += len(part)
            lines += part.count(b"\n")
    if kind == "csv" and days == ALL:
        assert lines == MANY + 1, lines
    return time.perf_counter() - start, size


def first_byte(made: Site, cookie: str, kind: str) -> float:
    """The seconds until the first byte of a file; the rest is not waited for.

    But for a moment, in which the site learns that nobody reads the one before.
    """
    time.sleep(0.5)
    start = time.perf_counter()
    with ask(made, cookie, kind, ALL) as answer:
        assert answer.read(1)
        return time.perf_counter() - start


def peak(made: Site) -> int:
    """The most memory (KiB) that the process that answers has had."""
    assert made.process is not None
    master = made.process.pid
    (worker,) = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    lines = Path(f"/proc/{worker}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))
