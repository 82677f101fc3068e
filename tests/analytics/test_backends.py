"""The three backends, each against the contract that every backend keeps."""

import io
import json
import subprocess
import sys

import pytest
from posthog.version import VERSION

import analytics
from analytics import delivery
from analytics.backends import base, locmem
from analytics.backends.console import ConsoleBackend
from analytics.backends.locmem import LocmemBackend
from analytics.backends.posthog import PostHogBackend
from analytics.conf import Config
from analytics.models import Event, State
from analytics.testing import BackendContract
from tests.processes import ROOT, free_port

HOMES = {
    "console": "analytics.backends.console.ConsoleBackend",
    "locmem": "analytics.backends.locmem.LocmemBackend",
}


class TestPostHogKeepsTheContract(BackendContract):
    """Against a server that speaks PostHog's protocol."""

    @pytest.fixture(autouse=True)
    def _server(self, posthog):
        self.server = posthog

    def backend(self):
        return PostHogBackend(Config(POSTHOG_API_KEY="phc_tests", POSTHOG_HOST=self.server.url))

    def received(self):
        return self.server.events

    def broken(self):
        nobody = f"http://127.0.0.1:{free_port()}"
        return PostHogBackend(Config(POSTHOG_API_KEY="phc_tests", POSTHOG_HOST=nobody))


class TestConsoleKeepsTheContract(BackendContract):
    @pytest.fixture(autouse=True)
    def _stream(self):
        self.stream = io.StringIO()

    def backend(self):
        return ConsoleBackend(Config(), self.stream)

    def received(self):
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def broken(self):
        closed = io.StringIO()
        closed.close()
        return ConsoleBackend(Config(), closed)


class TestLocmemKeepsTheContract(BackendContract):
    @pytest.fixture(autouse=True)
    def _empty(self):
        locmem.messages.clear()
        yield
        locmem.messages.clear()

    def backend(self):
        return LocmemBackend(Config())

    def received(self):
        return locmem.messages


class TestContract:
    """A contract that nobody can break holds nothing."""

    class Liar(TestLocmemKeepsTheContract):
        """Says that it has delivered, and keeps nothing."""

        __test__ = False

        def received(self):
            return []

    def test_it_fails_for_a_backend_that_loses_events(self):
        with pytest.raises(AssertionError, match=r"received: \[\], expected \['"):
            self.Liar().test_it_delivers_a_batch_in_its_order()

    def test_it_runs_under_unittest(self):
        code = """
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes",
                                   "django.contrib.sessions", "analytics"])
django.setup()
from django.test import SimpleTestCase
from analytics.backends import locmem
from analytics.conf import Config
from analytics.testing import BackendContract
import sys, unittest

class Contract(BackendContract, SimpleTestCase):
    def setUp(self): locmem.messages.clear()
    def backend(self): return locmem.LocmemBackend(Config())
    def received(self): return locmem.messages

del BackendContract
unittest.main(verbosity=2, exit=False)
print(*sorted(name for name in sys.modules if name in ("pytest", "_pytest", "posthog", "requests")))
"""
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
        )

        assert "OK (skipped=1)" in done.stderr, done.stderr
        assert done.stdout.strip() == ""  # neither pytest nor the SDK was needed


@pytest.mark.django_db
@pytest.mark.parametrize("home", HOMES.values(), ids=HOMES)
class TestWithoutAKey:
    def test_it_delivers_without_a_key(self, home, bob, settings):
        settings.ANALYTICS = {**settings.ANALYTICS, "BACKEND": home, "POSTHOG_API_KEY": ""}
        analytics.track_event(bob.pk, "auth.login", {"auth_method": "local"})

        assert delivery.deliver().delivered == 1
        assert Event.objects.get().state == State.DELIVERED

    def test_do_not_track_closes_it_all_the_same(self, home, bob, settings, capsys):
        settings.ANALYTICS = {**settings.ANALYTICS, "BACKEND": home, "DO_NOT_TRACK": True}
        locmem.messages.clear()
        analytics.track_event(bob.pk, "auth.login")

        assert delivery.deliver().delivered == 0
        assert (capsys.readouterr().out, locmem.messages) == ("", [])


@pytest.mark.django_db
def test_the_console_prints_what_posthog_would_get(bob, analytics_on, posthog, capsys):
    event_uuid = analytics.track_event(bob.pk, "auth.login", {"auth_method": "local"})
    delivery.deliver()
    Event.objects.update(state=State.WAITING)
    analytics_on(BACKEND=HOMES["console"])
    delivery.deliver(everything=True)

    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert [json.loads(printed)] == posthog.events
    assert json.loads(printed)["uuid"] == str(event_uuid)


def test_the_console_is_standard_output_unless_told_otherwise():
    assert ConsoleBackend(Config()).stream is sys.stdout


def test_the_console_keeps_what_it_could_not_print():
    """A stream that fills up after the first line."""

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            if self.getvalue():
                raise OSError(28, "No space left on device")
            return super().write(text)

    contract = TestConsoleKeepsTheContract()
    first, second = contract.event(), contract.event()
    answer = ConsoleBackend(Config(), Full()).send([first, second])

    assert answer == base.Answer(delivered=[first.uuid], error="OSError")


def test_it_names_the_sdk_that_is_installed():
    assert base.sdk_version() == VERSION


def test_it_names_none_where_there_is_none(monkeypatch):
    monkeypatch.setattr(
        base, "version", lambda _name: (_ for _ in ()).throw(base.PackageNotFoundError)
    )
    base.sdk_version.cache_clear()
    try:
        assert base.sdk_version() == "0"
    finally:
        base.sdk_version.cache_clear()
