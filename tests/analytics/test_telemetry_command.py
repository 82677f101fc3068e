"""`manage.py telemetry_ping` as cron runs it: real processes, exit codes, and what they print."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from analytics import telemetry
from analytics.management.commands.telemetry_ping import Command, kind_of, seconds_of
from tests.capture import CaptureServer
from tests.conftest import PASSWORD, need
from tests.postgresql import MISSING, binaries, postgresql
from tests.processes import ROOT, Site
from timetracker import __version__

# One server, on one worker; `make test-all` runs it.
POSTGRESQL = [pytest.mark.xdist_group("postgresql"), pytest.mark.slow]
KEY = "phc_never_shown"
RESULT = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with its database."""
    return migrated(Site(tmp_path_factory.mktemp("site"), {"ENABLE_TELEMETRY": "true"}))


def migrated(site: Site) -> Site:
    done = site.manage("migrate", "--verbosity=0")
    assert done.returncode == 0, done.stderr
    return site


@pytest.fixture
def site(installation: Site, posthog: CaptureServer) -> Site:
    """The installation with an empty database and with telemetry on."""
    return emptied(installation, posthog)


def emptied(installation: Site, posthog: CaptureServer) -> Site:
    installation.env |= {"POSTHOG_API_KEY": KEY, "POSTHOG_HOST": posthog.url}
    done = installation.manage("flush", "--noinput")
    assert done.returncode == 0, done.stderr
    return installation


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=POSTGRESQL)])
def any_installation(request, tmp_path_factory) -> Iterator[Site]:
    """A site with its database, of either kind."""
    folder, env = tmp_path_factory.mktemp("site"), {"ENABLE_TELEMETRY": "true"}
    if request.param == "sqlite":
        yield migrated(Site(folder, env))
        return
    need(binaries(), MISSING)
    with postgresql() as url:
        yield migrated(Site(folder, {**env, "DATABASE_URL": url}))


def ping(site: Site, *options: str, **env: str) -> RESULT:
    return site.manage("telemetry_ping", *options, **env)


def outcome(done: RESULT) -> tuple[int, str, str]:
    return done.returncode, done.stdout, done.stderr


def count(site: Site, model: str) -> int:
    return int(site.run(f"from analytics.models import {model} as M; print(M.objects.count())"))


def age(site: Site, hours: float, rows: str = "all()") -> None:
    """Let events have been recorded some hours ago."""
    site.run(
        "from datetime import timedelta; from django.db.models import F;"
        "from analytics.models import Event;"
        f"Event.objects.{rows}.update(timestamp=F('timestamp') - timedelta(hours={hours}))"
    )


def let_bob_do_something(site: Site) -> None:
    """Record an event of a person, and let nobody deliver it."""
    site.run(
        "import analytics\n"
        "from accounts.models import User\n"
        "from analytics import delivery\n"
        f"bob = User.objects.create_user('bob', 'bob@example.org', {PASSWORD!r})\n"
        "with delivery.by_hand():\n"
        "    assert analytics.track_event(bob.pk, 'auth.login', {'auth_method': 'local'})"
    )


# --- exit codes ---


def test_it_exits_with_0_when_all_is_sent_or_nothing_is_due(site, posthog):
    sent = "Recorded telemetry.install; delivered 4 events.\n"
    assert outcome(ping(site)) == (0, sent, "")
    assert outcome(ping(site, "--verbosity", "0")) == (0, "", "")
    assert outcome(ping(site)) == (0, "No ping is due; delivered 0 events.\n", "")

    assert len(posthog.named("telemetry.install")) == len(posthog.named("telemetry.health")) == 1


def test_it_exits_with_0_and_silently_when_it_keeps_a_ping_for_the_next_run(site, posthog):
    posthog.stop()
    assert outcome(ping(site)) == (0, "", "")
    age(site, 23.9)
    assert outcome(ping(site)) == (0, "", "")

    posthog.start()
    assert outcome(ping(site)) == (0, "No ping is due; delivered 8 events.\n", "")
    assert len(posthog.named("telemetry.install")) == 1


def test_it_exits_with_1_and_one_line_when_a_ping_has_waited_for_a_day(site, posthog):
    posthog.stop()
    ping(site)
    age(site, 24.1)
    done = ping(site, "--verbosity", "0")

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"CommandError: telemetry.install has waited for 24 hours to be sent \(\w+\)\. See"
        r" --status\.\n",
        done.stderr,
    )
    posthog.start()
    assert ping(site).returncode == 0


