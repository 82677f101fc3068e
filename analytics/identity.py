"""Who events belong to: the ids of persons on the wire, and how a project describes them."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.module_loading import import_string

from analytics import conf, context

if TYPE_CHECKING:
    from analytics.models import Person

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


def current_id(user_id: object) -> str:
    """The id of a person on the wire as the database has it now."""
    return _renewed(original_id(user_id))


def renew(user_id: object) -> str:
    """Give a person another id, after an erasure; returns it. Their local mirror is deleted."""
    from analytics.models import Person

    original = original_id(user_id)
    with transaction.atomic():
        forget(user_id)
        return Person.objects.create(
            distinct_id=str(uuid.uuid4()), original_id=original
        ).distinct_id


def every_id(user_id: object) -> list[str]:
    """All ids under which something may be kept of a person: the one they have now first.

    Before somebody has agreed anew, what they did stands under the id that they had until then.
    """
    return list(dict.fromkeys((current_id(user_id), original_id(user_id))))


def forget(user_id: object) -> None:
    """Delete a person's local mirror, and with it the id that they had."""
    original = original_id(user_id)
    _forget_looked_up()
    _mirrors(original).delete()


def begin(user_id: object) -> None:
    """Give another id to a person who agrees to be recorded and is not known here.

    They may have been erased, of which nothing is kept that would tell.
    """
    original = original_id(user_id)
    if _mirrors(original).exists():
        return
    _forget_looked_up()
    from analytics.models import Person

    Person.objects.get_or_create(original_id=original, defaults={"distinct_id": str(uuid.uuid4())})


def _mirrors(original: str) -> QuerySet[Person]:
    from analytics.models import Person

    return Person.objects.filter(Q(distinct_id=original) | Q(original_id=original))


def _forget_looked_up() -> None:
    if request := context.current():
        request.distinct_ids.clear()


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
