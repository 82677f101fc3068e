"""Installation pings: what is due when, and what they say."""

import platform
import re
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from analytics.models import Event, Installation, Person
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


def test_an_unknown_kind_is_refused(analytics_on, posthog):
    with pytest.raises(CommandError, match="invalid choice: 'birthday'"):
        ping("--event", "birthday")

    assert posthog.connections == 0


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
