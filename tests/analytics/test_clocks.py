"""Clocks that are a day apart, or jump by a day: no event is lost, none is sent for ever."""

import copy
import os
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
import requests

import analytics
from analytics import delivery
from analytics.models import Event, State
from tests.capture import accept, wait_until
from tests.faults import fault_server
from tests.processes import ROOT, free_port, running
from tests.site.installation import DATABASES, ask, installation, leased, waiting

DAY = 24 * 3600  # seconds
JUMPS = pytest.mark.parametrize("jump", [DAY, -DAY], ids=["ahead", "behind"])
# Of the process that does the first thing, and of the one that goes on.
CLOCKS = pytest.mark.parametrize(
    ("first", "second"),
    [(DAY, 0), (-DAY, 0), (0, DAY), (0, -DAY)],
    ids=["first ahead", "first behind", "second ahead", "second behind"],
)
# Python imports it when it starts: the process's clock is off by what a file says, at any moment.
SITECUSTOMIZE = """
import os, pathlib, threading, time
import time_machine

file = pathlib.Path(os.environ["CLOCK"])
ahead = float(file.read_text())
clock = time_machine.travel(time.time() + ahead, tick=True).start()

def follow():
    global ahead
    while True:
        time.sleep(0.05)
        told = float(file.read_text() or ahead)
        clock.shift(told - ahead)
        ahead = told

def start():
    threading.Thread(target=follow, daemon=True).start()

os.register_at_fork(after_in_child=start)
start()
"""
RECORD = """
from django.db import transaction
from analytics import delivery
from tests.site.urls import record
with delivery.by_hand(), transaction.atomic():
    for number in range({}):
        record(number)
"""
DELIVER = "from analytics import delivery; print(delivery.deliver().delivered)\n"


# --- a process whose clock jumps ---------------------------------------------------------------


@pytest.fixture
def jump_by(time_machine):
    """Moves this process's clock by some seconds; it goes on from there."""
    time_machine.move_to(time.time(), tick=True)
    return time_machine.shift


def jumping(jump, jump_by, answer, at=1):
    """What answers like `answer`; the clock jumps before the sender hears of one of them."""
    asked = iter(range(1, 1000))

    def jump_and_answer(batch):
        if next(asked) == at:
            jump_by(jump)
        return answer(batch)

    return jump_and_answer


def times_sent(posthog):
    """How often each event was taken."""
    return Counter(event["uuid"] for event in posthog.events)


@JUMPS
@pytest.mark.django_db
def test_the_clock_jumps_while_a_batch_is_sent(jump, jump_by, bob, analytics_on, posthog):
    uuids = [analytics.track_event(bob.pk, "auth.login") for _ in range(3)]
    posthog.answer = jumping(jump, jump_by, accept)
    assert sum(delivery.deliver().delivered for _ in range(3)) == 3

    assert len(posthog.bodies) <= 2
    assert times_sent(posthog).keys() == {*map(str, uuids)}
    assert not Event.objects.exclude(state=State.DELIVERED, lease=None).exists()


@JUMPS
@pytest.mark.django_db
def test_the_clock_jumps_while_the_poison_is_looked_for(jump, jump_by, bob, analytics_on, posthog):
    uuids = [str(analytics.track_event(bob.pk, "auth.login")) for _ in range(8)]

    def refuse_the_sixth(batch):
        if uuids[5] in {event["uuid"] for event in batch["batch"]}:
            return 400, {}, b'{"detail": "no"}'
        return accept(batch)

    posthog.answer = jumping(jump, jump_by, refuse_the_sixth, at=4)
    reports = [delivery.deliver() for _ in range(3)]

    assert sum(report.delivered for report in reports) == 7
    assert sum(report.rejected for report in reports) == 1
    assert times_sent(posthog).keys() == {*uuids} - {uuids[5]}
    assert max(times_sent(posthog).values()) <= 2


