"""The way from the outbox to PostHog, over real HTTP to a capture server."""

import json
import os
import platform
import socket
import threading
import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from email.utils import format_datetime

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

import analytics
from analytics import delivery, outbox, telemetry
from analytics.models import Event, Installation, State
from tests.capture import OK, accept, wait_until
from timetracker import __version__

pytestmark = pytest.mark.django_db


def record(person, count=1):
    return [analytics.track_event(person.pk, "auth.login") for _ in range(count)]


def test_a_lease_is_no_larger_than_it_may_be_however_the_database_goes_about_it(
    bob, analytics_on, nested_loops
):
    record(bob, 5)
    token, rows = outbox.lease(limit=2)

    assert len(rows) == 2
    assert outbox.waiting().filter(lease=token).count() == 2


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
                "platform": platform.system(),
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
    assert Installation.load().resume_at > timezone.now()

    posthog.answer = accept
    assert delivery.deliver().delivered == 0  # the peer is left alone
    assert len(posthog.bodies) == 1
    assert delivery.deliver(everything=True).delivered == 2
    assert Installation.load().resume_at is None


@pytest.mark.parametrize(("asked", "seconds"), [("90", 90), ("31536000", 3600), ("9" * 20, 3600)])
def test_it_waits_as_long_as_the_peer_asks(asked, seconds, bob, analytics_on, posthog):
    record(bob, 250)
    posthog.answer = answer_with(429, **{"Retry-After": asked})
    delivery.deliver()

    rest = (Installation.load().resume_at - timezone.now()).total_seconds()
    assert seconds - 10 < rest <= seconds
    record(bob)
    delivery.deliver()
    assert len(posthog.bodies) == 1


@pytest.mark.parametrize("asked", ["0", "-5", "0.001"])
def test_it_rests_a_second_even_where_the_peer_asks_for_less(asked, bob, analytics_on, posthog):
    record(bob)
    posthog.answer = answer_with(503, **{"Retry-After": asked})
    delivery.deliver()

    rest = Installation.load().resume_at - timezone.now()
    assert timedelta(seconds=0.5) < rest <= timedelta(seconds=1)


def test_it_waits_until_the_moment_that_the_peer_names(bob, analytics_on, posthog):
    record(bob)
    moment = timezone.now() + timedelta(seconds=120)
    posthog.answer = answer_with(503, **{"Retry-After": format_datetime(moment, usegmt=True)})
    delivery.deliver()

    assert abs(Installation.load().resume_at - moment) < timedelta(seconds=5)


@pytest.mark.parametrize("asked", ["inf", "nan", "-inf", "soon", ""])
def test_it_pauses_by_itself_where_the_peer_says_nonsense(asked, bob, analytics_on, posthog):
    record(bob)
    posthog.answer = answer_with(429, **{"Retry-After": asked})
    delivery.deliver()

    rest = Installation.load().resume_at - timezone.now()
    assert timedelta(0) < rest < timedelta(seconds=2)


def test_one_process_probes_when_the_pause_is_over(bob, analytics_on, posthog):
    record(bob)
    outbox.pause()
    Installation.objects.update(resume_at=timezone.now())
    first, second = outbox.lease(), outbox.lease()

    assert (len(first[1]), len(second[1])) == (1, 0)


def test_a_probe_that_is_rejected_ends_the_pause(bob, analytics_on, posthog):
    record(bob)
    outbox.pause()
    Installation.objects.update(resume_at=timezone.now())
    posthog.answer = answer_with(400, b'{"detail": "no"}')
    assert delivery.deliver().rejected == 1

    assert (Installation.load().resume_at, Installation.load().failures) == (None, 0)


def test_a_backend_that_hung_up_connects_no_more(bob, analytics_on, posthog):
    """Its deadline may pass while a name is looked up: there is no socket to close then."""
    record(bob)
    sender = delivery.backend()
    sender.hang_up()
    rows = outbox.lease()[1]

    assert sender.send(rows).error == "DeadlineExceeded"
    assert posthog.bodies == []


def test_a_clock_that_was_ahead_keeps_nothing_for_ever(bob, analytics_on, posthog):
    record(bob)
    outbox.lease()
    tomorrow = timezone.now() + timedelta(days=1)
    Event.objects.update(leased_until=tomorrow)
    outbox.pause()
    Installation.objects.update(resume_at=tomorrow)

    assert delivery.deliver().delivered == 1


@pytest.mark.parametrize("status", [401, 402, 403, 404, 301])
def test_what_needs_a_person_is_said_once(status, bob, analytics_on, posthog, caplog):
    record(bob)
    posthog.answer = answer_with(status, **{"Location": "/elsewhere/"})
    for _ in range(3):
        delivery.deliver(everything=True)

    installation = Installation.load()
    assert installation.pause_reason == Event.objects.get().last_error == f"HTTP {status}"
    assert ("POSTHOG_API_KEY" in installation.remedy) == (status in (401, 403))
    assert caplog.messages == [
        f"PostHog takes nothing (HTTP {status}). {installation.remedy} Nothing is lost meanwhile."
    ]
    posthog.answer = accept
    delivery.deliver(everything=True)
    assert (Installation.load().pause_reason, Installation.load().remedy) == ("", "")


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_short_outage_makes_no_noise(status, bob, analytics_on, posthog, caplog):
    record(bob)
    posthog.answer = answer_with(status)
    delivery.deliver()

    assert caplog.messages == []


