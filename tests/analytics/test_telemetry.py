"""Installation pings: what is due when, and what they say. The command stands in a file beside."""

import platform
import re
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from analytics import telemetry
from analytics.catalogue import UndeclaredError
from analytics.models import Event, Installation, Person
from tests.capture import accept
from timetracker import __version__

pytestmark = pytest.mark.django_db


def ping(*arguments):
    call_command("telemetry_ping", *arguments)


def test_the_first_run_reports_the_installation(analytics_on, posthog):
    ping()

    (install,) = posthog.named("telemetry.install")
    assert re.fullmatch(r"[0-9a-f]{64}", install["distinct_id"])
    assert (
        install["properties"].items()
        >= {
            "app_version": __version__,
            "platform": platform.system(),
            "python_version": platform.python_version(),
            "environment": "test",
            "deployment_method": "native",
        }.items()
    )
    assert install["properties"]["$groups"] == {
        "version": __version__,
        "platform": platform.system(),
    }


def test_it_identifies_the_installation_and_its_groups(analytics_on, posthog):
    ping()

    (identify,) = posthog.named("$set")
    assert identify["distinct_id"] == posthog.named("telemetry.install")[0]["distinct_id"]
    about = identify["properties"]["$set"]
    assert about.pop("last_seen").startswith(str(timezone.now().year))
    assert about == {
        "current_version": __version__,
        "current_platform": platform.system(),
        "environment": "test",
        "deployment_method": "native",
        "timezone": "UTC",
    }
    assert identify["properties"]["$set_once"] == {
        "first_seen_version": __version__,
        "first_seen_platform": platform.system(),
    }
    groups = {
        (group["$group_type"], group["$group_key"]): group["$group_set"]
        for group in (event["properties"] for event in posthog.named("$groupidentify"))
    }
    assert groups == {
        ("version", __version__): {"version_number": __version__},
        ("platform", platform.system()): {"platform_name": platform.system()},
    }
    assert Person.objects.get().distinct_id == identify["distinct_id"]


def test_the_second_run_says_that_the_installation_is_alive(analytics_on, posthog):
    ping()
    ping()

    assert len(posthog.named("telemetry.install")) == 1
    assert len(posthog.named("telemetry.health")) == 1


def test_health_is_due_ten_minutes_after_the_last(analytics_on, posthog, capsys):
    for _ in range(4):
        ping()
    assert len(posthog.named("telemetry.health")) == 1
    assert capsys.readouterr().out.endswith("No ping is due; delivered 0 events.\n")

    Installation.objects.update(last_health_at=timezone.now() - timedelta(minutes=11))
    ping()
    assert len(posthog.named("telemetry.health")) == 2


def test_a_clock_that_was_set_back_does_not_silence_it(analytics_on, posthog):
    ping()
    Installation.objects.update(last_health_at=timezone.now() + timedelta(days=1))
    ping()

    assert len(posthog.named("telemetry.health")) == 1


def test_another_version_is_an_update_and_keeps_the_first_one(analytics_on, posthog):
    ping()
    analytics_on(APP_VERSION="0.2.0")
    ping()
    ping()

    (update,) = posthog.named("telemetry.update")
    assert update["properties"]["old_version"] == __version__
    assert update["properties"]["new_version"] == "0.2.0"
    assert len(posthog.named("telemetry.health")) == 1
    properties = Person.objects.get().properties
    assert properties["first_seen_version"] == __version__
    assert properties["current_version"] == "0.2.0"


@pytest.mark.parametrize("kind", ["install", "update", "health"])
def test_a_kind_can_be_forced(kind, analytics_on, posthog):
    ping()
    ping("--event", kind)
    ping("--event", kind)

    assert len(posthog.named(f"telemetry.{kind}")) == (3 if kind == "install" else 2)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"ENABLE_TELEMETRY": False}, "ENABLE_TELEMETRY is off"),
        ({"POSTHOG_API_KEY": ""}, "POSTHOG_API_KEY is not set"),
        ({"DO_NOT_TRACK": True}, "DO_NOT_TRACK is set"),
    ],
)
def test_off_it_says_why_and_opens_no_connection(keys, reason, analytics_on, posthog, capsys):
    analytics_on(**keys)
    ping()

    assert capsys.readouterr().out == f"Telemetry is off: {reason}. Nothing was sent.\n"
    assert posthog.connections == 0
    assert not Event.objects.exists()
    assert not Installation.objects.exists()


def test_a_peer_that_is_down_loses_nothing_and_makes_no_noise(analytics_on, posthog, capsys):
    posthog.stop()
    ping()
    assert capsys.readouterr().out == ""

    posthog.start()
    ping()
    assert len(posthog.named("telemetry.install")) == 1
    assert len(posthog.named("telemetry.health")) == 1


