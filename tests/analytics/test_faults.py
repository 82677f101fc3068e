"""A PostHog that fails in every way there is: nothing is lost, nothing is stuck."""

import os
import random
import sys
import time
from contextlib import contextmanager

import pytest
import requests

import analytics
from analytics import delivery
from analytics.models import Event, State
from tests.capture import wait_until
from tests.faults import FAULTS, POISONED, TAKEN, WORDS, fault_server, shuffled
from tests.site.installation import DATABASES, ask, installation, leased, waiting

MINUTE = 60  # seconds
PACE = 0.12  # seconds between two events
POISON = 123  # the number of the event that PostHog refuses
DELIVERERS = 2  # beside the threads of the site's two workers
DELIVER = """
import pathlib, time
from django.core.management import call_command
for _ in range(2000):
    if pathlib.Path({!r}).exists():
        break
    call_command("deliver_events", "--once", "--verbosity=0")
    time.sleep(0.3)
"""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("refuse", "ConnectionError"),
        ("reset", "ConnectionError"),
        ("hang", "ReadTimeout"),
        ("cut off", "ProtocolError"),
        ("close the port", "ConnectionError"),
        (TAKEN + "reset", "ConnectionError"),
        (TAKEN + "hang", "ReadTimeout"),
        (TAKEN + "cut off", "ProtocolError"),
    ],
)
def test_a_fault_delays_and_changes_nothing(fault, error, bob, analytics_on, monkeypatch):
    monkeypatch.setattr("analytics.backends.posthog.TIMEOUT", 0.3)
    uuids = [analytics.track_event(bob.pk, "auth.login") for _ in range(3)]
    with fault_server([fault]) as posthog:
        analytics_on(POSTHOG_HOST=posthog.url)
        assert delivery.deliver() == delivery.Report(kept=3, error=error)
        wait_until(lambda: delivery.deliver(everything=True).delivered == 3)

    assert posthog.happened[fault] == 1
    (batch,) = posthog.accepted
    assert [event["uuid"] for event in batch] == list(map(str, uuids))
    assert posthog.replayed == ([batch] if fault.startswith(TAKEN) else [])
    assert not Event.objects.exclude(state=State.DELIVERED, lease=None).exists()


def is_poison(event):
    return event["properties"].get("number") == POISON


@pytest.mark.slow
@pytest.mark.parametrize("database", DATABASES)
def test_after_a_minute_of_faults_only_the_poison_is_rejected(database, tmp_path):
    seed = int(os.environ.get("FAULTS_SEED", random.randrange(10**6)))
    print(f"FAULTS_SEED={seed}")  # shown where the test fails
    with (
        fault_server(shuffled(seed), is_poison) as posthog,
        installation(tmp_path, posthog, database) as site,
    ):
        site.start("--workers=2")
        with deliverers(site, tmp_path / "done"):
            uuids = record(site, a_minute_of(posthog))
            posthog.recover()
        wait_until(lambda: nothing_waits(site), 120)
        assert site.stop() == 0

        all_but_the_poison_arrived(posthog, uuids)
        only_the_poison_is_rejected(site, uuids)


def record(site, enough):
    """Let the site record events, evenly, until it is enough; returns their uuids by number."""
    visitor, uuids = requests.Session(), []
    while not enough():
        answer = visitor.get(f"{site.url}/work/{len(uuids)}/", timeout=30)
        uuids.append(answer.json()["uuid"])
        time.sleep(PACE)
    assert None not in uuids
    return uuids


def a_minute_of(posthog):
    """Tells whether the minute is over; on a slow machine not before each fault has happened."""
    start = time.monotonic()

    def is_over():
        past = time.monotonic() - start
        missing = {*FAULTS, POISONED} - posthog.happened.keys()
        assert past < 4 * MINUTE, f"Never happened: {missing}"
        return past > MINUTE and not missing

    return is_over


@contextmanager
def deliverers(site, done):
    """Processes that deliver all the time, whatever rest the peer is to have, until it is done."""
    command = (sys.executable, "manage.py", "shell", "--no-imports", "--command")
    processes = [site.background(*command, DELIVER.format(str(done))) for _ in range(DELIVERERS)]
    try:
        yield
    finally:
        done.touch()
        codes = [process.wait(60) for process in processes]
    assert codes == [0] * DELIVERERS, site.log.read_text()


def nothing_waits(site):
    """Deliver what there is; what another process still holds comes with the next call."""
    run = site.manage("deliver_events", "--once")
    assert run.returncode == 0, run.stderr
    return waiting(site) == 0


def all_but_the_poison_arrived(posthog, uuids):
    """Each was taken with the sender's knowledge, and was the same each time it came."""
    taken = {event["uuid"] for batch in posthog.accepted for event in batch}
    assert taken == {*uuids} - {uuids[POISON]}
    seen = {}
    for event in posthog.received:
        assert seen.setdefault(event["uuid"], event) == event
    assert posthog.replayed


def only_the_poison_is_rejected(site, uuids):
    """All rows are settled; the one that is rejected says what PostHog said."""
    assert leased(site) == 0
    others = "[f'{e.uuid} {e.state} {e.last_error}' for e in E.objects.exclude(state='delivered')]"
    assert ask(site, others) == str([f"{uuids[POISON]} rejected HTTP 400: {WORDS}"])
    assert ask(site, "E.objects.count()") == str(len(uuids))