@JUMPS
@pytest.mark.django_db
def test_the_clock_jumps_while_the_peer_is_left_alone(jump, jump_by, bob, analytics_on, posthog):
    analytics.track_event(bob.pk, "auth.login")
    posthog.answer = lambda _batch: (429, {"Retry-After": "3600"}, b"")
    assert delivery.deliver().kept == 1
    posthog.answer = accept
    assert delivery.deliver().delivered == 0
    jump_by(jump)

    assert delivery.deliver().delivered == 1
    assert len(posthog.bodies) == 2


# --- processes whose clocks differ -------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A site whose processes each have a clock of their own."""
    folder = tmp_path_factory.mktemp("clocks")
    with fault_server([]) as nobody, clocks(folder, nobody) as site:
        yield site


@pytest.fixture
def site(place, posthog):
    """The same, empty."""
    place.env["POSTHOG_HOST"] = posthog.url
    place.run(
        "from analytics.models import Event, Installation; from tracking.models import Client;"
        "[model.objects.all().delete() for model in (Event, Installation, Client)]"
    )
    return place


@contextmanager
def clocks(folder, posthog, database="sqlite"):
    """A site whose processes read their clocks' error from a file: none at first."""
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    (folder / "clock").write_text("0")
    env = {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "CLOCK": str(folder / "clock")}
    with installation(folder, posthog, database, ENABLE_TELEMETRY="true", **env) as site:
        yield site


def clock(site, seconds):
    """The site as a machine sees it whose clock is off by so much."""
    file = Path(site.env["CLOCK"]).with_name(f"clock{seconds:+}")
    file.write_text(str(seconds))
    other = copy.copy(site)
    other.env = {**site.env, "CLOCK": str(file)}
    return other


@contextmanager
def sending(site):
    """A process that delivers; killed at the end of the block."""
    sender = site.background(sys.executable, "manage.py", "deliver_events")
    try:
        yield sender
    finally:
        sender.kill()
        sender.wait(10)


def delivers_once(site, number):
    """Whether the site delivers so many events, and has none to send again."""
    return site.run(DELIVER * 2).split() == [str(number), "0"]


@JUMPS
@pytest.mark.slow
def test_the_clocks_differ_and_seconds_are_as_long_as_ever(jump, place):
    code = "import time; print(time.time(), time.monotonic())"
    wall, monotonic = map(float, clock(place, jump).run(code).split())

    assert abs(wall - jump - time.time()) < 60
    assert abs(monotonic - time.monotonic()) < 60


@CLOCKS
@pytest.mark.slow
def test_what_one_records_the_other_delivers(first, second, site, posthog):
    clock(site, first).run(RECORD.format(3))

    assert delivers_once(clock(site, second), 3)
    assert {*times_sent(posthog).values()} == {1}
    moment = datetime.fromisoformat(posthog.events[0]["timestamp"]).timestamp()
    assert abs(moment - first - time.time()) < 60  # the recorder's word, whoever sends it


@CLOCKS
@pytest.mark.slow
def test_what_one_died_with_the_other_takes_up(first, second, site):
    with fault_server(["hang"]) as posthog:
        site.env["POSTHOG_HOST"] = posthog.url
        clock(site, first).run(RECORD.format(3))
        with sending(clock(site, first)):
            wait_until(lambda: posthog.happened["hang"])
        assert leased(site) == 3

        assert delivers_once(clock(site, second), 3)
        assert posthog.happened.total() == 2
    assert leased(site) == 0


@CLOCKS
@pytest.mark.slow
def test_the_rest_that_one_was_told_holds_up_the_other_not_for_ever(first, second, site, posthog):
    posthog.answer = lambda _batch: (429, {"Retry-After": "3600"}, b"")
    clock(site, first).run(RECORD.format(3) + DELIVER)
    posthog.answer = accept

    assert delivers_once(clock(site, second), 3)
    assert len(posthog.bodies) == 2


