"""Who events belong to: the ids of persons on the wire, and how a project describes them."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils.module_loading import import_string

from analytics import conf, context

Properties = dict[str, dict[str, Any]]
NIL = uuid.UUID(int=0)  # an illegal id for PostHog
# Stands on events of nobody in particular, which make no person.
NOBODY = "nobody-in-particular"


def primary_key(user_id: object) -> Any:
    """A key as the user model has it: one that went through JSON or an address is text.

    Raises Django's `ValidationError` for what is no key, `ValueError` for None.
    """
    key = get_user_model()._meta.pk.to_python(user_id)
    if key is None:
        raise ValueError("no person has this key")
    return key


def distinct_id(user_id: object) -> str:
    """The id of a person on the wire, looked up at most once a request.

    A UUID key as it is, any other key under a secret: keys such as 1 are the same in every
    installation, and some are illegal for PostHog. A person who comes back after an erasure has
    another one: PostHog does not take a deleted id back.
    """
    request = context.current()
    known = request.distinct_ids if request else {}
    key = str(user_id)
    if key not in known:
        known[key] = _renewed(original_id(user_id))
    return known[key]


def renew(user_id: object) -> str:
    """Give a person another id, after an erasure; returns it. Their local mirror is deleted."""
    from analytics.models import Person

    original = original_id(user_id)
    if request := context.current():
        request.distinct_ids.clear()
    with transaction.atomic():
        Person.objects.filter(Q(distinct_id=original) | Q(original_id=original)).delete()
        return Person.objects.create(
            distinct_id=str(uuid.uuid4()), original_id=original
        ).distinct_id


def _renewed(original: str) -> str:
    from analytics.models import Person

    found = Person.objects.filter(original_id=original).values_list("distinct_id", flat=True)
    return found.first() or original


def original_id(user_id: object) -> str:
    """The id of a person on the wire before any erasure; see `distinct_id`."""
    key = primary_key(user_id)
    if isinstance(key, uuid.UUID) and key != NIL:
        return str(key)
    request = context.current()
    known = request.original_ids if request else {}
    if key not in known:
        known[key] = _hidden(key)
    return known[key]


def _hidden(key: object) -> str:
    from analytics.models import Installation

    secret = Installation.load().identity_secret
    digest = hmac.digest(secret.encode(), f"person:{key}".encode(), hashlib.sha256)
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
