"""The acceptance list, line by line: each test is named after the line that it shows."""

import re
import threading
import time

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client, RequestFactory

import analytics
from accounts.models import User
from analytics import context, delivery, telemetry
from analytics.catalogue import EVENT_NAME, events
from analytics.models import Event, Installation, Person, State
from tests.accounts.conftest import sign_in as sign_in_through_provider
from tests.accounts.provider import running_provider
from tests.capture import accept, wait_until
from tests.conftest import PASSWORD
from timetracker import __version__
from timetracker.environment import ConfigurationError, Environment
from tracking import services
from tracking.models import TimeEntry

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"


def ping(*arguments):
    call_command("telemetry_ping", "--verbosity=0", *arguments)


def sign_in(client, name="bob", **extra):
    return client.post(LOGIN, {"login": name, "password": PASSWORD}, **extra)


def fingerprints(posthog):
    return {e["distinct_id"] for e in posthog.events if e["event"].startswith("telemetry.")}


class TestInstallationTelemetry:
    def test_01_the_fingerprint_is_stable_across_calls(self, analytics_on, posthog):
        """Across processes: `test_processes.py`."""
        for _ in range(3):
            ping("--event", "health")

        assert len(fingerprints(posthog)) == 1

    def test_02_it_changes_with_the_salt(self, analytics_on, posthog):
        ping("--event", "health")
        Installation.objects.update(salt="another salt")
        ping("--event", "health")

        assert len(fingerprints(posthog)) == 2

    def test_03_it_is_64_hex_characters_whatever_the_host_is_called(
        self, analytics_on, posthog, monkeypatch
    ):
        ping("--event", "health")
        monkeypatch.setattr("socket.gethostname", lambda: "another-container")
        monkeypatch.setattr("platform.node", lambda: "another-container")
        ping("--event", "health")

        (fingerprint,) = fingerprints(posthog)
        assert re.fullmatch(r"[0-9a-f]{64}", fingerprint)

    @pytest.mark.parametrize(
        ("word", "on"),
        [
            *((word, True) for word in ("true", "True", "1", "yes", "YES", "on", "On")),
            *((word, False) for word in ("false", "FALSE", "0", "no", "No", "off", "")),
        ],
    )
    def test_04_enable_telemetry_reads_words_in_any_case(self, word, on, monkeypatch):
        monkeypatch.setenv("ENABLE_TELEMETRY", word)
        assert Environment(None).flag("ENABLE_TELEMETRY", False, "") is on

    def test_04_anything_else_is_an_error_that_names_the_variable(self, monkeypatch):
        monkeypatch.setenv("ENABLE_TELEMETRY", "perhaps")
        with pytest.raises(ConfigurationError, match=r"^ENABLE_TELEMETRY is 'perhaps'; allowed: "):
            Environment(None).flag("ENABLE_TELEMETRY", False, "")

    def test_05_off_by_default(self, settings):
        assert settings.ENABLE_TELEMETRY is False

    def test_06_the_first_ping_sends_install_with_the_five_properties(self, analytics_on, posthog):
        ping()

        (install,) = posthog.named("telemetry.install")
        five = {"app_version", "platform", "python_version", "environment", "deployment_method"}
        assert install["properties"].keys() >= five
        assert install["distinct_id"] == Installation.load().fingerprint

    def test_07_off_sends_nothing_says_so_and_exits_0(self, analytics_on, posthog, capsys):
        analytics_on(ENABLE_TELEMETRY=False)
        call_command("telemetry_ping")  # a command that fails raises

        assert "ENABLE_TELEMETRY is off" in capsys.readouterr().out
        assert posthog.connections == 0

    def test_08_on_without_a_key_is_the_same(self, analytics_on, posthog, capsys):
        analytics_on(POSTHOG_API_KEY="")
        call_command("telemetry_ping")

        assert "POSTHOG_API_KEY is not set" in capsys.readouterr().out
        assert posthog.connections == 0

    def test_09_extra_data_reaches_the_event(self, analytics_on, posthog):
        ping()
        analytics_on(APP_VERSION="9.9.9")
        ping()

        (update,) = posthog.named("telemetry.update")
        extra = {"old_version": __version__, "new_version": "9.9.9"}
        assert update["properties"].items() >= extra.items()

    def test_10_a_failing_sender_never_raises_out_of_the_ping(self, analytics_on, posthog):
        posthog.answer = lambda _batch: (500, {}, b"broken")
        ping()
        posthog.stop()
        ping()

        assert Event.objects.filter(state=State.WAITING, event="telemetry.install").count() == 1

    def test_11_install_is_sent_under_its_name(self, analytics_on, posthog):
        ping("--event", "install")
        assert posthog.named("telemetry.install")

    def test_12_update_is_sent_under_its_name_with_old_and_new(self, analytics_on, posthog):
        ping("--event", "update")
        (update,) = posthog.named("telemetry.update")
        assert update["properties"].keys() >= {"old_version", "new_version"}

    def test_13_health_is_sent_under_its_name(self, analytics_on, posthog):
        ping("--event", "health")
        assert posthog.named("telemetry.health")

    def test_14_to_17_install_is_sent_once_whatever_the_number_of_runs(self, analytics_on, posthog):
        """Of processes at once: `test_processes.py`."""
        for _ in range(5):
            ping()

        assert len(posthog.named("telemetry.install")) == 1

    def test_18_a_failed_first_attempt_is_tried_again(self, analytics_on, posthog):
        posthog.answer = lambda _batch: (503, {}, b"")
        ping()
        assert posthog.named("telemetry.install") == []
        posthog.answer = accept
        ping()

        assert len(posthog.named("telemetry.install")) == 1

    def test_19_off_sends_nothing_and_marks_nothing(self, analytics_on, posthog):
        analytics_on(ENABLE_TELEMETRY=False)
        ping()
        assert not Installation.objects.exists()
        analytics_on(ENABLE_TELEMETRY=True)
        ping()

        assert len(posthog.named("telemetry.install")) == 1

    def test_20_a_telemetry_setting_never_touches_unrelated_state(self, analytics_on, bob):
        services.start_timer(bob)
        models = (User, TimeEntry, Person, Event)

        def state():
            return [serializers.serialize("json", model.objects.order_by("pk")) for model in models]

        before = state()
        for on in (False, True, False):
            analytics_on(ENABLE_TELEMETRY=on)
            Client().get(LOGIN)
        assert state() == before