def test_the_fingerprint_is_made_of_the_salt_alone(analytics_on, posthog):
    ping()
    ping("--event", "health")
    first, second = (event["distinct_id"] for event in posthog.events if "telem" in event["event"])
    assert first == second

    Installation.objects.update(salt="another")
    ping("--event", "health")
    assert posthog.named("telemetry.health")[-1]["distinct_id"] != first


def test_cron_may_run_it_without_a_word(analytics_on, posthog, capsys):
    ping("--verbosity", "0")

    assert capsys.readouterr().out == ""
    assert posthog.named("telemetry.install")


def test_further_properties_reach_the_event(analytics_on, posthog):
    telemetry.ping(telemetry.Kind.UPDATE, {"old_version": "2.8.0"})
    ping()

    assert posthog.named("telemetry.update")[0]["properties"]["old_version"] == "2.8.0"


def test_further_properties_must_be_declared(analytics_on):
    with pytest.raises(UndeclaredError, match="'hostname' is not declared"):
        telemetry.ping(telemetry.Kind.HEALTH, {"hostname": "bobs-laptop"})

    assert not Event.objects.exists()


def test_a_first_ping_that_failed_is_tried_again(analytics_on, posthog):
    posthog.answer = lambda batch: (500, {}, b"")
    ping()
    assert posthog.events == []

    posthog.answer = accept
    ping()
    (install,) = posthog.named("telemetry.install")
    assert install["timestamp"] < posthog.named("telemetry.health")[0]["timestamp"]


class Raising:
    """A backend that breaks its promise never to raise."""

    def __init__(self, _config: Any) -> None:
        pass

    def send(self, _events: Any) -> Any:
        raise RuntimeError("alice@example.org")


def test_a_sender_that_raises_never_reaches_the_caller(analytics_on, posthog, capsys):
    analytics_on(BACKEND=f"{__name__}.Raising")
    assert telemetry.ping() is telemetry.Kind.INSTALL
    ping()

    assert capsys.readouterr() == ("", "")
    assert {event.last_error for event in Event.objects.all()} == {"RuntimeError"}
    assert posthog.connections == 0


def test_a_new_fingerprint_touches_nothing_else(analytics_on, posthog, bob):
    ping()
    before = Installation.objects.values().get()
    Installation.objects.update(salt="another")
    ping()

    after = Installation.objects.values().get()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"salt", "last_health_at"}
    fingerprints = {event["distinct_id"] for event in posthog.events}
    assert len(fingerprints) == 2


@pytest.mark.parametrize("seconds", [0, 1, 300])
def test_a_fleet_spreads_evenly_over_the_jitter(seconds):
    fleet = [sha256(str(number).encode()).hexdigest() for number in range(4000)]
    delays = sorted(telemetry.delay(fingerprint, seconds) for fingerprint in fleet)

    assert delays == sorted(telemetry.delay(fingerprint, seconds) for fingerprint in fleet)
    assert 0 <= delays[0] <= delays[-1] <= seconds
    for quarter in (1, 2, 3):
        assert delays[quarter * 1000] == pytest.approx(seconds * quarter / 4, abs=seconds / 20)


def test_its_extremes_are_within_the_jitter():
    assert telemetry.delay("0" * 64, 300) == 0
    assert telemetry.delay("f" * 64, 300) <= 300


def test_the_delay_is_made_of_the_fingerprint_that_the_pings_carry(analytics_on, posthog):
    made = telemetry.fingerprint()
    ping()

    assert made == telemetry.fingerprint() == posthog.named("telemetry.install")[0]["distinct_id"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://app.posthog.com", "https://app.posthog.com"),
        ("https://bob:hunter2@ph.example:8443/x", "https://ph.example:8443/x"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ],
)
def test_no_password_of_an_address_is_shown(address, shown):
    assert telemetry.without_credentials(address) == shown


@pytest.mark.parametrize("forced", ["update", "health"])
def test_a_forced_ping_takes_the_place_of_no_install(forced, analytics_on, posthog):
    ping("--event", forced)
    ping()

    assert len(posthog.named("telemetry.install")) == 1


def test_a_forced_install_takes_the_place_of_no_update(analytics_on, posthog):
    ping()
    analytics_on(APP_VERSION="9.9.9")
    ping("--event", "install")
    ping()

    assert len(posthog.named("telemetry.update")) == 1


def test_with_telemetry_off_a_delivery_asks_before_it_locks(
    analytics_on, posthog, django_assert_num_queries
):
    ping()
    analytics_on(ENABLE_TELEMETRY=False)

    with django_assert_num_queries(2):  # the installation, and whether any ping waits
        telemetry.withhold()
