"""How long pages take while PostHog hangs, over the same pages of a site without analytics."""

import http.client
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from tests.benchmarks.figures import Figure, median
from tests.benchmarks.peer import peer
from tests.benchmarks.sites import site
from tests.processes import Site, running

CLIENTS, PAIRS = 8, 20
SPELLS, TURNS = 6, 5  # a pair is measured in turns, too: six spells a side, of five turns each
TOKEN = "0123456789abcdefghijklmnopqrstuv"
HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"
    " (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
}
PAGES = ("starting a timer", "the dashboard")
Seconds = dict[str, float]  # by page
SIGN_IN = """
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from accounts.models import User
for number in range({clients}):
    user = User.objects.create_user(f"visitor-{{number}}", share_analytics={shares})
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "accounts.backends.LocalBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    print(session.session_key)
"""
RECORDED = """
from analytics.models import Event, Installation
print(Event.objects.count(), Installation.load().failures)
"""


class Visitor:
    """A signed-in person, whose browser keeps its connection."""

    def __init__(self, where: Site, session: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", where.port, timeout=60)
        self.headers = {**HEADERS, "Cookie": f"csrftoken={TOKEN}; sessionid={session}"}

    def work(self) -> list[tuple[float, ...]]:
        """Start timers, each of which ends the one before, and look at the dashboard."""
        form = f"csrfmiddlewaretoken={TOKEN}&description=work"
        return [
            (self.seconds("POST", "/timer/start/", 302, form), self.seconds("GET", "/", 200))
            for _ in range(TURNS)
        ]

    def seconds(self, method: str, path: str, status: int, body: str | None = None) -> float:
        """How long a page takes, which must answer with this status."""
        start = time.perf_counter()
        self.connection.request(method, path, body, self.headers)
        answer = self.connection.getresponse()
        answer.read()
        assert answer.status == status, (path, answer.status)
        return time.perf_counter() - start


class Crowd:
    """Eight people who use a site at once."""

    def __init__(self, where: Site, shares: bool) -> None:
        sessions = where.run(SIGN_IN.format(clients=CLIENTS, shares=shares)).split()
        self.visitors = [Visitor(where, session) for session in sessions]
        self.site = where

    def work(self) -> list[tuple[float, ...]]:
        """The seconds of each page, turn by turn, on a new day."""
        self.visitors[0].seconds("GET", "/forget/", 200)
        with ThreadPoolExecutor(CLIENTS) as threads:
            of_each = threads.map(lambda visitor: visitor.work(), self.visitors)
            return [turn for turns in of_each for turn in turns]


@contextmanager
def crowds() -> Iterator[tuple[Crowd, Crowd]]:
    """One on a site whose PostHog hangs, one on a site without analytics."""
    with ExitStack() as stack:
        enter = stack.enter_context
        hanging = enter(running(enter(site(enter(peer("hangs"))))))
        off = {"DJANGO_SETTINGS_MODULE": "tests.benchmarks.off", "POSTHOG_API_KEY": ""}
        without = enter(running(enter(site("http://127.0.0.1:9", **off))))
        yield Crowd(hanging, shares=True), Crowd(without, shares=False)


def figures() -> list[Figure]:
    """One for each page."""
    with crowds() as both:
        pair(*both)  # warms up
        pairs = [pair(*both) for _ in range(PAIRS)]
        check(*both)
    return [figure(page, [*zip(*pairs, strict=True)]) for page in PAGES]


def pair(hanging: Crowd, without: Crowd) -> tuple[Seconds, Seconds]:
    """What the pages of both sites take."""
    turns: dict[Crowd, list[tuple[float, ...]]] = {hanging: [], without: []}
    for spell in range(SPELLS):
        for crowd in (hanging, without) if spell % 2 else (without, hanging):
            turns[crowd] += crowd.work()
    return p95(turns[hanging]), p95(turns[without])


def p95(turns: list[tuple[float, ...]]) -> Seconds:
    columns = zip(PAGES, zip(*turns, strict=True), strict=True)
    return {page: statistics.quantiles(seconds, n=20)[-1] for page, seconds in columns}


def check(hanging: Crowd, without: Crowd) -> None:
    """See that each site did what is said of it: every event was recorded, or none."""
    recorded, failures = map(int, hanging.site.run(RECORDED).split())
    a_spell = CLIENTS * (2 * TURNS - 1)  # the last timer of a day is not ended
    assert recorded == (PAIRS + 1) * SPELLS * a_spell, recorded
    assert failures, "PostHog was not asked"
    assert without.site.run(RECORDED).split() == ["0", "0"]


def figure(page: str, both: list[tuple[Seconds, ...]]) -> Figure:
    hanging, without = ([one[page] for one in side] for side in both)
    ratios = [one / other for one, other in zip(hanging, without, strict=True)]
    sides = f"{median(hanging, 1e3)} ms over {median(without, 1e3)} ms"
    return Figure(f"p95 of {page} while PostHog hangs", ratios, sides, "<= 1.1")
