"""The durable queue: events are recorded in the caller's transaction, leased in batches, settled.

Recording never raises into the caller, except for undeclared names and values in strict mode.
"""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from datetime import datetime, timedelta
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

from django.core.exceptions import SynchronousOnlyOperation
from django.db import connections, transaction
from django.db.models import F, Min, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from analytics import (
    catalogue,
    conf,
    context,
    delivery,
    dropped,
    identity,
    installation,
    journal,
    patience,
    privacy,
    ratelimit,
)
from analytics.backends.base import Outgoing
from analytics.catalogue import UndeclaredError
from analytics.events import CONTEXT
from analytics.savepoints import apart, can_commit

logger = logging.getLogger("analytics")

LEASE = timedelta(seconds=60)
BATCH = 500  # events, some 300 kB; a statement of the database holds as many ids
SHORTEST_PAUSE, LONGEST_PAUSE = 1, 300  # seconds between two tries
LONGEST_REST = timedelta(hours=1)  # however long the peer asks to be left alone
ANONYMOUS_LIMIT = 60  # events of a name a minute: whoever guesses passwords fills no table

P = ParamSpec("P")
R = TypeVar("R")


@lru_cache(maxsize=1024)
def warn_once(sentence: str) -> None:
    """Log a cause once in the life of the process, not once per event."""
    logger.warning("%s", sentence)


def never_raises(record: Callable[P, R]) -> Callable[P, R | None]:
    """Make a recording function safe to call anywhere: its errors are logged, not the caller's.

    But for one that has cost the caller their transaction: they must not believe it saved.
    """

    def in_savepoint(*args: P.args, **kwargs: P.kwargs) -> R:
        # Within the caller's transaction a failing statement of ours must not break it. Outside of
        # one, a lock of somebody else's must not hold up the page.
        inside = transaction.get_connection().in_atomic_block
        with apart() if inside else patience.briefly():
            return record(*args, **kwargs)

    @wraps(record)
    def safely(*args: P.args, **kwargs: P.kwargs) -> R | None:
        committable = can_commit()
        try:
            try:
                return in_savepoint(*args, **kwargs)
            except SynchronousOnlyOperation:
                # Called from async code without `await`: slower than the async twin, and outside
                # of any transaction, but kept.
                return _in_a_thread(in_savepoint, *args, **kwargs)
        except UndeclaredError:
            raise
        except Exception as error:  # whatever it is, it is not the caller's
            lost(f"{type(error).__name__} in {record.__name__}")
            if committable and not can_commit():
                raise
            patience.let_go(error)
            return None

    return safely


def lost(why: str) -> None:
    """Say once, and count, that something could not be recorded."""
    warn_once(f"Events are lost: {why}.")
    dropped.note(f"Not recorded: {why}.")


def _in_a_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The result of `work`, done in a thread of its own with the caller's context."""

    def run() -> R:
        try:
            return work(*args, **kwargs)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(copy_context().run, run).result()


# --- recording ---------------------------------------------------------------------------------


@never_raises
def record_for_user(
    user_id: object, event: str, properties: Mapping[str, Any] | None
) -> uuid.UUID | None:
    """Record an event of a person; see `analytics.track_event`."""
    given = {} if properties is None else properties
    cleaned = _allowed(*catalogue.clean_event(event, given))
    if cleaned is None:
        return None
    key = identity.primary_key(user_id)
    if not privacy.may_record(key):
        return None
    return _insert(event, identity.original_id(key), {**of_request(), **cleaned})


def insert_of_person(
    distinct_id: str, event: str, properties: Mapping[str, Any]
) -> uuid.UUID | None:
    """Record a declared event as `record_for_user` does, whoever may be recorded: for samples."""
    cleaned = _allowed(*catalogue.clean_event(event, properties))
    return None if cleaned is None else _insert(event, distinct_id, {**of_request(), **cleaned})


@never_raises
def record_anonymous(event: str) -> uuid.UUID | None:
    """Record an event of nobody in particular, at most `ANONYMOUS_LIMIT` of a name a minute."""
    return insert_of_nobody(event, {}, of_request()) if _within_limit(event) else None


