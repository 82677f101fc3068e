"""What all tests share: the four characters, and a PostHog of our own."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.utils import translation

from analytics import conf, dropped, outbox
from tests.capture import CaptureServer, capture_server

PASSWORD = "correct horse battery staple"


def need(found: object, sentence: str) -> None:
    """Skip a test whose tool is not on this machine; on CI that is a failure."""
    if found:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{sentence} CI must have it.")
    pytest.skip(sentence)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """No test sees what another one cached or was warned of."""
    outbox.warn_once.cache_clear()
    dropped._counts.clear()
    conf.get.cache_clear()
    yield
    conf.get.cache_clear()
    translation.deactivate()  # LocaleMiddleware leaves that to the next request


@pytest.fixture
def posthog() -> Iterator[CaptureServer]:
    """A capture server."""
    with capture_server() as server:
        yield server


@pytest.fixture
def analytics_on(settings: Any, posthog: CaptureServer) -> Callable[..., None]:
    """Point `ANALYTICS` at the capture server; call it to change keys."""

    def change(**keys: Any) -> None:
        settings.ANALYTICS = {**settings.ANALYTICS, **keys}

    change(POSTHOG_API_KEY="phc_tests", POSTHOG_HOST=posthog.url, ENABLE_TELEMETRY=True)
    return change


@pytest.fixture
def nested_loops(db: None) -> None:
    """PostgreSQL's planner takes them for small tables, or where it knows little of them."""
    if connection.vendor != "postgresql":
        pytest.skip("Elsewhere a subquery is asked once.")
    with connection.cursor() as cursor:
        for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material"):
            cursor.execute(f"SET LOCAL enable_{way} = off")


@pytest.fixture
def alice(db: None) -> Any:
    """An admin."""
    return _person("alice", role="admin")


@pytest.fixture
def bob(db: None) -> Any:
    """A user."""
    return _person("bob")


@pytest.fixture
def charlie(db: None) -> Any:
    """Another user, to whom none of bob's things belong."""
    return _person("charlie")


@pytest.fixture
def dora(db: None) -> Any:
    """A manager."""
    return _person("dora", role="manager")


def _person(name: str, **fields: Any) -> Any:
    from accounts.models import User

    return User.objects.create_user(name, f"{name}@example.org", PASSWORD, **fields)
