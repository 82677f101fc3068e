"""The telemetry page in Django's admin: what stands on it, and what is done there."""

import html
import json
import re

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import OperationalError

import analytics
from analytics import catalogue, context, delivery, samples, telemetry
from analytics.backends.base import wire
from analytics.models import Dropped, Event, Installation, Person, State
from tests.analytics.test_context import CHROME
from tests.analytics.test_docs import blocks

pytestmark = pytest.mark.django_db
PAGE = "/admin/analytics/installation/"
ACTS = ("test", "deliver", "download", "reset")
BUSY = (429, {"Retry-After": "7"}, b"")
MALFORMED = (400, {"Content-Type": "application/json"}, b'{"detail": "empty name"}')
ITS_OWN = re.compile(rb'"uuid": "[^"]*", "timestamp": "[^"]*"|"last_seen": "[^"]*"')


@pytest.fixture
def admin(client, alice):
    client.force_login(alice, backend="accounts.backends.LocalBackend")
    return client


def shown(response):
    """The words of a page."""
    text = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(html.unescape(text).split())


def press(client, name):
    return client.post(f"{PAGE}{name}/", follow=True)


def exact(response):
    """The payloads of a page, to the byte."""
    found = re.findall(r'<pre class="exact">(.*?)</pre>', response.content.decode(), re.DOTALL)
    return [html.unescape(one).encode() for one in found]


def without_its_own(payload):
    """A payload without what is another one each time: uuid and times."""
    return ITS_OWN.sub(b"", payload)


def entries():
    return [entry.get_change_message() for entry in LogEntry.objects.order_by("id")]


# --- the page ---


def test_it_says_what_is_on_and_why(admin, analytics_on, posthog, bob):
    said = shown(admin.get(PAGE))
    assert f"Events of people are sent to {posthog.url}" in said
    assert "0 of 2 people" in said
    assert "telemetry.install, due now. It leaves when cron next runs" in said

    type(bob).objects.filter(pk=bob.pk).update(share_analytics=False)
    analytics_on(ENABLE_TELEMETRY=False)
    said = shown(admin.get(PAGE))
    assert "The installation itself reports nothing: ENABLE_TELEMETRY is off." in said
    assert "1 of 2 people" in said
    assert "None: telemetry is off." in said

    analytics_on(DO_NOT_TRACK=True)
    said = shown(admin.get(PAGE))
    assert "No event leaves this machine: DO_NOT_TRACK is set." in said
    analytics_on(CONSENT_FIELD="")
    assert "Opted out" not in shown(admin.get(PAGE))


def test_it_says_what_left_and_what_waits(admin, analytics_on, posthog, bob):
    call_command("telemetry_ping", "--verbosity=0")
    for _ in range(3):
        analytics.track_event(bob.pk, "timer.started")
    Event.objects.filter(event="$groupidentify").update(state="rejected", last_error="HTTP 400: no")
    Dropped.objects.create(cause="timer.started: the property 'title' is not declared.", count=7)
    said = shown(admin.get(PAGE))

    assert re.search(r"Last ping telemetry\.install ?, .* \(delivered\)", said)
    assert "Next ping telemetry.health, due now." in said
    assert re.search(r"Waiting 3 ?, the oldest since", said)
    assert "Delivered in 24 hours 2" in said
    assert re.search(r"Rejected 2 ?, the last one: HTTP 400: no", said)
    assert "7 × timer.started: the property 'title' is not declared." in said


def test_it_says_why_nothing_is_taken_and_what_to_do(admin, analytics_on, posthog, bob):
    posthog.answer = lambda _batch: (401, {}, b"")
    analytics.track_event(bob.pk, "timer.started")
    delivery.deliver()
    said = shown(admin.get(PAGE))

    assert "Last error HTTP 401" in said
    assert "What to do PostHog does not know the key: put POSTHOG_API_KEY right." in said
    assert "Next try" in said


