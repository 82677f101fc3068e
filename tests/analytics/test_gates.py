"""Off means off: where nothing may leave, no socket is opened, whatever is called."""

import socket

import pytest
from django.core.management import call_command

import analytics
from analytics import delivery
from analytics.models import Event, State

pytestmark = pytest.mark.django_db
OPEN = {"POSTHOG_API_KEY": "phc", "ENABLE_TELEMETRY": True, "DO_NOT_TRACK": False}


@pytest.fixture
def attempts(monkeypatch):
    """Sockets are forbidden; what tried to use one."""
    tried = []

    def forbidden(*arguments, **_keywords):
        tried.append(arguments)
        raise OSError("sockets are forbidden here")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    return tried


def use_everything(person):
    analytics.track_event(person.pk, "auth.login")
    analytics.identify_user(person.pk, {"$set": {"role": "user"}})
    analytics.identify_group("version", "3.0.0", {"version_number": "3.0.0"})
    call_command("telemetry_ping", "--verbosity=0")
    call_command("telemetry_ping", "--status", "--verbosity=0")
    call_command("deliver_events", "--once", "--verbosity=0")
    return delivery.deliver(everything=True)


@pytest.mark.parametrize("gate", [{"POSTHOG_API_KEY": ""}, {"DO_NOT_TRACK": True}])
def test_nothing_leaves_and_rows_stay_local_for_good(gate, bob, analytics_on, attempts):
    analytics_on(**{**OPEN, **gate})
    use_everything(bob)
    assert attempts == []
    assert set(Event.objects.values_list("state", flat=True)) == {State.LOCAL}

    analytics_on(**OPEN)
    assert delivery.deliver(everything=True) == delivery.Report()
    assert attempts == []


def test_no_ping_is_made_without_telemetry(bob, analytics_on, attempts):
    analytics_on(**{**OPEN, "ENABLE_TELEMETRY": False})
    call_command("telemetry_ping", "--verbosity=0")
    analytics.identify_group("version", "3.0.0", {"version_number": "3.0.0"})

    assert attempts == []
    assert not Event.objects.exists()


def test_an_open_gate_does_try(bob, analytics_on, attempts):
    """Or else the tests above would show nothing."""
    analytics_on(**OPEN)

    assert use_everything(bob).kept > 0
    assert attempts
