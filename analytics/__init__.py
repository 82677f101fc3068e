"""Product analytics and installation telemetry for Django, kept in a durable queue.

    import analytics

    analytics.track_event(user.id, "feature.used", {"feature_name": "export", "format": "csv"})
    analytics.identify_user(user.id, {"$set": {"role": "admin"}, "$set_once": {"signup_date": "…"}})

Call these through the module, so that a test's `@patch("analytics.track_event")` sees every call.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from asgiref.sync import sync_to_async

__all__ = [
    "aidentify_group",
    "aidentify_user",
    "atrack_event",
    "identify_group",
    "identify_user",
    "track_event",
]


def track_event(
    user_id: object, event: str, properties: Mapping[str, Any] | None = None
) -> uuid.UUID | None:
    """Record that a person did something; the row is part of the caller's transaction.

    `user_id` is the person's primary key; `event` and `properties` are declared in an `events.py`.
    Returns the event's UUID, or None where nothing was recorded. Never waits for the network and
    never raises, except for undeclared names and values where `ANALYTICS["STRICT"]` is on.
    """
    from analytics import outbox

    return outbox.record_for_user(user_id, event, properties)


def identify_user(user_id: object, properties: Mapping[str, Mapping[str, Any]]) -> uuid.UUID | None:
    """Record what is known of a person: `{"$set": {…}, "$set_once": {…}}`, both optional.

    Returns and raises as `track_event` does.
    """
    from analytics import outbox

    return outbox.record_person(user_id, properties)


def identify_group(group_type: str, key: str, properties: Mapping[str, Any]) -> uuid.UUID | None:
    """Record what is known of a group of installations, such as those of one version.

    Returns and raises as `track_event` does.
    """
    from analytics import outbox

    return outbox.record_group(group_type, key, properties)


async def atrack_event(
    user_id: object, event: str, properties: Mapping[str, Any] | None = None
) -> uuid.UUID | None:
    """`track_event` for async code."""
    return await sync_to_async(track_event)(user_id, event, properties)


async def aidentify_user(
    user_id: object, properties: Mapping[str, Mapping[str, Any]]
) -> uuid.UUID | None:
    """`identify_user` for async code."""
    return await sync_to_async(identify_user)(user_id, properties)


async def aidentify_group(
    group_type: str, key: str, properties: Mapping[str, Any]
) -> uuid.UUID | None:
    """`identify_group` for async code."""
    return await sync_to_async(identify_group)(group_type, key, properties)