def test_it_holds_no_secret_and_nobodys_credentials(admin, analytics_on):
    analytics_on(POSTHOG_HOST="https://user:password@posthog.example.org")
    call_command("telemetry_ping", "--verbosity=0", "--dry-run")
    Installation.load_salted()
    installation = Installation.load()
    page = admin.get(PAGE).content.decode()

    assert installation.fingerprint in page
    for secret in (installation.salt, installation.identity_secret, "phc_tests", "user:password"):
        assert secret not in page


def test_to_look_at_it_keeps_nothing_and_opens_no_connection(admin, analytics_on, posthog):
    before = Event.objects.count(), Person.objects.count()
    assert exact(admin.get(PAGE))

    assert (Event.objects.count(), Person.objects.count()) == before
    assert not Installation.objects.exclude(salt="").exists()
    assert posthog.connections == 0


def test_a_page_of_a_locked_database_says_so(admin, analytics_on, monkeypatch):
    def locked(*_arguments):
        raise OperationalError("locked by alice@example.org")

    monkeypatch.setattr(samples, "samples", locked)
    said = shown(admin.get(PAGE))
    assert "This cannot be shown now: the database takes no writes (OperationalError)." in said
    assert "alice@example.org" not in said


# --- what is shown is what is sent ---


def test_the_next_ping_is_shown_to_the_byte(admin, analytics_on, posthog):
    call_command("telemetry_ping", "--verbosity=0")
    posthog.bodies.clear()
    payloads = exact(admin.get(PAGE))[:4]
    call_command("telemetry_ping", "--verbosity=0")

    assert len(posthog.named("telemetry.health")) == 1
    (body,) = posthog.bodies
    assert without_its_own(b"[" + b", ".join(payloads) + b"]") in without_its_own(body)
    assert [json.loads(one)["event"] for one in payloads] == [
        *("telemetry.health", "$set", "$groupidentify", "$groupidentify")
    ]


def test_the_test_event_is_shown_to_the_byte(admin, analytics_on, posthog):
    call_command("telemetry_ping", "--verbosity=0")
    (payload,) = (p for p in exact(admin.get(PAGE)) if b'"telemetry.test"' in p)
    posthog.bodies.clear()
    press(admin, "test")

    (body,) = posthog.bodies
    assert without_its_own(payload) in without_its_own(body)


def test_every_sample_is_what_recording_and_sending_make(rf, bob, analytics_on, posthog):
    """Each declared event of a person, done with the values of the sample, in one request."""
    analytics_on(STRICT=True)
    request = rf.get("/", HTTP_USER_AGENT=CHROME)
    request.user = bob
    with context.bound(request):
        made = {event.event: wire(event).encode() for event in samples.samples()}
        theirs = [one for name, one in catalogue.events.items() if name in made]
        persons = [one for one in theirs if not one.of_nobody and one.name != telemetry.TEST]
        for one in persons:
            assert analytics.track_event(bob.pk, one.name, catalogue.examples(one.properties))
    delivery.deliver()

    assert made.keys() == {*catalogue.events, "$set"} - {*telemetry.PINGS}
    body = without_its_own(posthog.bodies[0])
    assert len(persons) > 20
    for one in persons:
        payload = made[one.name].replace(samples.SOMEBODY.encode(), str(bob.pk).encode())
        assert without_its_own(payload) in body, one.name


def test_a_sample_of_nobody_is_what_a_failed_sign_in_makes(client, bob, analytics_on, posthog):
    client.post("/accounts/login/", {"login": "bob", "password": "wrong"})
    delivery.deliver()
    (sent,) = posthog.named("auth.login_failed")
    (sample,) = (one for one in samples.samples() if one.event == "auth.login_failed")
    made = json.loads(wire(sample))

    assert made["distinct_id"] == sent["distinct_id"]
    assert made["properties"].items() <= sent["properties"].items()


# --- the test event ---


