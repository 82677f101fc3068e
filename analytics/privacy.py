"""Consent, and the last guard against personal data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from django.contrib.auth import get_user_model

from analytics import conf, context

EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")


def may_record(user_id: object) -> bool:
    """Whether this person, and the browser they use right now, allow that anything is recorded."""
    request = context.current()
    if request and request.browser_objects and request.is_browser_of(user_id):
        return False
    return _consents(user_id, request)


def _consents(user_id: object, request: context.RequestContext | None) -> bool:
    """The person's own preference, looked up at most once a request."""
    consent_field = conf.get().CONSENT_FIELD
    if not consent_field:
        return True
    user = request.user_if(user_id) if request else None
    if user is not None:
        return bool(getattr(user, consent_field))
    known = request.consent if request else {}
    key = str(user_id)
    if key not in known:
        # The key's type is the project's own.
        people: Any = get_user_model()._default_manager.filter(pk=cast(Any, user_id))
        # Somebody who is not in the database cannot have agreed.
        known[key] = bool(people.values_list(consent_field, flat=True).first())
    return known[key]


def without_addresses(
    event: str, properties: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The properties in which no e-mail address stands, and a sentence for each in which one does.

    The allow-list lets none through; this guards against a kind that one day lets too much.
    """
    kept = {name: value for name, value in properties.items() if not EMAIL.search(str(value))}
    lost = properties.keys() - kept.keys()
    return kept, [f"{event}: the property {name!r} holds an e-mail address." for name in lost]
