"""System checks: a wrong configuration speaks before it surprises."""

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from analytics import conf


def found():
    """The ids and sentences of what `manage.py check` says of this app."""
    return {
        message.id: str(message.msg)
        for message in run_checks(tags=["analytics"])
        if message.id and message.id.startswith("analytics.")
    }


def test_a_good_configuration_is_quiet():
    assert found() == {}


@pytest.mark.parametrize(
    ("given", "check", "sentence"),
    [
        ({"POSTHOG_KEY": "x"}, "analytics.E001", "ANALYTICS has an unknown key 'POSTHOG_KEY'"),
        ({"STRICT": "yes"}, "analytics.E002", "ANALYTICS['STRICT'] must be of type bool, not str."),
        ([], "analytics.E002", "ANALYTICS must be a dictionary, not list."),
        ({"BACKEND": "nowhere.At"}, "analytics.E003", "ANALYTICS['BACKEND'] is 'nowhere.At'"),
        (
            {"PERSON_PROPERTIES": "analytics.identity.nobody"},
            "analytics.E003",
            "ANALYTICS['PERSON_PROPERTIES'] is 'analytics.identity.nobody'",
        ),
        (
            {"APP_VERSION": "main"},
            "analytics.E005",
            "ANALYTICS['APP_VERSION'] is 'main', which is no version.",
        ),
        ({"MAX_WAITING": True}, "analytics.E002", "ANALYTICS['MAX_WAITING'] must be of type int"),
        (
            {"RETENTION_DAYS": 0},
            "analytics.E005",
            "ANALYTICS['RETENTION_DAYS'] is 0; allowed: 1 to 36500.",
        ),
        (
            {"CONSENT_FIELD": "agrees"},
            "analytics.E004",
            "ANALYTICS['CONSENT_FIELD'] is 'agrees'",
        ),
    ],
)
def test_a_wrong_one_is_an_error_with_an_id(given, check, sentence, settings):
    settings.ANALYTICS = given

    assert found()[check].startswith(sentence)


@pytest.mark.parametrize("given", [{"POSTHOG_KEY": "x"}, {"STRICT": "yes"}, []])
def test_a_wrong_one_raises_with_the_same_sentence(given, settings):
    settings.ANALYTICS = given

    with pytest.raises(ImproperlyConfigured, match="ANALYTICS"):
        conf.get()


def test_a_missing_middleware_is_a_warning(settings):
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "analytics" not in name]

    assert found() == {"analytics.W001": "Events carry no request context."}


def test_a_ping_with_a_wrong_one_says_so_and_exits_with_2(settings):
    keys = {"POSTHOG_API_KEY": "x", "ENABLE_TELEMETRY": True, "APP_VERSION": "main"}
    settings.ANALYTICS = {**settings.ANALYTICS, **keys}

    with pytest.raises(CommandError, match=r"ANALYTICS\['APP_VERSION'\] is 'main'") as caught:
        call_command("telemetry_ping")
    assert caught.value.returncode == 2