def insert_of_nobody(
    event: str, properties: Mapping[str, Any], about: Mapping[str, Any]
) -> uuid.UUID | None:
    """Record a declared event of nobody in particular; `about` stands beside its properties."""
    cleaned = _allowed(*catalogue.clean_event(event, properties))
    if cleaned is None:
        return None
    nobody = {"$process_person_profile": False}
    return _insert(event, identity.NOBODY, {**about, **cleaned, **nobody})


def _within_limit(event: str) -> bool:
    return ratelimit.claim(f"analytics.{event}", ANONYMOUS_LIMIT)


@never_raises
def record_person(user_id: object, properties: Mapping[str, Mapping[str, Any]]) -> uuid.UUID | None:
    """Record what is known of a person; see `analytics.identify_user`."""
    key = identity.primary_key(user_id)
    if not privacy.may_record(key):
        return None
    return insert_person(identity.distinct_id(key), properties, of_request())


def of_request() -> dict[str, Any]:
    """What the request in hand puts on every event of a person."""
    request = context.current()
    return request.properties if request else {}


def insert_person(
    distinct_id: str, properties: Mapping[str, Mapping[str, Any]], about: Mapping[str, Any]
) -> uuid.UUID | None:
    """Record `$set` and `$set_once` of a person or of the installation, and mirror them.

    `about` stands on the event beside them.
    """
    unknown = properties.keys() - SETTERS
    _allowed({}, [f"Persons: {catalogue.shown(key)} is not of the protocol." for key in unknown])
    wire = {
        key: _allowed(*catalogue.clean(key, catalogue.person_properties, properties[key])) or {}
        for key in sorted(SETTERS & properties.keys())
    }
    with transaction.atomic():
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
    return insert_group(Installation.load_salted().fingerprint, group_type, key, properties)


def insert_group(
    distinct_id: str, group_type: str, key: str, properties: Mapping[str, Any]
) -> uuid.UUID | None:
    """Record the properties of a group, told by `distinct_id`."""
    group = _allowed(*catalogue.clean_group(group_type, key, properties))
    return None if group is None else _insert("$groupidentify", distinct_id, group)


def insert_event(
    distinct_id: str, event: str, properties: Mapping[str, Any], groups: Mapping[str, str]
) -> uuid.UUID | None:
    """Record a declared event of the installation, which belongs to groups."""
    cleaned = _allowed(*catalogue.clean_event(event, properties))
    if cleaned is None:
        return None
    kinds = {name: catalogue.groups[name].key for name in groups}
    keys = _allowed(*catalogue.clean("$groups", kinds, groups))
    return _insert(event, distinct_id, {**cleaned, "$groups": keys})


def _allowed(cleaned: dict[str, Any] | None, refused: list[str]) -> dict[str, Any] | None:
    """What may leave; what may not raises in strict mode, else it is left out and said once."""
    if refused and conf.get().STRICT:
        raise UndeclaredError(" ".join(refused))
    for sentence in refused:
        warn_once(f"Left out. {sentence}")
        _count_after_commit(sentence)
    return cleaned


def _count_after_commit(sentence: str) -> None:
    """Count what was left out: the counter's row is everybody's, not to be held till the commit."""

    def count() -> None:  # no `partial`: Django names what fails
        dropped.count(sentence)

    transaction.on_commit(count, robust=True)


def _insert(event: str, distinct_id: str, properties: dict[str, Any]) -> uuid.UUID:
    from analytics.models import State

    config = conf.get()
    everywhere = {**properties, **_about(config)}
    impersonal = _allowed(*privacy.without_addresses(event, everywhere)) or {}
    state = State.LOCAL if config.closed_because else State.WAITING
    row_uuid = journal.write(event, distinct_id, impersonal, state)
    with suppress(TransactionManagementError):  # who commits by hand is heard of by and by
        transaction.on_commit(_recorded, robust=True)
    return row_uuid


def _recorded() -> None:
    """An event is there for all to see."""
    dropped.write()
    delivery.wake()


@lru_cache(maxsize=8)
def _about(_config: conf.Config) -> dict[str, Any]:
    """What stands on every event, which is the same for the life of a configuration."""
    return _allowed(*catalogue.clean("ANALYTICS", CONTEXT, installation.context())) or {}


def forget_waiting(user_id: object) -> int:
    """Delete what waits of a person who has opted out; returns the number of events.

    Waits for a lock as long as it takes: that nothing more leaves is worth more than the moment.
    """
    from analytics.insights import rollups

    with transaction.atomic():
        theirs = waiting().filter(distinct_id=identity.distinct_id(user_id))
        rollups.withdraw(theirs)
        return theirs.delete()[0]