class TestEvents:
    def test_01_track_event_works_inside_and_outside_a_request(self, bob):
        analytics.track_event(bob.pk, "auth.login")
        request = RequestFactory().get("/", headers={"User-Agent": "curl/8"})
        request.user = bob
        with context.bound(request):
            analytics.track_event(bob.pk, "auth.login")

        outside, inside = Event.objects.order_by("id")
        assert "$browser" not in outside.properties
        assert inside.properties["$browser"] == "other"

    def test_02_mixed_property_types_are_accepted(self, bob):
        mixed = {"duration_seconds": 1.5, "has_project": True, "has_task": False}
        analytics.track_event(bob.pk, "timer.stopped", mixed)

        assert Event.objects.get().properties.items() >= mixed.items()

    def test_03_the_wire_identity_is_the_internal_id(self, bob, analytics_on, posthog):
        analytics.track_event(bob.pk, "auth.login")
        delivery.deliver()

        assert [event["distinct_id"] for event in posthog.events] == [str(bob.pk)]

    @pytest.mark.parametrize("keys", [{"POSTHOG_API_KEY": ""}, {"DO_NOT_TRACK": True}])
    def test_04_disabled_nothing_leaves(self, keys, bob, analytics_on, posthog):
        analytics_on(**keys)
        analytics.track_event(bob.pk, "auth.login")
        call_command("deliver_events", "--once")

        assert posthog.connections == 0
        assert Event.objects.get().state == State.LOCAL

    @pytest.mark.parametrize("backend", ["Raising", "Hanging", "Failing"])
    @pytest.mark.django_db(transaction=True)
    def test_05_a_sender_that_raises_hangs_or_fails_never_reaches_the_caller(
        self, backend, bob, analytics_on
    ):
        analytics_on(BACKEND=f"tests.test_acceptance.{backend}", DELIVERY_THREAD=True)
        try:
            start = time.monotonic()
            assert sign_in(Client()).status_code == 302
            assert services.start_timer(bob).running
            assert time.monotonic() - start < 5  # the hanging one hangs for longer
        finally:
            RELEASE.set()
            delivery.stop()
            delivery._after_fork()
            RELEASE.clear()
        assert Event.objects.filter(state=State.WAITING).count() == 3

    def test_06_none_as_properties_still_gives_the_environment(self, bob):
        analytics.track_event(bob.pk, "auth.login", None)

        assert Event.objects.get().properties["environment"] == "test"

    def test_07_event_names_follow_resource_action(self):
        assert events
        for name in events:
            assert EVENT_NAME.match(name)
            assert "." in name or name == "feature_interaction"  # the seed's one exception

    # 8, nothing personal leaves: `test_markers.py`.

    @pytest.mark.django_db(transaction=True)
    def test_09_a_page_does_not_wait_for_a_posthog_that_hangs(
        self, client, bob, analytics_on, posthog
    ):
        """That it is as quick as without is a matter of measuring, not of a test."""
        hanging = threading.Event()
        posthog.answer = lambda batch: (hanging.wait(20), accept(batch))[1]
        analytics_on(DELIVERY_THREAD=True)
        try:
            sign_in(client)
            wait_until(lambda: posthog.bodies)
            for _ in range(5):
                assert client.post("/timer/start/").status_code == 302
            assert posthog.batches == []  # it has hung all the while
        finally:
            hanging.set()
            delivery.stop()
            delivery._after_fork()


