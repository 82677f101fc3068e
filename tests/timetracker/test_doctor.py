"""`manage.py doctor`, against servers that are there, are not, or say something else."""

import os
import re
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import connection

from analytics.models import Erasure, Installation
from tests.posthog_api import PROJECT, Person, error, posthog_api
from tests.processes import Site, free_port, oidc_provider
from timetracker import doctor
from timetracker.doctor import FAIL, OK, WARN, Clocks

FOR_A_SERVER = {
    "HTTPS": "true",
    "ALLOWED_HOSTS": "time.example.org",
    "TRUSTED_PROXY_COUNT": "1",
}


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path, FOR_A_SERVER)


def lines(site, subject, **env):
    """What doctor says of a subject, and its exit code."""
    done = site.manage("doctor", **env)
    assert "Traceback" not in done.stderr
    everything = done.stdout.splitlines()
    start = next(i for i, line in enumerate(everything) if line[6:].startswith(f"{subject}:"))
    told = [everything[start]]
    for line in everything[start + 1 :]:
        if not line.startswith("      →") and not line[6:].startswith(f"{subject}:"):
            break
        told.append(line)
    return told, done.returncode


def test_a_site_that_is_well_is_told_so(site):
    site.prepare()

    done = site.manage("doctor")

    assert (done.returncode, done.stderr) == (0, "")
    told = [line for line in done.stdout.splitlines() if not line.startswith("      →")]
    levels = {line[6:].partition(":")[0]: line[:5].strip() for line in told}
    assert levels.pop("mail") == "warn"  # none is set
    assert set(levels.values()) == {"ok"}
    looked_at = {"configuration", "database", "disk", "static files", "OpenID Connect", "clock"}
    assert {*looked_at, "PostHog", "PostHog's API", "erasures"} == set(levels)


def test_it_names_what_is_wrong_with_the_configuration(site):
    told, _code = lines(site, "configuration", HTTPS="false", DEBUG="true", DATABASE_URL="")

    assert told[0].startswith("warn  configuration: HTTPS is off")
    assert told[1].startswith("      → Set HTTPS=true")
    debug = told.index("      → Set DEBUG=false.")
    assert told[debug - 1].startswith("fail  configuration: security.W018")


def test_it_names_what_lets_nobody_in(site):
    wrong = {"ALLOWED_HOSTS": "", "TRUSTED_PROXY_COUNT": "0", "WEB_CONCURRENCY": "4"}
    told, _code = lines(site, "configuration", **wrong)

    assert [line for line in told if line.startswith("warn")] == [
        "warn  configuration: HTTPS is on and TRUSTED_PROXY_COUNT is 0: behind a proxy each page"
        " leads to itself",
        "warn  configuration: ALLOWED_HOSTS names this machine alone: all others get 400",
        "warn  configuration: 4 processes on SQLite, which has one writer at a time",
    ]


def test_a_schema_that_is_behind_fails(site):
    told, code = lines(site, "database")

    assert told[0].startswith("ok    database: SQLite 3.")
    assert told[1].startswith("fail  database: unapplied migrations: ")
    assert re.search(r"\.0001_initial, .* and \d\d more$", told[1])
    assert told[2] == "      → Run `manage.py migrate`."
    assert code == 1


def test_a_database_that_is_away_fails_and_its_password_is_not_shown(site):
    away = f"postgres://tracker:hunter2@127.0.0.1:{free_port()}/tracker"

    done = site.manage("doctor", DATABASE_URL=away)

    assert done.returncode == 1
    assert "fail  database: does not answer: " in done.stdout
    assert "ok    static files" in done.stdout, "and it goes on"
    assert "hunter2" not in done.stdout + done.stderr


def test_a_folder_that_is_not_there_fails(site, tmp_path):
    told, code = lines(site, "disk", DATABASE_URL=f"sqlite:///{tmp_path}/nowhere/site.sqlite3")

    assert told[0] == f"fail  disk: the database in {tmp_path}/nowhere is not there"
    assert told[1] == f"      → Make it: mkdir -p {tmp_path}/nowhere"
    assert code == 1