def test_a_redirect_is_no_delivery(bob, analytics_on, posthog):
    """Followed, the POST would become a GET, which some page answers with 200."""
    record(bob)
    posthog.answer = answer_with(302, **{"Location": f"{posthog.url}/status"})

    assert delivery.deliver().error == "HTTP 302"
    assert len(posthog.bodies) == posthog.connections == 1


def test_a_refusal_that_is_not_posthogs_loses_nothing(bob, analytics_on, posthog):
    record(bob, 4)
    page = b"<html>The plain HTTP request was sent to HTTPS port</html>"
    posthog.answer = answer_with(400, page)

    assert delivery.deliver().rejected == 0
    assert len(posthog.bodies) == 1
    posthog.answer = accept
    assert delivery.deliver(everything=True).delivered == 4


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"null", b"[" * 100_000])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_odd_bodies_are_an_outage(status, body, bob, analytics_on, posthog):
    record(bob)
    posthog.answer = answer_with(status, body)

    assert delivery.deliver().kept == 1


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "drip"),
    [(HEAD, b" "), (b"HTTP/1.1 200 OK\r\n", b"X-Drip: x\r\n"), (b"", b"H")],
    ids=["body", "headers", "nothing whole"],
)
def test_a_peer_that_drips_is_given_up(head, drip, bob, analytics_on, monkeypatch):
    monkeypatch.setattr("analytics.backends.posthog.DEADLINE", 0.5)
    record(bob)
    with dripping_server(head, drip) as url:
        analytics_on(POSTHOG_HOST=url)
        start = time.monotonic()
        assert delivery.deliver().error == "DeadlineExceeded"

    assert time.monotonic() - start < 3
    assert Event.objects.get().state == State.WAITING


@contextmanager
def dripping_server(head, drip):
    """Says the head, and then a drip every tenth of a second for at most ten seconds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def serve():
            peer, _ = server.accept()
            with peer, suppress(OSError):
                peer.recv(65536)
                peer.sendall(head)
                for _ in range(100):
                    if done.wait(0.1):
                        break
                    peer.sendall(drip)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        done.set()
        thread.join(5)


@pytest.mark.parametrize("said", ["error", None, 0, "Okay"])
def test_another_status_than_posthogs_is_no_delivery(said, bob, analytics_on, posthog):
    record(bob)
    posthog.answer = answer_with(200, json.dumps({"status": said}).encode())

    assert delivery.deliver().kept == 1


def test_an_older_posthog_says_1(bob, analytics_on, posthog):
    record(bob)
    posthog.answer = answer_with(200, b'{"status": 1}')

    assert delivery.deliver().delivered == 1


@pytest.mark.parametrize("event", ["install", "update", "health"])
def test_a_ping_that_was_withheld_is_due_again(event, analytics_on, posthog):
    for _ in range({"install": 0, "update": 1, "health": 1}[event]):
        call_command("telemetry_ping", "--verbosity=0")
    if event == "update":
        analytics_on(APP_VERSION="9.9.9")
    posthog.stop()
    call_command("telemetry_ping", "--verbosity=0")
    posthog.start()
    analytics_on(ENABLE_TELEMETRY=False)
    delivery.deliver(everything=True)
    assert posthog.named(f"telemetry.{event}") == []
    analytics_on(ENABLE_TELEMETRY=True)
    call_command("telemetry_ping", "--verbosity=0")

    assert len(posthog.named(f"telemetry.{event}")) == 1


def test_nothing_of_the_old_fingerprint_leaves_after_a_reset(analytics_on, posthog):
    posthog.stop()
    call_command("telemetry_ping", "--verbosity=0")
    old = Installation.load().fingerprint
    telemetry.reset_fingerprint()
    posthog.start()
    call_command("telemetry_ping", "--verbosity=0")

    assert posthog.named("telemetry.install")
    assert old not in {event["distinct_id"] for event in posthog.events}


def test_a_poisonous_event_is_found_while_its_neighbours_are_settled(
    bob, analytics_on, posthog, monkeypatch
):
    """The lease is renewed on the way: a slow peer does not send the batch back to the start."""
    monkeypatch.setattr(outbox, "LEASE", timedelta(seconds=1))
    uuids = record(bob, 16)

    def slowly(batch):
        time.sleep(0.15)
        if str(uuids[9]) in json.dumps(batch):
            return 400, {}, b'{"detail": "no"}'
        return 200, {}, OK

    posthog.answer = slowly
    report = delivery.deliver()

    assert (report.delivered, report.rejected) == (15, 1)
    delivered = [event["uuid"] for event in posthog.events]
    assert len(delivered) == len(set(delivered)) == 15


def test_pings_that_wait_are_withheld_when_telemetry_is_switched_off(bob, analytics_on, posthog):
    posthog.stop()
    call_command("telemetry_ping", "--verbosity=0")
    analytics_on(ENABLE_TELEMETRY=False)
    record(bob)
    posthog.start()
    delivery.deliver(everything=True)

    assert [event["event"] for event in posthog.events] == ["auth.login"]
    assert Event.objects.filter(state=State.LOCAL).count() == 4


def test_a_process_that_was_forked_has_a_thread_of_its_own():
    before = delivery._worker
    pid = os.fork()
    if pid == 0:
        os._exit(0 if delivery._worker is not before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


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
    Event.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert outbox.settle_delivered(token, rows) == 0  # too late
    second, again = outbox.lease()
    assert again == rows
    assert outbox.settle_delivered(token, rows) == 0  # somebody else's now
    assert outbox.settle_delivered(second, rows) == 1


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
