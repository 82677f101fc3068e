"""The servers that sites run under: each worker delivers what it recorded, and ends in time."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import pytest
import requests

from tests.capture import CaptureServer, accept, wait_until
from tests.processes import ROOT, Site
from tests.site.installation import installation, leased, waiting

pytestmark = pytest.mark.slow

SYNC = ("--workers=2", "--worker-class=sync", "--threads=1")
GTHREAD = ("--workers=2", "--worker-class=gthread", "--threads=4")
# uvicorn would replace a worker that stands still for longer than that.
UVICORN = ("--workers=2", "--timeout-worker-healthcheck=60")
SERVERS = {  # how to start it, and the number of its workers
    "sync": (Site.start, SYNC, 2),
    "sync-preload": (Site.start, (*SYNC, "--preload"), 2),
    "gthread": (Site.start, GTHREAD, 2),
    "gthread-preload": (Site.start, (*GTHREAD, "--preload"), 2),
    "uvicorn": (Site.start_uvicorn, (), 1),
    "uvicorn-workers": (Site.start_uvicorn, UVICORN, 2),
}


class Visitors:
    """Have a site record numbered events; `told`: the uuids, and the processes that said them."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.told: dict[str, int] = {}
        self._numbers = count()

    @property
    def processes(self) -> set[int]:
        return set(self.told.values())

    def come(self) -> int:
        """One visit; returns the process that served it."""
        answer = requests.get(f"{self.site.url}/work/{next(self._numbers)}/", timeout=20)
        said = answer.json()
        self.told[said["uuid"]] = said["pid"]
        return int(said["pid"])

    def come_until(self, processes: int) -> None:
        """Many visits at once, until so many processes have served some."""
        with ThreadPoolExecutor(8) as crowd:
            for _ in range(20):
                for visit in [crowd.submit(self.come) for _ in range(20)]:
                    visit.result()
                if len(self.processes) >= processes:
                    return
        raise AssertionError(f"only {self.processes} recorded anything")


def arrived(posthog: CaptureServer) -> Counter[str]:
    return Counter(event["uuid"] for event in posthog.events)


@contextmanager
def alone(pid: int, pids: set[int]) -> Iterator[None]:
    """Freeze the other processes: what happens now is done by this one."""
    for other in pids - {pid}:
        os.kill(other, signal.SIGSTOP)
    try:
        yield
    finally:
        for other in pids - {pid}:
            os.kill(other, signal.SIGCONT)


@pytest.mark.parametrize("server", SERVERS)
def test_every_worker_delivers_what_it_recorded(tmp_path, posthog, server):
    start, options, workers = SERVERS[server]
    with installation(tmp_path, posthog) as site:
        start(site, *options)
        visitors = Visitors(site)
        visitors.come_until(workers)
        # Nobody is frozen who still writes: that would lock the database for the others. And a
        # gunicorn gives up workers that stand still for 30 seconds.
        wait_until(lambda: waiting(site) == 0)
        for pid in visitors.processes:
            with alone(pid, visitors.processes):
                assert visitors.come() == pid
                wait_until(lambda: waiting(site) == 0)
        site.stop()
    assert len(visitors.processes) == workers
    assert arrived(posthog) == Counter(list(visitors.told))
    if start is Site.start:  # gunicorn decides by more than one option
        assert f"Using worker: {server.removesuffix('-preload')}" in site.log.read_text()


@pytest.mark.parametrize("server", ["gthread", "uvicorn", "uvicorn-workers"])
def test_a_site_ends_in_time_while_posthog_hangs_and_keeps_no_lease(tmp_path, posthog, server):
    start, options, workers = SERVERS[server]
    with installation(tmp_path, posthog) as site:
        visitors = Visitors(site)
        start(site, *options)
        visitors.come_until(workers)
        wait_until(lambda: waiting(site) == 0)
        at_rest = seconds_to_end(site)

        posthog.answer = hang
        start(site, *options)
        visitors.come_until(2 * workers)
        wait_until(lambda: len(posthog.bodies) > len(posthog.batches))
        # A second of delivery's; the rest is for machines that have much else to do.
        assert seconds_to_end(site) - at_rest < 2
        left = len(visitors.told) - len(arrived(posthog))
        assert (leased(site), waiting(site)) == (0, left)


def hang(batch):
    """A PostHog that accepts, and never answers as far as anybody waits."""
    time.sleep(60)
    return accept(batch)


def seconds_to_end(site: Site) -> float:
    begun = time.monotonic()
    site.stop()
    return time.monotonic() - begun


def test_events_from_before_and_after_a_reload_arrive(tmp_path, posthog):
    settings = tmp_path / "reloaded.py"
    settings.write_text("from tests.site.settings import *\n")
    env = {"DJANGO_SETTINGS_MODULE": "reloaded", "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    with installation(tmp_path, posthog, **env) as site:
        site.start_development()
        visitors = Visitors(site)
        visitors.come()
        wait_until(lambda: arrived(posthog))
        posthog.stop()
        visitors.come()
        time.sleep(2)  # the reloader notes once a second how old its files are
        settings.touch()
        wait_until(lambda: is_reloaded(visitors), 30)
        posthog.start()
        wait_until(lambda: arrived(posthog).keys() >= visitors.told.keys(), 60)


def is_reloaded(visitors: Visitors) -> bool:
    """Whether a new process serves; between the two nobody does."""
    try:
        visitors.come()
    except requests.ConnectionError:
        return False
    return len(visitors.processes) == 2