# --- delivering --------------------------------------------------------------------------------

# Of a row that leaves: its properties as the text that is stored.
COLUMNS = (*Outgoing._fields[:-1], Cast("properties", TextField()))


def waiting() -> QuerySet[Any]:
    """The events that are still to be delivered."""
    from analytics.models import Event, State

    return Event.objects.filter(state=State.WAITING)


def outgoing(rows: QuerySet[Any]) -> Iterator[Outgoing]:
    """Rows as a backend gets them, with their properties as the text that is stored."""
    return (Outgoing(*values) for values in rows.values_list(*COLUMNS))


def as_recorded(uuids: Iterable[uuid.UUID], after: int) -> list[Outgoing]:
    """Of the rows behind an id, those with these uuids, in the order of their recording.

    A uuid alone would be looked for in the whole log.
    """
    from analytics.models import Event

    return [*outgoing(Event.objects.filter(id__gt=after, uuid__in=[*uuids]).order_by("id"))]


def newest_id() -> int:
    """The id of the newest row; 0 where there is none."""
    from analytics.models import Event

    return Event.objects.order_by("-id").values_list("id", flat=True).first() or 0


def retry(rows: QuerySet[Any]) -> int:
    """Have those of these rows wait again that were rejected, under their uuids; returns how many.

    They leave with the next delivery; the caller has asked whether anything may.
    """
    from analytics.models import State

    again = rows.filter(state=State.REJECTED).update(
        state=State.WAITING, settled_at=None, last_error=""
    )
    if again:
        transaction.on_commit(delivery.wake, robust=True)
    return again


def keep_here(rows: QuerySet[Any]) -> int:
    """Have rows that wait never leave; returns their number."""
    from analytics.models import State

    return rows.update(state=State.LOCAL, lease=None, leased_until=None, settled_at=timezone.now())


def lease(
    token: uuid.UUID | None = None,
    *,
    everything: bool = False,
    limit: int = BATCH,
    only: int | None = None,
) -> tuple[uuid.UUID, list[Outgoing]]:
    """Take the oldest rows that wait: (the lease's token, the rows).

    No other process gets them until the lease runs out. While the peer is away nothing is given
    out but one probe at a time; `everything` gives out all the same, but never what another lease
    holds. `only` is the id of the one row that is wanted.
    """
    from analytics.models import Event

    token = token or uuid.uuid4()
    if not everything and not _may_try():
        return token, []
    now = timezone.now()
    wanted = waiting() if only is None else waiting().filter(id=only)
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    # No lease ends later than that, however clocks differ: one was far ahead when it was given.
    free |= Q(leased_until__gt=now + 2 * LEASE)
    chosen = wanted.filter(free).order_by("id")
    with transaction.atomic():
        # By ids alone: told that they wait, PostgreSQL may read all that waits for each batch.
        number = Event.objects.filter(id__in=first(chosen, limit)).update(
            lease=token, leased_until=now + LEASE, attempts=F("attempts") + 1
        )
    # Among the oldest, and the search ends with the last of them: a lease needs no index.
    return token, [*outgoing(wanted.filter(lease=token).order_by("id")[:number])]


def first(rows: QuerySet[Any], limit: int) -> Iterable[int]:
    """The ids of the first rows that nobody is at, for `id__in`; locked until the transaction ends.

    They are read before the statement that changes them: as its subquery PostgreSQL may look for
    them again for each row, and finds others each time, since it skips those that it has changed.
    SQLite locks no rows: there a single statement lets nobody in between.
    """
    ids = rows.select_for_update(skip_locked=True).values_list("id", flat=True)[:limit]
    return list(ids) if transaction.get_connection().features.has_select_for_update else ids


def _held(token: uuid.UUID, rows: Iterable[Outgoing]) -> QuerySet[Any]:
    """These rows, if the lease has not run out: an answer that comes later settles nothing."""
    ids = [row.id for row in rows]
    return waiting().filter(id__in=ids, lease=token, leased_until__gt=timezone.now())


def renew(token: uuid.UUID, rows: Iterable[Outgoing]) -> bool:
    """Hold these rows of a lease for longer; False where it has run out."""
    return _held(token, rows).update(leased_until=timezone.now() + LEASE) > 0


