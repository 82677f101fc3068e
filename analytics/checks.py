"""System checks: a wrong configuration speaks before it surprises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.exceptions import FieldDoesNotExist
from django.utils.module_loading import import_string

from analytics import conf, installation
from analytics.events import CONTEXT

MIDDLEWARE = "analytics.middleware.AnalyticsMiddleware"


def check_settings(**_kwargs: Any) -> list[checks.CheckMessage]:
    """E001 unknown key, E002 wrong type, E003 bad path, E004 no such field, E005 value."""
    given = getattr(settings, "ANALYTICS", {})
    problems = list(conf.problems(given)) or list(_dangling(conf.get()))
    found: list[checks.CheckMessage] = [
        checks.Error(sentence, id=check_id) for check_id, sentence in problems
    ]
    if MIDDLEWARE not in settings.MIDDLEWARE:
        hint = f"Add {MIDDLEWARE!r} to MIDDLEWARE, after the authentication middleware."
        found.append(
            checks.Warning("Events carry no request context.", hint=hint, id="analytics.W001")
        )
    return found


def _dangling(config: conf.Config) -> Iterator[tuple[str, str]]:
    """What is named in the configuration and is not there."""
    for key in ("BACKEND", "PERSON_PROPERTIES"):
        path = getattr(config, key)
        try:
            import_string(path)
        except ImportError as error:
            yield (
                "analytics.E003",
                f"ANALYTICS[{key!r}] is {path!r}, which cannot be used: {error}.",
            )
    for name, kind in CONTEXT.items():
        value = installation.context()[name]
        try:
            kind.clean(value)
        except ValueError as error:
            yield "analytics.E005", f"ANALYTICS[{name.upper()!r}] is {value!r}, which {error}."
    field = config.CONSENT_FIELD
    try:
        if field:
            get_user_model()._meta.get_field(field)
    except FieldDoesNotExist:
        yield (
            "analytics.E004",
            f"ANALYTICS['CONSENT_FIELD'] is {field!r}: no field of the user model.",
        )


def register() -> None:
    """Hook the checks into `manage.py check`."""
    checks.register(check_settings, "analytics")