def test_the_test_event_is_accepted_and_found_in_the_log(admin, analytics_on, posthog, bob):
    analytics.track_event(bob.pk, "timer.started")
    said = shown(press(admin, "test"))

    assert f"Accepted: {posthog.url} has taken the test event." in said
    assert [event["event"] for event in posthog.events] == ["telemetry.test"]  # and nothing else
    event = Event.objects.get(event="telemetry.test")
    assert event.state == State.DELIVERED
    assert event.distinct_id == Installation.load().fingerprint
    assert str(event.uuid) == posthog.events[0]["uuid"]
    assert entries() == [f"Accepted: {posthog.url} has taken the test event."]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (MALFORMED, "Refused: {} does not take the test event (HTTP 400: empty name)."),
        (BUSY, "Not taken by {} (HTTP 429): what waits is kept and tried again."),
        ((401, {}, b""), "(HTTP 401): what waits is kept and tried again. PostHog does not know"),
        ((200, {}, b"<html>"), "(HTTP 200 with an answer that is not PostHog's): what waits is"),
    ],
)
def test_what_posthog_answers_is_said(answer, words, admin, analytics_on, posthog):
    posthog.answer = lambda _batch: answer
    assert words.format(posthog.url) in shown(press(admin, "test"))


def test_a_host_that_is_away_is_said_and_the_event_kept(admin, analytics_on, posthog):
    posthog.stop()
    said = shown(press(admin, "test"))

    assert f"Cannot reach {posthog.url} (ConnectionError): what waits is kept" in said
    assert Event.objects.get(event="telemetry.test").state == State.WAITING


def test_where_telemetry_is_off_the_test_event_is_nobodys(admin, analytics_on, posthog):
    analytics_on(ENABLE_TELEMETRY=False)
    press(admin, "test")

    (event,) = posthog.events
    assert event["distinct_id"] == "nobody-in-particular"
    assert event["properties"]["$process_person_profile"] is False
    assert "$current_url" not in event["properties"]
    assert not Installation.load().salt


def test_the_test_event_is_no_ping(admin, analytics_on, posthog):
    posthog.answer = lambda _batch: BUSY
    press(admin, "test")
    Event.objects.update(timestamp="2026-01-01T00:00Z")

    assert telemetry.overdue() is None
    assert telemetry.status().last_ping is None
    telemetry.withhold()
    assert (
        Event.objects.get(event="telemetry.test").state == State.LOCAL
    )  # it tells of the installation
    assert Installation.load().last_health_at is None


@pytest.mark.parametrize("name", ["test", "deliver"])
@pytest.mark.parametrize("key", [{"DO_NOT_TRACK": True}, {"POSTHOG_API_KEY": ""}])
def test_where_nothing_may_leave_no_connection_is_opened(key, name, admin, analytics_on, posthog):
    analytics_on(**key)
    said = shown(press(admin, name))

    assert "Nothing was sent and no connection was opened: " in said
    assert posthog.connections == 0
    assert not Event.objects.filter(event="telemetry.test").exists()


# --- deliver, download, reset ---


def test_an_admin_delivers_what_waits_though_posthog_is_left_alone(
    admin, analytics_on, posthog, bob
):
    posthog.answer, normal = (lambda _batch: BUSY), posthog.answer
    analytics.track_event(bob.pk, "timer.started")
    said = shown(press(admin, "deliver"))
    assert "0 events were delivered." in said
    assert f"Not taken by {posthog.url} (HTTP 429)" in said

    posthog.answer = normal
    assert "1 event was delivered." in shown(press(admin, "deliver"))
    assert len(posthog.events) == 1
    assert entries() == ["Delivered what waited."] * 2