def test_what_others_keep_among_the_temporary_files_is_theirs(tmp_path, monkeypatch):
    """A folder that may be written, with a file in it that may not."""
    others, own = tmp_path / "others.sqlite3", tmp_path / "own"
    others.touch()
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda place, _how: place != others)
    monkeypatch.setitem(connection.settings_dict, "NAME", str(own / "site.sqlite3"))

    found = [*doctor.disk()]

    assert {one.level for one in found} == {OK}


# --- mail ---


@contextmanager
def smtp_server(sign_in: bytes = b"235 2.7.0 Accepted") -> Iterator[tuple[int, list[bytes]]]:
    """A mail server as far as doctor comes: its port, and what it was told."""
    heard: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        with suppress_closed(), listener:
            connection, _address = listener.accept()
            with connection, connection.makefile("rwb") as stream:
                stream.write(b"220 mail.example.org\r\n")
                stream.flush()
                for line in stream:
                    heard.append(line.strip())
                    answers = {b"EHLO": b"250-mail.example.org\r\n250 AUTH PLAIN", b"AUTH": sign_in}
                    stream.write(answers.get(line[:4].upper(), b"221 Bye") + b"\r\n")
                    stream.flush()

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve, args=(listener,), daemon=True)
    thread.start()
    yield listener.getsockname()[1], heard
    thread.join(5)


@contextmanager
def suppress_closed() -> Iterator[None]:
    try:
        yield
    except OSError:
        return


@pytest.fixture
def mail_to(settings):
    """Have the site send its mail to a port of this machine."""

    def change(port):
        settings.EMAIL_URL = {"EMAIL_HOST": "127.0.0.1"}
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        settings.DEFAULT_FROM_EMAIL = "TimeTracker <tracker@example.org>"
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "tracker", "hunter2"

    return change


def test_a_mail_server_is_signed_in_to_and_sent_nothing(mail_to):
    with smtp_server() as (port, heard):
        mail_to(port)
        found = [*doctor.mail()]

    assert found == [(OK, f"127.0.0.1:{port} takes us in", "")]
    assert [line[:4] for line in heard] == [b"ehlo", b"AUTH", b"quit"]


def test_a_mail_server_that_refuses_the_password_fails(mail_to):
    with smtp_server(sign_in=b"535 5.7.8 no: tracker hunter2") as (port, _heard):
        mail_to(port)
        (found,) = doctor.mail()

    words = f"127.0.0.1:{port} does not take us in: SMTPAuthenticationError (535)"
    assert (found.level, found.words) == (FAIL, words)
    assert "EMAIL_URL" in found.remedy
    assert "hunter2" not in found.remedy


def test_a_mail_server_that_is_away_fails(mail_to):
    mail_to(port := free_port())
    (found,) = doctor.mail()

    words = f"127.0.0.1:{port} does not take us in: ConnectionRefusedError"
    assert (found.level, found.words) == (FAIL, words)


def test_a_sender_that_nobody_takes_mail_from_is_named(mail_to, settings):
    with smtp_server() as (port, _heard):
        mail_to(port)
        settings.DEFAULT_FROM_EMAIL = "timetracker@localhost"
        sender, server = doctor.mail()

    assert (sender.level, server.level) == (WARN, OK)
    assert "DEFAULT_FROM_EMAIL" in sender.remedy


# --- the provider, PostHog and the clock ---


@pytest.mark.django_db
def test_a_provider_is_asked_anew_each_time(settings):
    settings.OIDC_ISSUER = away = f"http://127.0.0.1:{free_port()}"
    (found,) = doctor.provider(Clocks())
    assert (found.level, found.words) == (FAIL, f"{away} cannot be used: ConnectionError")
    assert "this machine" in found.remedy

    with oidc_provider() as issuer:
        settings.OIDC_ISSUER = issuer + "/"
        (wrong,) = doctor.provider(Clocks())
        settings.OIDC_ISSUER = issuer
        (right,) = doctor.provider(clocks := Clocks())

    assert wrong.level == FAIL
    assert wrong.remedy == (
        "Write OIDC_ISSUER exactly as the provider's discovery document writes it."
    )
    assert right.level == OK
    assert right.words.startswith(f"{issuer} answers and shows ")
    assert [*doctor.clock(clocks)] == [(OK, f"agrees with that of {issuer}", "")]


