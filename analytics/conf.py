"""The `ANALYTICS` setting: typed, read when first needed, the only configuration of the app."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, get_type_hints

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

POSTHOG_BACKEND = "analytics.backends.posthog.PostHogBackend"
MOST = {"RETENTION_DAYS": 36_500, "MAX_WAITING": 1_000_000_000}


@dataclass(frozen=True)
class Config:
    """What a project may set in `ANALYTICS`, with the defaults."""

    POSTHOG_API_KEY: str = ""
    """The key of the PostHog project; without it nothing leaves."""
    POSTHOG_HOST: str = "https://app.posthog.com"
    """Where PostHog answers; the SDK maps app hosts to ingestion hosts."""
    POSTHOG_PERSONAL_API_KEY: str = ""
    """A personal key of PostHog's API: for setting up dashboards, and erasing persons there."""
    POSTHOG_PROJECT_ID: str = ""
    """The PostHog project's number, in the same API."""
    ENABLE_TELEMETRY: bool = False
    """Whether the installation itself is reported by `manage.py telemetry_ping`."""
    DO_NOT_TRACK: bool = False
    """Nothing leaves, whatever else is set."""
    APP_VERSION: str = "0"
    """The version of the project, on every event."""
    ENVIRONMENT: str = "production"
    """production, staging, development or test, on every event."""
    DEPLOYMENT_METHOD: str = "native"
    """docker or native, on every event."""
    PERSON_PROPERTIES: str = "analytics.identity.person_properties"
    """Dotted path of a function that describes a user: `{"$set": {…}, "$set_once": {…}}`."""
    CONSENT_FIELD: str = ""
    """The boolean of the user model that allows recording; empty where there is none."""
    BACKEND: str = POSTHOG_BACKEND
    """Dotted path of the class that takes batches of events."""
    DELIVERY_THREAD: bool = True
    """Whether each process that records events also delivers them, in a thread of its own."""
    RETENTION_DAYS: int = 90
    """Days for which an event is kept after it was delivered, rejected, or kept as local only."""
    MAX_WAITING: int = 1_000_000
    """Events that may wait; beyond that the oldest are dropped and counted."""
    STRICT: bool = False
    """Undeclared names and values raise, instead of being dropped and logged."""

    @property
    def closed_because(self) -> str | None:
        """Why nothing may leave this machine; None where events may."""
        if self.DO_NOT_TRACK:
            return "DO_NOT_TRACK is set"
        if self.BACKEND == POSTHOG_BACKEND and not self.POSTHOG_API_KEY:
            return "POSTHOG_API_KEY is not set"
        return None

    @property
    def telemetry_off_because(self) -> str | None:
        """Why the installation is not reported; None where it is."""
        return self.closed_because or (None if self.ENABLE_TELEMETRY else "ENABLE_TELEMETRY is off")


def problems(given: object) -> Iterator[tuple[str, str]]:
    """What is wrong with an `ANALYTICS` setting, as (check id, sentence)."""
    if not isinstance(given, Mapping):
        yield "analytics.E002", f"ANALYTICS must be a dictionary, not {type(given).__name__}."
        return
    types = get_type_hints(Config)
    for key, value in given.items():
        if key not in types:
            known = ", ".join(field.name for field in fields(Config))
            yield "analytics.E001", f"ANALYTICS has an unknown key {key!r}; known are {known}."
        elif not _is(types[key], value):
            wanted, found = types[key].__name__, type(value).__name__
            yield "analytics.E002", f"ANALYTICS[{key!r}] must be of type {wanted}, not {found}."
        elif types[key] is int and not 1 <= value <= MOST[key]:
            yield "analytics.E005", f"ANALYTICS[{key!r}] is {value}; allowed: 1 to {MOST[key]}."
        elif key == "POSTHOG_PROJECT_ID" and not re.fullmatch("[0-9]*", value):
            # Not repeated: a key put into the wrong place is still a secret.
            yield "analytics.E005", f"ANALYTICS[{key!r}] must be the project's number: digits only."


def _is(kind: type, value: object) -> bool:
    """Whether a value is of a kind; True is no number here."""
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


@cache
def get() -> Config:
    """The configuration. Raises `ImproperlyConfigured` for an unknown key or a wrong type."""
    given: Any = getattr(settings, "ANALYTICS", {})
    for _id, sentence in problems(given):
        raise ImproperlyConfigured(sentence)
    return Config(**given)


def _forget(*, setting: str, **_kwargs: object) -> None:
    if setting == "ANALYTICS":
        get.cache_clear()


setting_changed.connect(_forget, dispatch_uid="analytics.conf")