def test_what_waits_is_downloaded_as_it_would_leave(admin, analytics_on, posthog, bob):
    analytics.track_event(bob.pk, "timer.started", {"has_task": True})
    call_command("telemetry_ping", "--verbosity=0")
    for number in range(3):
        analytics.track_event(bob.pk, "export.csv", {"rows": number})
    response = admin.post(f"{PAGE}download/")
    file = b"".join(response.streaming_content)
    assert response["Content-Disposition"].startswith('attachment; filename="events-')
    assert response["Content-Type"] == "application/json"
    delivery.deliver()

    read = json.loads(file)
    assert read.keys() == {"batch"}
    assert read["batch"] == posthog.batches[-1]["batch"]
    lines = file.removeprefix(b'{"batch": [\n').removesuffix(b"\n]}\n").split(b",\n")
    assert b", ".join(lines) in posthog.bodies[-1]
    assert entries() == ["Downloaded what waits."]


def test_the_file_is_sent_as_the_page_says(admin, analytics_on, posthog, bob, tmp_path):
    for _ in range(1001):
        analytics.track_event(bob.pk, "timer.started")
    file = tmp_path / "events.json"
    file.write_bytes(b"".join(admin.post(f"{PAGE}download/").streaming_content))
    (block,) = (one for one in blocks("analytics.md") if "def send_file" in one.text)
    names = {}
    exec(block.text, names)
    names["send_file"](file, "phc_tests", posthog.url)

    assert [len(batch["batch"]) for batch in posthog.batches] == [1000, 1]
    assert {batch["api_key"] for batch in posthog.batches} == {"phc_tests"}


def test_nothing_that_waits_is_an_empty_batch(admin, analytics_on):
    file = b"".join(admin.post(f"{PAGE}download/").streaming_content)
    assert json.loads(file) == {"batch": []}


def test_an_admin_is_asked_before_the_fingerprint_is_reset(admin, analytics_on, posthog):
    call_command("telemetry_ping", "--verbosity=0")
    before = Installation.load()
    said = shown(admin.get(f"{PAGE}reset/"))
    assert before.fingerprint in said
    assert Installation.load().salt == before.salt

    said = shown(press(admin, "reset"))
    call_command("telemetry_ping", "--verbosity=0")
    assert "The next ping reports under a new fingerprint." in said
    after = Installation.load()
    assert after.fingerprint != before.fingerprint
    assert after.identity_secret == before.identity_secret
    first, second = (event["distinct_id"] for event in posthog.named("telemetry.install"))
    assert (first, second) == (before.fingerprint, after.fingerprint)
    assert entries() == ["New fingerprint."]


# --- who may ---


@pytest.mark.parametrize("name", ["bob", "dora"])
def test_users_and_managers_get_403(name, client, request, analytics_on, posthog):
    client.force_login(request.getfixturevalue(name), backend="accounts.backends.LocalBackend")
    Installation.load_salted()
    before = Installation.load().salt

    assert client.get(PAGE, follow=True).status_code == 403
    for act in ACTS:
        assert press(client, act).status_code == 403
    assert Installation.load().salt == before
    assert not Event.objects.filter(event="telemetry.test").exists()
    assert posthog.connections == 0


def test_who_may_only_look_does_nothing(bob):
    """Staff of another project, who were given a permission by hand."""
    bob.user_permissions.add(Permission.objects.get(codename="view_installation"))
    request = type("Request", (), {"user": type(bob).objects.get(pk=bob.pk)})()
    page = site._registry[Installation]
    assert page.has_view_permission(request)
    assert not page.may_act(request)


def test_nothing_is_made_changed_or_deleted_by_hand(admin):
    Installation.load()

    assert admin.get(f"{PAGE}add/").status_code == 403
    assert admin.get(f"{PAGE}1/delete/").status_code == 403
    assert admin.post(f"{PAGE}1/change/", {"reported_version": "9"}).status_code == 403
    assert admin.get(f"{PAGE}1/change/", follow=True).redirect_chain == [(PAGE, 302)]
    for name in ACTS[:3]:
        assert admin.get(f"{PAGE}{name}/").status_code == 405