@pytest.mark.slow
def test_it_complains_of_no_old_event_but_a_ping(site, posthog):
    """What people did may wait, too; the exit code speaks of telemetry."""
    posthog.stop()
    let_bob_do_something(site)
    age(site, 48)

    assert outcome(ping(site)) == (0, "", "")


@pytest.mark.slow
def test_it_leaves_what_another_run_is_sending_to_that_run(site, posthog):
    posthog.stop()
    ping(site)
    age(site, 48)
    lease = (
        "from datetime import timedelta; from uuid import uuid4; from django.utils import timezone;"
        "from analytics.models import Event; Event.objects.update(lease=uuid4(),"
        "leased_until=timezone.now() + timedelta(seconds=60))"
    )
    site.run(lease)

    assert ping(site).returncode == 0


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--event", "birthday"], "--event is 'birthday'; allowed: install, update, health."),
        (["--event", ""], "--event is ''; allowed: install, update, health."),
        (["--jitter", "soon"], "--jitter is 'soon'; allowed: whole seconds from 0 to 86400."),
        (["--jitter=-1"], "--jitter is '-1'; allowed: whole seconds from 0 to 86400."),
        (["--jitter", "86401"], "--jitter is '86401'; allowed: whole seconds from 0 to 86400."),
        (["--status", "--dry-run"], "--status goes with no other option."),
        (["--status", "--event", "health"], "--status goes with no other option."),
    ],
)
def test_it_exits_with_2_and_one_line_for_a_wrong_option(options, line, site, posthog):
    assert outcome(ping(site, *options)) == (2, "", f"CommandError: {line}\n")

    assert posthog.connections == 0


def test_it_exits_with_2_for_an_option_that_there_is_not(site):
    done = ping(site, "--colour")

    assert done.returncode == 2
    assert "unrecognized arguments: --colour" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", [(), ("--status",), ("--dry-run",)])
@pytest.mark.parametrize(
    ("given", "line"),
    [
        ('{"POSTHOG_KEY": "x"}', "ANALYTICS has an unknown key 'POSTHOG_KEY'; known are "),
        ('{"ENABLE_TELEMETRY": "yes"}', "ANALYTICS['ENABLE_TELEMETRY'] must be of type bool"),
        ('["x"]', "ANALYTICS must be a dictionary, not list."),
    ],
)
def test_it_exits_with_2_and_one_line_for_a_wrong_configuration(
    option, given, line, site, tmp_path
):
    (tmp_path / "wrong.py").write_text(f"from timetracker.settings import *\nANALYTICS = {given}\n")
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "telemetry_ping", *option],
        env={**site.env, "DJANGO_SETTINGS_MODULE": "wrong", "PYTHONPATH": f"{ROOT}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"CommandError: {line}")
    assert done.stderr.count("\n") == 1


def test_it_exits_with_2_for_a_variable_that_cannot_be_read(site):
    done = ping(site, ENABLE_TELEMETRY="maybe")

    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"ENABLE_TELEMETRY is 'maybe'; allowed: .*\n", done.stderr)


def test_it_exits_with_2_and_one_line_without_tables(site, tmp_path):
    done = ping(site, DATABASE_URL=f"sqlite:///{tmp_path / 'empty.sqlite3'}")

    line = "The database cannot be used (OperationalError): does it run, is it migrated?"
    assert outcome(done) == (2, "", f"CommandError: {line}\n")


# --- off ---

OFF = [
    ({"ENABLE_TELEMETRY": ""}, "ENABLE_TELEMETRY is off"),
    ({"POSTHOG_API_KEY": ""}, "POSTHOG_API_KEY is not set"),
    ({"DO_NOT_TRACK": "1"}, "DO_NOT_TRACK is set"),
]


@pytest.mark.parametrize(("env", "reason"), OFF)
def test_off_it_says_so_at_once_and_opens_no_connection(env, reason, site, posthog):
    began = time.monotonic()
    done = ping(site, "--jitter", "3600", **env)

    assert outcome(done) == (0, f"Telemetry is off: {reason}. Nothing was sent.\n", "")
    assert time.monotonic() - began < 30
    assert posthog.connections == 0
    assert count(site, "Event") == count(site, "Installation") == 0


# --- --dry-run ---