@pytest.mark.slow
def test_pings_are_neither_silenced_nor_repeated(site, posthog):
    runs = [clock(site, seconds).manage("telemetry_ping") for seconds in (0, DAY, 0, -DAY, 0, 0)]

    assert {(run.returncode, run.stderr) for run in runs} == {(0, "")}
    pings = [event["event"] for event in posthog.events if "telemetry." in event["event"]]
    assert pings == ["telemetry.install", *["telemetry.health"] * 4]
    assert runs[-1].stdout.startswith("No ping is due")
    assert {*times_sent(posthog).values()} == {1}
    assert waiting(site) == leased(site) == 0


# --- at once -----------------------------------------------------------------------------------


@JUMPS
@pytest.mark.slow
@pytest.mark.parametrize("database", DATABASES)
def test_two_that_deliver_at_once_come_to_an_end(jump, database, posthog, tmp_path):
    def slowly(batch):
        time.sleep(0.2)  # the other one finds leases of which its clock thinks otherwise
        return accept(batch)

    posthog.answer = slowly
    with clocks(tmp_path, posthog, database) as site:
        site.run(RECORD.format(1000))
        with sending(site) as one, sending(clock(site, jump)) as other:
            wait_until(lambda: waiting(site) == 0, 120)
            for sender in (one, other):
                sender.terminate()
                assert sender.wait(15) == 0

        assert len(times_sent(posthog)) == 1000
        assert max(times_sent(posthog).values()) <= 3
        assert leased(site) == 0


# --- a site whose clock jumps, and jumps back --------------------------------------------------


@pytest.fixture
def serving(site):
    """The site under gunicorn, whose threads deliver by themselves."""
    site.start("--workers=2")
    yield site
    set_clock(site, 0)
    assert site.stop() == 0


def set_clock(site, seconds):
    """Have the clock of all processes of the site jump."""
    Path(site.env["CLOCK"]).write_text(str(seconds))
    time.sleep(0.3)  # they look several times


def work(site, *numbers):
    """Have the site record events."""
    for number in numbers:
        assert requests.get(f"{site.url}/work/{number}/", timeout=30).json()["uuid"]


def see_all_six_arrive(serving, posthog):
    """Four that were recorded, and two more when the clock is right again."""
    wait_until(lambda: waiting(serving) == 0, 120)
    set_clock(serving, 0)
    work(serving, 5, 6)
    wait_until(lambda: waiting(serving) == 0, 120)
    assert len(times_sent(posthog)) == 6
    assert max(times_sent(posthog).values()) <= 3


@JUMPS
@pytest.mark.slow
def test_a_site_goes_on_when_posthog_answers_after_the_jump(jump, serving, posthog):
    jumped = threading.Event()
    posthog.answer = lambda batch: (jumped.wait(10), accept(batch))[1]
    work(serving, 1, 2)
    wait_until(lambda: posthog.bodies)
    set_clock(serving, jump)
    jumped.set()
    work(serving, 3, 4)

    see_all_six_arrive(serving, posthog)
    assert leased(serving) == 0


@JUMPS
@pytest.mark.slow
def test_a_site_goes_on_when_the_clock_jumps_while_posthog_is_away(jump, serving, posthog):
    posthog.stop()
    work(serving, 1, 2)
    wait_until(lambda: ask(serving, "E.objects.filter(attempts__gt=0).exists()") == "True", 30)
    set_clock(serving, jump)
    work(serving, 3, 4)
    posthog.start()

    see_all_six_arrive(serving, posthog)


@pytest.mark.slow
def test_two_sites_do_not_take_rows_from_each_other_for_ever(serving, posthog):
    posthog.answer = lambda batch: (time.sleep(2), accept(batch))[1]
    other = clock(serving, DAY)
    other.port = free_port()
    other.url = f"http://127.0.0.1:{other.port}"
    with running(other):
        for number in range(16):  # each is woken while the other one is sending
            work((serving, other)[number % 2], number)
            time.sleep(1)
        wait_until(lambda: waiting(serving) == 0, 120)

    assert len(times_sent(posthog)) == 16
    assert max(times_sent(posthog).values()) <= 3
