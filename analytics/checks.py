"""System checks: a wrong configuration speaks before it surprises."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from analytics import conf

MIDDLEWARE = "analytics.middleware.AnalyticsMiddleware"


def check_settings(**_kwargs: Any) -> list[checks.CheckMessage]:
    """E001 unknown key, E002 wrong type, W001 missing middleware."""
    given = getattr(settings, "ANALYTICS", {})
    found: list[checks.CheckMessage] = [
        checks.Error(sentence, id=check_id) for check_id, sentence in conf.problems(given)
    ]
    if MIDDLEWARE not in settings.MIDDLEWARE:
        hint = f"Add {MIDDLEWARE!r} to MIDDLEWARE, after the authentication middleware."
        found.append(
            checks.Warning("Events carry no request context.", hint=hint, id="analytics.W001")
        )
    return found


def register() -> None:
    """Hook the checks into `manage.py check`."""
    checks.register(check_settings, "analytics")
