"""Who events belong to: the ids of persons on the wire, and how a project describes them."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from typing import Any

from django.utils.module_loading import import_string

from analytics import conf

Properties = dict[str, dict[str, Any]]
NIL = uuid.UUID(int=0)  # an illegal id for PostHog


def distinct_id(user_id: object) -> str:
    """The id of a person on the wire: a UUID key as it is, any other key under a secret.

    Keys such as 1 are the same in every installation, and some are illegal for PostHog.
    """
    if isinstance(user_id, uuid.UUID) and user_id != NIL:
        return str(user_id)
    from analytics.models import Installation

    secret = Installation.load().identity_secret
    digest = hmac.digest(secret.encode(), f"person:{user_id}".encode(), hashlib.sha256)
    return str(uuid.UUID(bytes=digest[:16], version=5))


def describe(user: Any) -> Properties:
    """What the project says of a user, by the function that it names in `PERSON_PROPERTIES`."""
    described: Properties = import_string(conf.get().PERSON_PROPERTIES)(user)
    return described


def person_properties(user: Any) -> Properties:
    """The default description, for Django's own user model."""
    is_admin = bool(getattr(user, "is_superuser", False))
    once = {"signup_method": "local"}
    if joined := getattr(user, "date_joined", None):
        once["first_login"] = joined.isoformat()
    return {
        "$set": {"role": "admin" if is_admin else "user", "is_admin": is_admin},
        "$set_once": once,
    }
