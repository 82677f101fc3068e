"""The way from the outbox to PostHog, over real HTTP to a capture server."""

import json
import threading
import time
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

import analytics
from analytics import delivery, outbox
from analytics.models import Event, State
from tests.capture import OK, accept, wait_until
from timetracker import __version__

pytestmark = pytest.mark.django_db


def record(person, count=1):
    return [analytics.track_event(person.pk, "auth.login") for _ in range(count)]


def answer_with(status, body=b"{}", **headers):
    return lambda _batch: (status, headers, body)


def test_it_delivers_what_waits(bob, analytics_on, posthog):
    uuids = record(bob, 3)
    report = delivery.deliver()

    assert report.delivered == 3
    assert [event["uuid"] for event in posthog.events] == [str(uuid) for uuid in uuids]
    assert set(Event.objects.values_list("state", flat=True)) == {State.DELIVERED}
    assert posthog.batches[0]["api_key"] == "phc_tests"


def test_it_sends_what_the_sdks_contract_says(bob, analytics_on, posthog):
    """Holds `posthog.request.batch_post`, which is exported but undocumented."""
    (event_uuid,) = record(bob)
    delivery.deliver()
    row = Event.objects.get()

    assert posthog.batches[0].keys() == {"api_key", "batch", "sent_at"}
    assert posthog.events == [
        {
            "event": "auth.login",
            "distinct_id": str(bob.pk),
            "uuid": str(event_uuid),
            "timestamp": row.timestamp.isoformat(),
            "properties": {
                "app_version": __version__,
                "environment": "test",
                "deployment_method": "native",
                "$lib": "posthog-python",
                "$lib_version": "7.91.1",
                "$geoip_disable": True,
                "$ip": "0.0.0.0",
            },
        }
    ]


def test_it_maps_posthogs_app_host_to_its_ingestion_host(settings):
    from analytics import conf

    settings.ANALYTICS = {"POSTHOG_API_KEY": "k", "POSTHOG_HOST": "https://app.posthog.com"}
    assert delivery.backend().host == "https://us.i.posthog.com"
    assert conf.get().POSTHOG_HOST == "https://app.posthog.com"


def test_it_sends_a_delivered_event_once(bob, analytics_on, posthog):
    record(bob)
    delivery.deliver(everything=True)
    delivery.deliver(everything=True)

    assert len(posthog.events) == 1


@pytest.mark.parametrize("keys", [{"POSTHOG_API_KEY": ""}, {"DO_NOT_TRACK": True}])
def test_it_opens_no_connection_where_nothing_may_leave(keys, bob, analytics_on, posthog):
    record(bob)
    analytics_on(**keys)
    record(bob)

    assert delivery.deliver(everything=True) == delivery.Report()
    analytics_on(POSTHOG_API_KEY="phc_tests", DO_NOT_TRACK=False)
    assert delivery.deliver(everything=True).delivered == 1  # what was local stays local
    assert posthog.connections == 1


@pytest.mark.parametrize("status", [401, 402, 403, 408, 429, 500, 503])
def test_it_keeps_what_the_peer_does_not_take_now(status, bob, analytics_on, posthog):
    record(bob, 2)
    posthog.answer = answer_with(status)
    report = delivery.deliver()

    assert (report.delivered, report.kept, report.error) == (0, 2, f"HTTP {status}")
    assert len(posthog.bodies) == 1
    event = Event.objects.first()
    assert (event.state, event.lease, event.attempts) == (State.WAITING, None, 1)
    assert event.due_at > timezone.now()

    posthog.answer = accept
    assert delivery.deliver().delivered == 0  # not due yet
    assert delivery.deliver(everything=True).delivered == 2


def test_it_waits_as_long_as_the_peer_asks(bob, analytics_on, posthog):
    record(bob)
    posthog.answer = answer_with(429, **{"Retry-After": "90"})
    delivery.deliver()

    left = Event.objects.get().due_at - timezone.now()
    assert timedelta(seconds=80) < left <= timedelta(seconds=90)


def test_it_keeps_what_cannot_be_sent_while_the_peer_is_down(bob, analytics_on, posthog):
    record(bob)
    posthog.stop()
    assert delivery.deliver().error == "ConnectionError"

    posthog.start()
    assert delivery.deliver(everything=True).delivered == 1