@pytest.mark.django_db
def test_a_provider_that_has_failed_is_asked_all_the_same(settings):
    settings.OIDC_ISSUER = f"http://127.0.0.1:{free_port()}"
    [*doctor.provider(Clocks())]

    (again,) = doctor.provider(Clocks())

    assert "ConnectionError" in again.words, "and not what is remembered of it"


class Past(BaseHTTPRequestHandler):
    """A host that takes it for 1999."""

    asked: list[str]

    def do_GET(self):
        self.asked.append(f"{self.command} {self.path}")
        self.send_response_only(200)
        self.send_header("Date", "Fri, 31 Dec 1999 23:59:59 GMT")
        self.end_headers()

    def log_message(self, *_args):
        """Print nothing."""


@pytest.fixture
def past():
    Past.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Past)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.django_db
def test_posthog_is_reached_and_sent_no_event(analytics_on, past):
    analytics_on(POSTHOG_HOST=past)

    assert [*doctor.posthog(Clocks())] == [(OK, f"{past} answers", "")]
    assert Past.asked == ["GET /"]


@pytest.mark.parametrize("off", [{"DO_NOT_TRACK": True}, {"POSTHOG_API_KEY": ""}])
def test_posthog_is_not_asked_where_nothing_would_be_sent(analytics_on, past, off):
    analytics_on(POSTHOG_HOST=past, **off)

    (found,) = doctor.posthog(Clocks())

    assert found.level == OK
    assert found.words.startswith("not asked: ")
    assert Past.asked == []


def test_posthog_that_is_away_fails(analytics_on):
    analytics_on(POSTHOG_HOST=(away := f"http://127.0.0.1:{free_port()}"))
    (found,) = doctor.posthog(Clocks())

    assert (found.level, found.words) == (FAIL, f"{away} does not answer: ConnectionError")


@pytest.mark.django_db
@pytest.mark.parametrize("remedy", ["Set POSTHOG_API_KEY to the project's key.", ""])
def test_a_rest_of_delivery_is_told_with_its_remedy(analytics_on, past, remedy):
    analytics_on(POSTHOG_HOST=past)
    Installation.load()
    Installation.objects.update(pause_reason="PostHog answered 401", remedy=remedy)

    _reached, found = doctor.posthog(Clocks())

    assert found.level == (FAIL if remedy else WARN)
    assert found.words == "takes no events: PostHog answered 401"
    assert found.remedy == (remedy or "It is tried again by itself. What is recorded waits here.")


# --- the personal key, and what it is for ---


@pytest.fixture
def api(analytics_on):
    """PostHog's management API, with a person whom nobody asked about."""
    with posthog_api() as api:
        api.persons.append(Person(["somebody"]))
        analytics_on(**api.settings)
        yield api


def test_the_personal_key_is_tried_on_nobody(api):
    (found,) = doctor.management()

    assert (found.level, found.words) == (OK, f"takes the personal key for project {PROJECT}")
    (call,) = api.calls
    assert (call.method, call.path) == ("GET", "persons/")
    assert call.query["distinct_id"] not in ("", "somebody")


@pytest.mark.parametrize(
    ("change", "words", "remedy"),
    [
        ({"POSTHOG_PERSONAL_API_KEY": "phx_hunter2"}, "PostHog answered 401: ", "Make a personal"),
        ({"POSTHOG_PROJECT_ID": "4242"}, "PostHog answered 404: ", "Give the key the scope"),
        ({"POSTHOG_PROJECT_ID": ""}, "cannot be asked: POSTHOG_PROJECT_ID is not", "Set both"),
        ({"POSTHOG_PERSONAL_API_KEY": ""}, "cannot be asked: POSTHOG_PERS", "Set both"),
    ],
)
def test_a_personal_key_that_does_not_work_fails_and_is_not_shown(
    api, analytics_on, change, words, remedy
):
    analytics_on(**change)
    (found,) = doctor.management()

    assert found.level == FAIL
    assert found.words.startswith(words)
    assert found.remedy.startswith(remedy)
    assert "phx_" not in found.words + found.remedy


