"""Simultaneous requests, on the real database and with connections of their own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from analytics.models import Event
from tests.tracking.importing import checked, line, toggl
from tracking.models import Project, Rate, Tag, TimeEntry
from tracking.services import discard_timer, imports, restore, set_rate, start_timer, stop_timer
from tracking.services.rates import Level

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
THREADS = pytest.mark.parametrize("threads", [2, 8])


def at_once(threads: int, act: Callable[[int], Any]) -> list[Any]:
    """Do it in that many threads that set out together; returns what each returned."""
    barrier = Barrier(threads)

    def one(number: int) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=10)
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return [future.result() for future in [pool.submit(one, n) for n in range(threads)]]


@THREADS
@pytest.mark.parametrize("running_before", [False, True])
def test_it_leaves_one_timer_running(bob, threads, running_before):
    if running_before:
        start_timer(bob, description="before")

    started = at_once(threads, lambda number: start_timer(bob, description=f"thread {number}"))

    entries = list(TimeEntry.objects.order_by("started_at", "ended_at", "pk"))
    assert len(started) == threads
    assert len(entries) == threads + running_before
    assert [entry.running for entry in entries].count(True) == 1
    assert Event.objects.filter(event="timer.started").count() == len(entries)
    assert Event.objects.filter(event="timer.stopped").count() == len(entries) - 1
    ended = [entry for entry in entries if not entry.running]
    assert {entry.ended_at for entry in ended} <= {entry.started_at for entry in entries}


@THREADS
def test_it_answers_every_request(bob, threads):
    def post(number: int) -> int:
        client = Client()
        client.force_login(bob, backend="accounts.backends.LocalBackend")
        return client.post("/timer/start/", {"description": f"thread {number}"}).status_code

    assert at_once(threads, post) == [302] * threads
    assert TimeEntry.objects.filter(ended_at=None).count() == 1


@THREADS
def test_it_stops_a_timer_once(bob, threads):
    start_timer(bob)

    stopped = at_once(threads, lambda number: stop_timer(bob))

    assert [entry is not None for entry in stopped].count(True) == 1
    assert Event.objects.filter(event="timer.stopped").count() == 1


@pytest.mark.parametrize("_round", range(5))
def test_a_timer_that_comes_back_and_a_new_one_are_not_both_running(bob, _round):
    start_timer(bob, description="discarded")
    deletion = discard_timer(bob)
    assert deletion is not None

    def act(number: int) -> object:
        return start_timer(bob) if number else restore(bob, deletion.pk)

    assert all(at_once(2, act))
    assert TimeEntry.objects.count() == 2
    assert TimeEntry.objects.filter(ended_at=None).count() == 1


def test_it_keeps_people_apart(bob, charlie):
    people = [bob, charlie]

    at_once(8, lambda number: start_timer(people[number % 2]))

    for person in people:
        assert TimeEntry.objects.filter(user=person, ended_at=None).count() == 1
        assert TimeEntry.objects.filter(user=person).count() == 4


def test_of_rates_that_are_set_at_once_the_nearest_is_kept(bob, charlie, dora, work):
    """What one of them revalues depends on whether it sees the others."""
    entries = [
        TimeEntry.objects.create(
            user=person, project=work.shop, started_at=NOON, ended_at=NOON + timedelta(hours=1)
        )
        for person in (bob, charlie)
    ]
    nearest_last = [
        Level(),
        Level(client=work.client),
        Level(user=bob),
        Level(project=work.shop),
        Level(user=bob, project=work.shop),
    ]
    day = NOON.date()

    at_once(5, lambda number: set_rate(dora, nearest_last[number], day, 10 + number, seen=None))

    assert Rate.objects.count() == 5
    kept = [TimeEntry.objects.get(pk=entry.pk).rate_cents for entry in entries]
    assert kept == [14, 13]


@THREADS
def test_an_import_that_is_confirmed_twice_adds_its_entries_once(alice, threads):
    made = checked(alice, toggl(*(line(day=n, project="New", tags="new") for n in range(1, 10))))

    at_once(threads, lambda _number: imports.apply(alice, made.pk))

    assert TimeEntry.objects.count() == 9
    assert (Project.objects.count(), Tag.objects.count()) == (1, 1)
    assert Event.objects.filter(event="import.completed").count() == 1