@pytest.mark.parametrize("page", [b"<html>Welcome to the airport</html>", b'"ok"', b'{"half": '])
def test_it_does_not_take_a_captive_portal_for_posthog(page, bob, analytics_on, posthog):
    record(bob)
    posthog.answer = answer_with(200, page)

    assert delivery.deliver().delivered == 0
    assert Event.objects.get().state == State.WAITING


@pytest.mark.parametrize("status", [400, 413])
def test_it_finds_the_one_event_that_is_refused(status, bob, analytics_on, posthog, caplog):
    uuids = record(bob, 7)

    def refuse_the_fourth(batch):
        if str(uuids[3]) in json.dumps(batch):
            return status, {}, b'{"detail": "no"}'
        return 200, {}, OK

    posthog.answer = refuse_the_fourth
    report = delivery.deliver()

    assert (report.delivered, report.rejected) == (6, 1)
    rejected = Event.objects.get(state=State.REJECTED)
    assert (rejected.uuid, rejected.last_error) == (uuids[3], f"HTTP {status}: no")


def test_a_lease_is_nobody_elses_until_it_runs_out(bob, analytics_on):
    record(bob)
    token, rows = outbox.lease()

    assert len(rows) == 1
    assert outbox.lease(everything=True)[1] == []
    Event.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert outbox.settle_delivered(token, [rows[0].uuid]) == 0  # too late
    second, again = outbox.lease()
    assert again == rows
    assert outbox.settle_delivered(token, [rows[0].uuid]) == 0  # somebody else's now
    assert outbox.settle_delivered(second, [rows[0].uuid]) == 1


def test_pauses_grow_and_are_bounded():
    assert 0.5 <= outbox.pause_after(1) <= 1.5
    assert 4 <= outbox.pause_after(4) <= 12
    assert 150 <= outbox.pause_after(10_000) <= 450


def test_the_command_delivers_once(bob, analytics_on, posthog, capsys):
    record(bob, 2)
    call_command("deliver_events", "--once")

    assert capsys.readouterr().out == "Delivered 2, rejected 0, kept 0.\n"
    assert len(posthog.events) == 2


def test_the_command_says_why_nothing_leaves(bob, capsys):
    call_command("deliver_events", "--once")

    assert capsys.readouterr().out == "Nothing leaves this machine: POSTHOG_API_KEY is not set.\n"


@pytest.fixture
def thread(analytics_on):
    """This process's own delivery thread."""
    analytics_on(DELIVERY_THREAD=True)
    yield
    delivery.stop()
    delivery._after_fork()  # the next test starts another one
    connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_it_holds_no_connection_while_it_waits_for_the_peer(bob, analytics_on, posthog):
    ours, seen = connections["default"], []

    def look(batch):
        seen.append(ours.connection)
        return accept(batch)

    posthog.answer = look
    record(bob)
    assert ours.connection is not None
    delivery.deliver()

    assert seen == [None]


@pytest.mark.django_db(transaction=True)
class TestThread:
    def test_it_delivers_soon_after_the_commit(self, bob, thread, posthog):
        record(bob)

        posthog.wait_for("auth.login", seconds=5)
        wait_until(lambda: Event.objects.get().state == State.DELIVERED)

    def test_it_tries_again_when_the_peer_is_back(self, bob, thread, posthog):
        posthog.stop()
        (event_uuid,) = record(bob)
        wait_until(lambda: Event.objects.get().attempts == 1)
        posthog.start()

        posthog.wait_for("auth.login")
        assert [event["uuid"] for event in posthog.events] == [str(event_uuid)]

    def test_it_ends_within_a_second_while_the_peer_hangs(self, bob, thread, posthog):
        release = threading.Event()

        def hang(batch):
            release.wait(10)
            return accept(batch)

        posthog.answer = hang
        record(bob)
        wait_until(lambda: posthog.bodies)
        start = time.monotonic()
        delivery.stop()

        assert time.monotonic() - start < 1.5
        release.set()

    def test_the_caller_does_not_wait_for_a_peer_that_hangs(self, bob, thread, posthog):
        release = threading.Event()
        posthog.answer = lambda batch: (release.wait(10), accept(batch))[1]
        record(bob)
        wait_until(lambda: posthog.bodies)
        start = time.monotonic()
        record(bob)

        assert time.monotonic() - start < 1
        release.set()
        wait_until(lambda: len(posthog.events) == 2)
