"""Signing in, seen through Django's own signal: whatever door it went through."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string

import analytics
from analytics.catalogue import UndeclaredError

logger = logging.getLogger("analytics")


def connect() -> None:
    """Listen to sign-ins."""
    user_logged_in.connect(on_login, dispatch_uid="analytics.on_login")


def on_login(request: HttpRequest | None, user: Any, **_kwargs: Any) -> None:
    """Identify the person and record `auth.login`; a failure here never breaks the sign-in."""
    from analytics import identity

    try:
        method = auth_method(request, user)
        described = identity.describe(user)
        now = {"auth_method": method, "last_login": timezone.now()}
        analytics.identify_user(
            user.pk,
            {
                "$set": {**described.get("$set", {}), **now},
                "$set_once": described.get("$set_once", {}),
            },
        )
        analytics.track_event(user.pk, "auth.login", {"auth_method": method})
    except UndeclaredError:
        raise
    except Exception as error:  # no traceback: its message could hold what a person typed
        logger.error("A sign-in could not be recorded: %s.", type(error).__name__)


def auth_method(request: HttpRequest | None, user: Any) -> str:
    """How somebody signed in: what their authentication backend's class calls `auth_method`."""
    path = getattr(user, "backend", None)
    if path is None and request is not None:
        path = request.session.get(BACKEND_SESSION_KEY)
    return str(getattr(import_string(path), "auth_method", "local")) if path else "local"