def release(token: uuid.UUID, reason: str, rows: Iterable[Outgoing] = ()) -> None:
    """Give back what is left of a lease, and keep why; `rows`, where known, spare the search."""
    left = waiting().filter(lease=token)
    if ids := [row.id for row in rows]:
        left = left.filter(id__in=ids)
    left.update(lease=None, leased_until=None, last_error=reason[:500])


def settle_delivered(token: uuid.UUID, rows: Iterable[Outgoing]) -> int:
    """The peer has these; returns how many of them the lease still held."""
    from analytics.models import State

    return _settle(token, rows, State.DELIVERED, "")


def settle_rejected(token: uuid.UUID, row: Outgoing, reason: str) -> int:
    """The peer will never take this one; its words are kept. Returns 0 if the lease ran out."""
    from analytics.models import State

    return _settle(token, [row], State.REJECTED, reason)


def _settle(token: uuid.UUID, rows: Iterable[Outgoing], state: str, reason: str) -> int:
    return _held(token, rows).update(
        state=state,
        lease=None,
        leased_until=None,
        settled_at=timezone.now(),
        last_error=reason[:500],
    )


# --- a peer that is away -----------------------------------------------------------------------


def resting() -> bool:
    """Whether the peer is to be left alone now."""
    resume_at = _resume_at()
    return resume_at is not None and _is_ahead(resume_at)


def _resume_at() -> datetime | None:
    from analytics.models import Installation

    found = Installation.objects.filter(pk=Installation.ID).values_list("resume_at", flat=True)
    return found.first()


def _is_ahead(resume_at: datetime) -> bool:
    # A later moment than that was written by a clock that was far ahead.
    now = timezone.now()
    return now < resume_at <= now + 2 * LONGEST_REST


def _may_try() -> bool:
    """Whether the peer may be asked now. When a pause is over, the first to ask is the probe."""
    from analytics.models import Installation

    resume_at = _resume_at()
    if resume_at is None:
        return True
    if _is_ahead(resume_at):
        return False
    probe = Installation.objects.filter(pk=Installation.ID, resume_at=resume_at)
    return probe.update(resume_at=timezone.now() + LEASE) == 1


def pause(retry_after: float | None = None, *, reason: str = "", remedy: str = "") -> None:
    """Leave the peer alone: exponential with jitter, or for the seconds that it asked for.

    `remedy` is what a person has to do before it can go on; said in the log when it is news.
    """
    from analytics.models import Installation

    failures = Installation.load().failures + 1
    seconds = pause_after(failures) if retry_after is None else max(retry_after, SHORTEST_PAUSE)
    rest = timedelta(seconds=min(seconds, LONGEST_REST.total_seconds()))
    this = Installation.objects.filter(pk=Installation.ID)
    this.update(failures=failures, resume_at=timezone.now() + rest)
    why = {"pause_reason": reason[:500], "remedy": remedy[:500]}
    # Of all processes one finds it changed.
    if this.exclude(**why).update(**why) and remedy:
        logger.warning("PostHog takes nothing (%s). %s Nothing is lost meanwhile.", reason, remedy)


def resume() -> None:
    """The peer answers, and has what it was sent."""
    from analytics.models import Installation

    Installation.load()
    this = Installation.objects.filter(pk=Installation.ID)
    news = this.filter(Q(resume_at__isnull=False) | Q(has_delivered=False))
    news.update(has_delivered=True, failures=0, resume_at=None, pause_reason="", remedy="")


def pause_after(failures: int) -> float:
    """Seconds until the next try: 1, 2, 4 … five minutes, times 0.5 to 1.5."""
    jitter = random.uniform(0.5, 1.5)  # noqa: S311 - no secret rests on it
    return float(min(2 ** min(failures - 1, 16), LONGEST_PAUSE) * jitter)


def next_try() -> datetime | None:
    """When the queue is worth another look; None where nothing waits."""
    if not waiting().exists():
        return None
    now, resume_at = timezone.now(), _resume_at()
    if resume_at is not None and resume_at > now:
        return resume_at
    if waiting().filter(leased_until=None).exists():
        return now
    end: datetime | None = waiting().aggregate(end=Min("leased_until"))["end"]
    return end