class TestSignIn:
    def test_01_local_and_oidc_identify_and_record_with_auth_method(self, client, bob, settings):
        sign_in(client)
        with running_provider() as provider:
            settings.OIDC_ISSUER = provider.issuer
            other = Client()
            assert sign_in_through_provider(other).status_code == 302

        recorded = Event.objects.exclude(event="auth.signup").order_by("id")
        assert [event.event for event in recorded] == ["$set", "auth.login"] * 2
        methods = [e.properties["auth_method"] for e in recorded if e.event == "auth.login"]
        assert methods == ["local", "oidc"]

    def test_02_first_login_and_signup_method_are_set_once(self, client, bob):
        sign_in(client)
        first = Person.objects.get().properties
        client.post("/accounts/logout/")
        sign_in(client)
        second = Person.objects.get().properties

        for name in ("first_login", "signup_method"):
            assert first[name] == second[name]

    def test_03_role_is_admin_auth_method_and_last_login_follow(self, client, bob):
        sign_in(client)
        first = Person.objects.get().properties
        client.post("/accounts/logout/")
        User.objects.get(pk=bob.pk).save()
        bob.role = "admin"
        bob.save(update_fields=["role"])
        sign_in(client)
        second = Person.objects.get().properties

        assert (first["role"], first["is_admin"]) == ("user", False)
        assert (second["role"], second["is_admin"]) == ("admin", True)
        assert second["auth_method"] == "local"
        assert second["last_login"] > first["last_login"]

    def test_04_a_failing_backend_never_breaks_sign_in(self, client, bob, analytics_on, posthog):
        posthog.answer = lambda _batch: (500, {}, b"")
        assert sign_in(client).status_code == 302
        assert delivery.deliver().error == "HTTP 500"

        assert client.get("/").status_code == 200

    def test_05_self_registration_and_demo_mode_are_honoured(self, client, bob, settings):
        assert client.get("/accounts/signup/").status_code == 403
        settings.ALLOW_SELF_REGISTER = True
        assert client.get("/accounts/signup/").status_code == 200
        settings.DEMO_MODE = True
        demo = User.objects.create_user("demo", password=PASSWORD)
        assert "demo" in client.get(LOGIN).content.decode()
        sign_in(client)
        assert "_auth_user_id" not in client.session
        sign_in(client, "demo")
        assert client.session["_auth_user_id"] == str(demo.pk)

    def test_06_a_second_start_never_leaves_two_running(self, bob):
        services.start_timer(bob)
        services.start_timer(bob)
        assert TimeEntry.objects.filter(ended_at=None).count() == 1

        finished = TimeEntry.objects.exclude(ended_at=None).get()
        finished.ended_at = None
        with pytest.raises(IntegrityError), transaction.atomic():
            finished.save()


RELEASE = threading.Event()


class Raising:
    """A backend that breaks its promise never to raise."""

    def __init__(self, config):
        """Nothing to configure."""

    def send(self, events):
        raise RuntimeError


class Hanging(Raising):
    """A backend that does not come back."""

    def send(self, events):
        RELEASE.wait(20)
        raise RuntimeError


class Failing(Raising):
    """A backend that delivers nothing."""

    def send(self, events):
        from analytics.backends.base import Answer

        return Answer(error="no")


def test_the_ping_function_itself_does_not_raise_either(analytics_on):
    analytics_on(BACKEND="tests.test_acceptance.Raising")
    assert telemetry.ping() == telemetry.Kind.INSTALL