def test_a_scope_that_the_key_lacks_is_named(api):
    api.scopes -= {"person:read", "person:write"}
    (found,) = doctor.management()

    assert found.level == FAIL
    assert "person:" in found.words
    assert "person:write" in found.remedy


def test_a_key_in_posthogs_own_words_is_not_shown(api):
    said = f"{api.settings['POSTHOG_PERSONAL_API_KEY']} is no key"
    api.before = lambda _call: error(401, "authentication_error", "authentication_failed", said)
    (found,) = doctor.management()

    assert found.words == "PostHog answered 401: … is no key"


def test_an_api_that_is_away_is_looked_at_later(api, analytics_on):
    analytics_on(POSTHOG_HOST=f"http://127.0.0.1:{free_port()}")
    (found,) = doctor.management()

    assert found.level == WARN
    assert found.remedy.startswith("Look again later")


@pytest.mark.parametrize("off", [{"DO_NOT_TRACK": True}, {"both": ""}])
def test_the_api_is_not_asked_where_it_is_not_used(api, analytics_on, off):
    nothing = {"POSTHOG_PERSONAL_API_KEY": "", "POSTHOG_PROJECT_ID": ""}
    analytics_on(**(nothing if "both" in off else off))
    (found,) = doctor.management()

    assert found.level == OK
    assert api.calls == []


@pytest.mark.django_db
def test_erasures_that_are_held_up_are_told_with_what_to_do(api, analytics_on):
    assert [*doctor.erasures()] == [(OK, "none is held up", "")]

    one = Erasure.objects.create(distinct_id="0190-secret-id")
    assert [found.level for found in doctor.erasures()] == [OK], "it has just been asked for"

    Erasure.objects.update(due_at=one.due_at - timedelta(days=1))
    (late,) = doctor.erasures()
    assert (late.level, late.words) == (FAIL, "nobody has taken up 1 that are long due")

    Erasure.objects.update(due_at=None, last_error="PostHog answered 403: no scope")
    (refused,) = doctor.erasures()
    assert refused.level == FAIL
    assert refused.words == "PostHog refuses 1: PostHog answered 403: no scope"

    analytics_on(POSTHOG_PERSONAL_API_KEY="")
    (by_hand,) = doctor.erasures()
    assert by_hand.level == FAIL
    assert "POSTHOG_PERSONAL_API_KEY is not set" in by_hand.words
    assert "by hand" in by_hand.remedy
    assert "secret" not in " ".join([*late, *refused, *by_hand])


@pytest.mark.django_db
def test_a_clock_that_differs_from_a_host_fails(analytics_on, past):
    analytics_on(POSTHOG_HOST=past)
    [*doctor.posthog(clocks := Clocks())]
    (found,) = doctor.clock(clocks)

    assert found.level == FAIL
    assert found.words.endswith(f"seconds ahead of that of {past}")
    assert "NTP" in found.remedy


@pytest.mark.parametrize(("seconds", "level"), [(-4, OK), (6, WARN), (-31, FAIL)])
def test_a_clock_may_differ_a_little(seconds, level):
    clocks = Clocks()
    clocks.note("a host", datetime.now(UTC) - timedelta(seconds=seconds))

    assert [found.level for found in doctor.clock(clocks)] == [level]


@pytest.mark.django_db
def test_the_database_is_asked_for_the_time():
    [*doctor.database(clocks := Clocks())]

    assert [*clocks.ahead] == (["the database"] if connection.vendor == "postgresql" else [])


def test_static_files_that_were_not_collected_fail(site):
    site.prepare()
    code = (
        "from django.contrib.staticfiles.storage import staticfiles_storage as storage;"
        "del storage.hashed_files['timetracker/favicon.svg'];"
        "from timetracker import doctor; print(*doctor.static_files())"
    )
    assert "are not collected, such as timetracker/favicon.svg" in site.run(code)