def dry(site: Site, *options: str, **env: str) -> tuple[list[dict[str, Any]], str]:
    """The messages that a dry run prints, and what it says besides."""
    done = ping(site, "--dry-run", *options, **env)
    assert done.returncode == 0, done.stderr
    messages: list[dict[str, Any]] = json.loads(done.stdout)
    return messages, done.stderr


def timeless(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages without what is new in every one."""
    copies: list[dict[str, Any]] = json.loads(json.dumps(messages))
    for one in copies:
        assert one.pop("uuid")
        assert one.pop("timestamp")
        if one["event"] == "$set":
            assert one["properties"]["$set"].pop("last_seen")
    return copies


@pytest.mark.parametrize("options", [(), ("--event", "update"), ("--event", "install")])
def test_a_dry_run_prints_what_the_next_run_sends(options, site, posthog):
    ping(site)
    before = len(posthog.events)
    messages, said = dry(site, *options)
    assert (len(messages), said, len(posthog.events)) == (4, "", before)

    ping(site, *options)
    assert timeless(messages) == timeless(posthog.events[before:])


@pytest.mark.slow
def test_a_dry_run_prints_what_still_waits_as_it_will_leave(site, posthog):
    posthog.stop()
    ping(site)
    waiting = dry(site)[0][:4]
    posthog.start()
    ping(site)

    assert waiting == posthog.events[:4]


@pytest.mark.slow
def test_a_dry_run_with_nothing_due_prints_an_empty_list(site):
    for _ in range(2):
        ping(site)

    assert dry(site) == ([], "")


def test_a_dry_run_stores_nothing_and_opens_no_connection(site, posthog):
    messages, said = dry(site, "--jitter", "3600")

    assert [one["event"] for one in messages] == [
        "telemetry.install",
        "$set",
        "$groupidentify",
        "$groupidentify",
    ]
    assert said == ""
    assert posthog.connections == 0
    for model in ("Event", "Installation", "Person"):
        assert count(site, model) == 0


@pytest.mark.parametrize(("env", "reason"), OFF)
def test_a_dry_run_shows_the_messages_also_where_telemetry_is_off(env, reason, site, posthog):
    messages, said = dry(site, **env)

    assert messages[0]["event"] == "telemetry.install"
    assert messages[0]["properties"]["app_version"] == __version__
    assert said.splitlines()[0].startswith(f"Telemetry is off: {reason}.")
    assert posthog.connections == 0
    assert count(site, "Installation") == 0


# --- --status ---


def status(site: Site, **env: str) -> dict[str, str]:
    """The lines of a status by their subject."""
    done = ping(site, "--status", **env)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    secrets = (
        "from analytics.models import Installation as I;"
        "print(*(v for row in I.objects.values_list('salt', 'identity_secret') for v in row))"
    )
    for secret in (KEY, site.env["SECRET_KEY"], *site.run(secrets).split()):
        assert secret not in done.stdout
    return dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)


def test_the_status_of_a_new_installation(site, posthog):
    said = status(site)

    assert said == {
        "Telemetry is on": "POSTHOG_API_KEY is set, ENABLE_TELEMETRY is on, DO_NOT_TRACK is off.",
        "Host": posthog.url,
        "Version": __version__,
        "Installation": "no fingerprint before the first ping",
        "Last ping": "none",
        "Next ping": "telemetry.install with the next run",
        "Waiting": "0",
        "Delivered": "0",
        "Rejected": "0",
        "Kept here, never sent": "0",
        "Left out or lost": "0",
        "Last error": "none",
    }
    assert posthog.connections == 0
    assert count(site, "Installation") == 0


@pytest.mark.slow
def test_the_status_after_pings_and_an_outage(site, posthog):
    ping(site)
    ping(site)
    said = status(site)
    assert said["Installation"] == posthog.events[0]["distinct_id"]
    assert re.fullmatch(r"telemetry\.health of 20.* UTC, delivered", said["Last ping"])
    assert said["Next ping"].startswith("telemetry.health with the first run after 20")
    assert (said["Waiting"], said["Delivered"]) == ("0", "8")

    posthog.stop()
    ping(site, "--event", "health")
    paused = "from datetime import timedelta; from django.utils import timezone;"
    site.run(
        f"{paused} from analytics.models import Installation as I;"
        "I.objects.update(resume_at=timezone.now() + timedelta(minutes=5))"
    )
    said = status(site)
    assert re.fullmatch(r"paused until 20.* UTC \(ConnectionError\)\.", said["Delivery"])
    assert re.fullmatch(r"4, the oldest since 20.* UTC", said["Waiting"])
    assert said["Last ping"].endswith(", waiting")
    assert "Error" in said["Last error"]


@pytest.mark.slow
def test_the_status_counts_what_was_rejected(site, posthog):
    posthog.answer = lambda batch: (400, {}, b'{"detail": "no"}')
    ping(site)

    assert status(site)["Rejected"] == "4"


@pytest.mark.slow
def test_the_status_says_what_to_do_about_a_wrong_key(site, posthog):
    posthog.answer = lambda batch: (401, {}, b"{}")
    ping(site)
    said = status(site)

    remedy = "PostHog does not know the key: put POSTHOG_API_KEY right."
    assert re.fullmatch(rf"paused until 20.* UTC \(HTTP 401\)\. {remedy}", said["Delivery"])
    assert (said["Rejected"], said["Last error"]) == ("0", "HTTP 401")
    assert said["Waiting"].startswith("4,")


@pytest.mark.slow
def test_the_status_says_what_was_lost(site, posthog):
    site.run(
        "from analytics import dropped; dropped.count('A reason.'); dropped.count('A reason.')"
    )

    assert status(site)["Left out or lost"] == "2 (mostly: A reason.)"


@pytest.mark.parametrize(("env", "reason"), OFF)
def test_the_status_says_which_setting_decided(env, reason, site, posthog):
    said = status(site, **env)

    assert said["Telemetry is off"] == f"{reason}."
    assert "Settings" in said
    assert said["Next ping"] == "none while telemetry is off"
    assert posthog.connections == 0


# --- --jitter ---


def salted(site: Site, lowest: float) -> float:
    """Give the installation an id whose share of a jitter is at least this; returns the share."""
    from analytics.models import Installation

    for number in range(1000):
        share = telemetry.delay(Installation(salt=str(number)).fingerprint, 1)
        if share >= lowest:
            break
    site.run(
        "from analytics.models import Installation as I;"
        f"I.load(); I.objects.update(salt='{number}')"
    )
    return share


@pytest.mark.slow
def test_it_waits_for_the_installations_own_share_of_the_jitter(site, posthog):
    share = salted(site, 0.8)
    began = time.monotonic()
    done = ping(site, "--jitter", "3")

    assert done.returncode == 0
    assert time.monotonic() - began > 3 * share
    assert len(posthog.named("telemetry.install")) == 1


@pytest.mark.slow
def test_the_first_run_of_a_fleet_waits_too(site, posthog):
    """The id that decides on the wait is the one that is reported."""
    assert ping(site, "--jitter", "1").returncode == 0

    (install,) = posthog.named("telemetry.install")
    fingerprint = "from analytics.telemetry import fingerprint; print(fingerprint())"
    assert install["distinct_id"] == site.run(fingerprint)


# --- twice at once, and the outbox ---


def at_once(site: Site, times: int) -> list[RESULT]:
    done: list[RESULT] = []
    runs = [threading.Thread(target=lambda: done.append(ping(site))) for _ in range(times)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    return done


@pytest.mark.slow
def test_cron_may_run_it_many_times_at_once(any_installation, posthog):
    site = emptied(any_installation, posthog)
    done = at_once(site, 4)

    assert {(run.returncode, run.stderr) for run in done} == {(0, "")}
    assert len(posthog.named("telemetry.install")) == 1
    assert len(posthog.named("telemetry.health")) == 1
    uuids = [event["uuid"] for event in posthog.events]
    assert len(uuids) == len(set(uuids)) == 8


@pytest.mark.slow
def test_it_takes_along_what_people_did(site, posthog):
    let_bob_do_something(site)
    ping(site)

    assert len(posthog.named("auth.login")) == 1


def test_the_command_takes_the_options_of_the_handbook():
    """Cron's line, the unit's and the ones to try, as docs/telemetry.md gives them."""
    parser = Command().create_parser("manage.py", "telemetry_ping")
    handbook = (ROOT / "docs" / "telemetry.md").read_text()
    blocks = "\n".join(re.findall(r"```\w+\n(.*?)```", handbook, re.DOTALL))
    lines = re.findall(r"manage\.py telemetry_ping([^#\n]*)", blocks)

    assert len(lines) == 4
    for line in lines:
        options = parser.parse_args(line.split())
        assert kind_of(options.event) is None
        assert seconds_of(options.jitter) in (0, 300)
