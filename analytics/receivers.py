"""Signing in and out, and opting out, seen through Django's own signals: whatever door it was."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_save
from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string

import analytics
from analytics import conf, patience
from analytics.catalogue import UndeclaredError
from analytics.savepoints import can_commit

logger = logging.getLogger("analytics")


def connect() -> None:
    """Listen to what happens to people."""
    user_logged_in.connect(on_login, dispatch_uid="analytics.on_login")
    user_logged_out.connect(on_logout, dispatch_uid="analytics.on_logout")
    user_login_failed.connect(on_login_failed, dispatch_uid="analytics.on_login_failed")
    user = settings.AUTH_USER_MODEL
    pre_save.connect(on_user_saving, sender=user, dispatch_uid="analytics.on_user_saving")
    post_save.connect(on_user_saved, sender=user, dispatch_uid="analytics.on_user_saved")
    post_delete.connect(on_user_deleted, sender=user, dispatch_uid="analytics.on_user_deleted")


def never_breaks(receiver: Callable[..., None]) -> Callable[..., None]:
    """Keep the failures of a receiver from the sender: a raising one would break the sign-in.

    But for one that has cost the sender their transaction; see `outbox.never_raises`.
    """

    @wraps(receiver)
    def safely(*args: Any, **kwargs: Any) -> None:
        committable = can_commit()
        try:
            receiver(*args, **kwargs)
        except UndeclaredError:
            raise
        except Exception as error:  # no traceback: its message could hold what a person typed
            logger.error("%s failed: %s.", receiver.__name__, type(error).__name__)
            if committable and not can_commit():
                raise
            patience.let_go(error)

    return safely


@never_breaks
def on_login(request: HttpRequest | None, user: Any, **_kwargs: Any) -> None:
    """Identify the person and record `auth.login`."""
    from analytics import identity

    config = conf.get()
    method = auth_method(request, user)
    described = identity.describe(user)
    now = {
        "auth_method": method,
        "last_login": timezone.now(),  # the column may not be written yet
        "app_version": config.APP_VERSION,
        "deployment_method": config.DEPLOYMENT_METHOD,
    }
    analytics.identify_user(
        user.pk,
        {"$set": {**described.get("$set", {}), **now}, "$set_once": described.get("$set_once", {})},
    )
    analytics.track_event(user.pk, "auth.login", {"auth_method": method})


@never_breaks
def on_logout(user: Any, **_kwargs: Any) -> None:
    """Record `auth.logout`; signing out twice is nobody's."""
    if user is not None:
        analytics.track_event(user.pk, "auth.logout")


@never_breaks
def on_login_failed(**_kwargs: Any) -> None:
    """Record `auth.login_failed`, of nobody: who it was meant to be is no business of ours."""
    from analytics import outbox

    outbox.record_anonymous("auth.login_failed")


@never_breaks
def on_user_saving(
    instance: Any, raw: bool = False, update_fields: Any = None, **_kwargs: Any
) -> None:
    """Have a person who agrees to be recorded, and did not before, begin under an id of their own.

    Before they are saved: a consent must never stand beside the id that an erasure gave up.
    """
    from analytics import identity, privacy

    field = conf.get().CONSENT_FIELD
    if not _concerns(field, raw, update_fields) or not getattr(instance, field):
        return
    if not instance._state.adding and not privacy.stored(instance.pk, field):
        identity.begin(instance.pk)


@never_breaks
def on_user_saved(
    instance: Any, raw: bool = False, update_fields: Any = None, **_kwargs: Any
) -> None:
    """Delete what waits of a person who does not share, and record no more of this request."""
    from analytics import outbox, privacy

    field = conf.get().CONSENT_FIELD
    if not _concerns(field, raw, update_fields):
        return
    privacy.changed(instance.pk, bool(getattr(instance, field)))
    if not getattr(instance, field):

        def forget() -> None:  # no `partial`: Django asks what fails for its name
            outbox.forget_waiting(instance.pk)

        forget()
        # Once more for what others committed meanwhile.
        transaction.on_commit(forget, robust=True)


def _concerns(field: str, raw: bool, update_fields: Any) -> bool:
    """Whether a saving can have changed the consent field."""
    return bool(field) and not raw and (update_fields is None or field in update_fields)


def on_user_deleted(instance: Any, **_kwargs: Any) -> None:
    """Erase the person of a deleted account, too: both in one transaction, or neither."""
    from analytics import erasure

    erasure.erase_deleted(instance.pk)


def auth_method(request: HttpRequest | None, user: Any) -> str:
    """How somebody signed in: what their authentication backend's class calls `auth_method`."""
    path = getattr(user, "backend", None)
    if path is None and request is not None:
        path = request.session.get(BACKEND_SESSION_KEY)
    return str(getattr(import_string(path), "auth_method", "local")) if path else "local"
