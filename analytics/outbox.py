"""The durable queue: events are recorded in the caller's transaction, leased in batches, settled.

Recording never raises into the caller, except for undeclared names and values in strict mode.
"""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

from django.db import transaction
from django.db.models import F, Min, QuerySet
from django.utils import timezone

from analytics import catalogue, conf, context, delivery, identity, privacy
from analytics.catalogue import UndeclaredError
from analytics.events import CONTEXT

logger = logging.getLogger("analytics")

LEASE = timedelta(seconds=60)
BATCH = 100  # events, the SDK's own size of a batch
LONGEST_PAUSE = 300  # seconds between two tries

P = ParamSpec("P")
R = TypeVar("R")


@cache
def warn_once(sentence: str) -> None:
    """Log a cause once in the life of the process, not once per event."""
    logger.warning("%s", sentence)


def never_raises(record: Callable[P, R]) -> Callable[P, R | None]:
    """Make a recording function safe to call anywhere: its errors are logged, not the caller's."""

    @wraps(record)
    def safely(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            # A savepoint within a transaction: a failing statement of ours does not break theirs.
            with transaction.atomic():
                return record(*args, **kwargs)
        except UndeclaredError:
            raise
        except Exception as error:  # whatever it is, it is not the caller's
            warn_once(f"Events are lost: {type(error).__name__} in {record.__name__}.")
            return None

    return safely


# --- recording ---------------------------------------------------------------------------------


@never_raises
def record_for_user(user_id: object, event: str, properties: Mapping[str, Any]) -> uuid.UUID | None:
    """Record an event of a person; see `analytics.track_event`."""
    cleaned = _allowed(*catalogue.clean_event(event, properties))
    if cleaned is None or not privacy.may_record(user_id):
        return None
    return _insert(event, identity.distinct_id(user_id), {**_request(), **cleaned})


@never_raises
def record_person(user_id: object, properties: identity.Properties) -> uuid.UUID | None:
    """Record what is known of a person; see `analytics.identify_user`."""
    if not privacy.may_record(user_id):
        return None
    return insert_person(identity.distinct_id(user_id), properties, _request())


def _request() -> dict[str, Any]:
    """What the request in hand puts on every event of a person."""
    request = context.current()
    return request.properties if request else {}


def insert_person(
    distinct_id: str, properties: identity.Properties, about: Mapping[str, Any]
) -> uuid.UUID | None:
    """Record `$set` and `$set_once` of a person or of the installation, and mirror them.

    `about` stands on the event beside them.
    """
    unknown = [f"Persons: {key!r} is neither of {SETTERS}." for key in properties.keys() - SETTERS]
    _allowed({}, unknown)
    wire = {
        key: _allowed(*catalogue.clean(key, catalogue.person_properties, properties[key])) or {}
        for key in sorted(SETTERS & properties.keys())
    }
    _mirror(distinct_id, wire)
    return _insert("$set", distinct_id, {**about, **wire})


SETTERS = frozenset({"$set", "$set_once"})


def _mirror(distinct_id: str, wire: Mapping[str, dict[str, Any]]) -> None:
    from analytics.models import Person

    Person.objects.get_or_create(distinct_id=distinct_id)
    person = Person.objects.select_for_update().get(distinct_id=distinct_id)
    person.properties = {**wire.get("$set_once", {}), **person.properties, **wire.get("$set", {})}
    person.save()


@never_raises
def record_group(group_type: str, key: str, properties: Mapping[str, Any]) -> uuid.UUID | None:
    """Record what is known of a group; see `analytics.identify_group`."""
    from analytics.models import Installation

    if conf.get().telemetry_off_because:
        return None
    return insert_group(Installation.load().fingerprint, group_type, key, properties)


def insert_group(
    distinct_id: str, group_type: str, key: str, properties: Mapping[str, Any]
) -> uuid.UUID | None:
    """Record the properties of a group, told by `distinct_id`."""
    cleaned = _allowed(*catalogue.clean_group(group_type, properties))
    if cleaned is None:
        return None
    group = {"$group_type": group_type, "$group_key": str(key), "$group_set": cleaned}
    return _insert("$groupidentify", distinct_id, group)


def insert_event(
    distinct_id: str, event: str, properties: Mapping[str, Any], groups: Mapping[str, str]
) -> uuid.UUID | None:
    """Record a declared event of the installation, which belongs to groups."""
    cleaned = _allowed(*catalogue.clean_event(event, properties))
    if cleaned is None:
        return None
    return _insert(event, distinct_id, {**cleaned, "$groups": dict(groups)})


def _allowed(cleaned: dict[str, Any] | None, refused: list[str]) -> dict[str, Any] | None:
    """What may leave; what may not raises in strict mode, else it is left out and said once."""
    if refused and conf.get().STRICT:
        raise UndeclaredError(" ".join(refused))
    for sentence in refused:
        warn_once(f"Left out. {sentence}")
    return cleaned


def _insert(event: str, distinct_id: str, properties: dict[str, Any]) -> uuid.UUID | None:
    from analytics.models import Event, State

    config = conf.get()
    given = {name: getattr(config, name.upper()) for name in CONTEXT}
    about = _allowed(*catalogue.clean("ANALYTICS", CONTEXT, given)) or {}
    impersonal = _allowed(*privacy.without_addresses(event, {**properties, **about}))
    row = Event.objects.create(
        event=event,
        distinct_id=distinct_id,
        properties=impersonal,
        state=State.LOCAL if config.closed_because else State.WAITING,
    )
    if row.state == State.WAITING:
        transaction.on_commit(delivery.wake, robust=True)
    return row.uuid


# --- delivering --------------------------------------------------------------------------------


def _waiting() -> QuerySet[Any]:
    from analytics.models import Event, State

    return Event.objects.filter(state=State.WAITING)


def lease(*, everything: bool = False, limit: int = BATCH) -> tuple[uuid.UUID, list[Any]]:
    """Take the oldest rows that are due: (the lease's token, the rows).

    No other process gets them until the lease runs out. `everything` takes rows whose next try lies
    in the future, too, but never those that another lease holds.
    """
    now = timezone.now()
    token = uuid.uuid4()
    due = _waiting().filter(due_at__lte=now)
    if everything:
        due = _waiting().exclude(lease__isnull=False, due_at__gt=now)
    chosen = due.order_by("due_at", "id").select_for_update(skip_locked=True).values("id")[:limit]
    with transaction.atomic():
        _waiting().filter(id__in=chosen).update(
            lease=token, due_at=now + LEASE, attempts=F("attempts") + 1
        )
    return token, list(_waiting().filter(lease=token).order_by("id"))


def _held(token: uuid.UUID) -> QuerySet[Any]:
    """The rows of a lease that has not run out: an answer that comes later settles nothing."""
    return _waiting().filter(lease=token, due_at__gt=timezone.now())


def settle_delivered(token: uuid.UUID, uuids: list[uuid.UUID]) -> int:
    """The peer has these."""
    from analytics.models import State

    return (
        _held(token)
        .filter(uuid__in=uuids)
        .update(state=State.DELIVERED, lease=None, settled_at=timezone.now(), last_error="")
    )


def settle_rejected(token: uuid.UUID, event_uuid: uuid.UUID, reason: str) -> int:
    """The peer will never take this one; its words are kept."""
    from analytics.models import State

    return (
        _held(token)
        .filter(uuid=event_uuid)
        .update(
            state=State.REJECTED, lease=None, settled_at=timezone.now(), last_error=reason[:500]
        )
    )


def settle_later(
    token: uuid.UUID, rows: list[Any], reason: str, retry_after: float | None = None
) -> None:
    """Try these again: exponential pauses with jitter, or when the peer asked for it."""
    for attempts in {row.attempts for row in rows}:
        pause = retry_after if retry_after is not None else pause_after(attempts)
        uuids = [row.uuid for row in rows if row.attempts == attempts]
        _held(token).filter(uuid__in=uuids).update(
            lease=None, due_at=timezone.now() + timedelta(seconds=pause), last_error=reason[:500]
        )


def pause_after(attempts: int) -> float:
    """Seconds until the next try: 1, 2, 4 … five minutes, times 0.5 to 1.5."""
    jitter = random.uniform(0.5, 1.5)  # noqa: S311 - no secret rests on it
    return float(min(2 ** min(attempts - 1, 16), LONGEST_PAUSE) * jitter)


def next_due() -> datetime | None:
    """When the next waiting row is due; None where nothing waits."""
    moment: datetime | None = _waiting().aggregate(first=Min("due_at"))["first"]
    return moment
