"""`kill -9` of a site that is at work: what was committed arrives, and nothing else."""

import itertools
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from tests.capture import CaptureServer, accept, wait_until
from tests.processes import Site
from tests.site.installation import DATABASES, ask, installation, waiting

pytestmark = pytest.mark.slow

REQUESTS, KILLS, VISITORS = 5000, 10, 4
PAGES = ("work", "work", "work", "fail", "track")  # by number
SERVER = ("--workers=2", "--threads=4")
LEASE = 60  # seconds for which a killed process still holds what it took


def page(number: int) -> str:
    return PAGES[number % len(PAGES)]


class Crowd:
    """Visitors who ask for one numbered page after the other, whatever becomes of the site."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answered = self.broken = 0
        self.uuids: dict[int, str] = {}  # what the site said that it had recorded
        self._numbers = itertools.count()
        self._end = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._visit) for _ in range(VISITORS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._end.set()
            for thread in threads:
                thread.join()

    def wait_for(self, answered: int) -> None:
        wait_until(lambda: self.answered >= answered, 180)

    def _visit(self) -> None:
        visitor = requests.Session()
        while not self._end.is_set():
            number = next(self._numbers)
            try:
                address = f"{self.url}/{page(number)}/{number}/"
                self._note(number, visitor.get(address, timeout=20))
            except requests.RequestException:
                self._note(number, None)
                time.sleep(0.2)  # the site was killed, and is about to come back

    def _note(self, number: int, answer: requests.Response | None) -> None:
        with self._lock:
            if answer is None:
                self.broken += 1
                return
            self.answered += 1
            if answer.ok and (uuid := answer.json()["uuid"]):
                self.uuids[number] = uuid


def take_your_time(batch):
    """So that a kill meets batches that are under way."""
    time.sleep(0.2)
    return accept(batch)


def arrived(posthog: CaptureServer) -> dict[int, set[str]]:
    """The uuids under which each number came."""
    uuids = defaultdict(set)
    for event in posthog.events:
        uuids[event["properties"]["number"]].add(event["uuid"])
    return uuids


def is_quiet(site: Site) -> bool:
    """Whether nothing waits; a look costs a process, so it is taken now and then."""
    time.sleep(2)
    return waiting(site) == 0


@pytest.mark.parametrize("database", DATABASES)
def test_what_was_committed_arrives_through_ten_kills(tmp_path, posthog, database):
    posthog.answer = take_your_time
    with installation(tmp_path, posthog, database) as site:
        site.start(*SERVER)
        crowd = Crowd(site.url)
        with crowd.at_work():
            for kill in range(1, KILLS + 1):
                crowd.wait_for(REQUESTS * kill // (KILLS + 1))
                site.kill()
                site.start(*SERVER)
            crowd.wait_for(REQUESTS)
        wait_until(lambda: is_quiet(site), 3 * LEASE)
        clients = ask(site, "*C.objects.values_list('name', flat=True)")
        states = ask(site, "set(E.objects.values_list('state', flat=True))")

    uuids = arrived(posthog)
    assert {number for number in uuids if page(number) == "work"} == {
        int(name) for name in clients.split()
    }
    assert not [number for number in uuids if page(number) == "fail"]
    assert not [number for number, found in uuids.items() if len(found) > 1]
    assert {number: uuids[number] for number in crowd.uuids} == {
        number: {uuid} for number, uuid in crowd.uuids.items()
    }
    assert states == "{'delivered'}"
    # The kills were felt, by visitors and by batches under way.
    assert crowd.broken >= KILLS
    assert len(posthog.events) > len(uuids)
