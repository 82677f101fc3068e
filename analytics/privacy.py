"""Consent, and the last guard against personal data."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.auth import get_user_model

from analytics import conf, context

EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")


def may_record(key: Any) -> bool:
    """Whether this person, and the browser they use right now, allow that anything is recorded."""
    request = context.current()
    if request and request.browser_objects and request.is_browser_of(key):
        return False
    return _consents(key, request)


def _consents(key: Any, request: context.RequestContext | None) -> bool:
    """The person's own preference, looked up at most once a request."""
    consent_field = conf.get().CONSENT_FIELD
    if not consent_field:
        return True
    known = request.consent if request else {}
    if key not in known:
        user = request.loaded_user(key) if request else None
        known[key] = bool(getattr(user, consent_field)) if user else stored(key, consent_field)
    return known[key]


def stored(key: Any, consent_field: str) -> bool:
    """What the database says of a person's preference."""
    # Somebody who is not in the database cannot have agreed.
    people = get_user_model()._default_manager.filter(pk=key)
    return bool(people.values_list(consent_field, flat=True).first())


def objectors(distinct_ids: Collection[str]) -> set[str]:
    """Of these ids those whose persons have opted out; asks for each who has, for admins alone."""
    from analytics import identity
    from analytics.models import Person

    consent_field = conf.get().CONSENT_FIELD
    if not consent_field or not distinct_ids:
        return set()
    renewed = Person.objects.filter(distinct_id__in=distinct_ids, original_id__isnull=False)
    original = dict(renewed.values_list("distinct_id", "original_id"))
    silent = get_user_model()._default_manager.filter(**{consent_field: False})
    theirs = {identity.original_id(key) for key in silent.values_list("pk", flat=True)}
    return {one for one in distinct_ids if original.get(one, one) in theirs}


def changed(key: Any, consents: bool) -> None:
    """Note what a person has just decided, for the rest of the request in hand."""
    if request := context.current():
        request.consent[key] = consents


def without_addresses(
    event: str, properties: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The properties in which no e-mail address stands, and a sentence for each in which one does.

    The allow-list lets none through; this guards against a kind that one day lets too much.
    """
    if "@" not in repr(properties):
        return dict(properties), []
    kept = {name: value for name, value in properties.items() if not EMAIL.search(str(value))}
    lost = properties.keys() - kept.keys()
    return kept, [f"{event}: the property {name!r} holds an e-mail address." for name in lost]
