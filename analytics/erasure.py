"""Erasing a person: here at once, at PostHog as soon as it can be asked, and again a day later.

A page never waits for PostHog: it leaves an `Erasure`, which housekeeping finishes. That row holds
the id to delete there and nothing else of the person.
"""

from __future__ import annotations

import random
import threading
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from analytics import conf, delivery, identity, outbox
from analytics.insights import rollups
from analytics.models import Erasure, Event, Installation, Person

if TYPE_CHECKING:
    from analytics.posthog_api import ApiError

LATE = timedelta(days=1)  # after which nothing of the person is on its way any more
CLAIM = timedelta(minutes=2)  # that a process has for a try, before another one makes it
UNASKED = timedelta(hours=1)  # until it is looked again whether PostHog may be asked by now
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)  # between two tries
AT_ONCE = 100  # persons in one call; PostHog takes 1,000


class Outlook(Enum):
    """What becomes of PostHog's copy."""

    NO_COPY = "no copy"  # this installation sends nothing there, and never did
    ASKED = "asked"  # PostHog is asked to delete it
    BY_HAND = "by hand"  # PostHog has it and cannot be asked from here


def outlook() -> Outlook:
    """What becomes of PostHog's copy of a person who is erased, as things are set up now."""
    if obstacle() is None:
        return Outlook.ASKED
    sent = Installation.objects.filter(has_delivered=True).exists()
    return Outlook.BY_HAND if sent or conf.get().POSTHOG_API_KEY else Outlook.NO_COPY


def obstacle() -> str | None:
    """Why PostHog cannot be asked, in a sentence; None where it can."""
    from analytics.posthog_api import Api

    return Api.missing(conf.get())


# --- here --------------------------------------------------------------------------------------


def erase(user_id: object) -> Erasure:
    """Erase what is known of a person, who is opted out where the user model can say so.

    One transaction; `user_id` is the primary key of a user that exists. Returns the request that
    is left. Where there is no consent to take back the person is recorded further, as somebody
    else: under a new id. Raises Django's `ValidationError` for what is no key.
    """
    key = identity.primary_key(user_id)
    with transaction.atomic():
        request = _erase(key)  # first: it has to see what is on the wire
        _opt_out(key)
        if not conf.get().CONSENT_FIELD:
            identity.renew(key)
    return request


def erase_deleted(user_id: object) -> Erasure:
    """Erase what is known of a person whose account is gone; otherwise as `erase`."""
    return _erase(user_id)


def _erase(user_id: object) -> Erasure:
    known = identity.every_id(user_id)
    with transaction.atomic():
        free_at = _delete(*known)
        identity.forget(user_id)
        requests = [_request(distinct_id, free_at) for distinct_id in known]

    def once_more() -> None:
        """Delete what others committed meanwhile."""
        _delete(*known)

    transaction.on_commit(once_more, robust=True)
    transaction.on_commit(delivery.wake, robust=True)
    return requests[0]


def _request(distinct_id: str, free_at: datetime | None) -> Erasure:
    """Have PostHog asked about an id from a moment on; from now on, where there is none."""
    now = timezone.now()
    due = {"due_at": free_at or now, "repeat": False, "attempts": 0, "last_error": ""}
    request, _new = Erasure.objects.update_or_create(
        distinct_id=distinct_id, defaults={**due, "requested_at": now}
    )
    return request


def _opt_out(key: Any) -> None:
    """Take back the person's consent, for all who listen to users being saved."""
    field = conf.get().CONSENT_FIELD
    user = get_user_model()._default_manager.filter(pk=key).first() if field else None
    if user is not None and getattr(user, field):
        setattr(user, field, False)
        user.save(update_fields=[field])


def _delete(*distinct_ids: str) -> datetime | None:
    """Delete what is kept of persons; when the last of it that may be on the wire has arrived.

    A row that a process is sending goes, too: given back by it, the row would be sent again.
    """
    with transaction.atomic():
        # A write first: SQLite lets no transaction that has read before wait for its turn to write.
        Person.objects.filter(distinct_id__in=distinct_ids).delete()
        waiting = outbox.waiting().filter(distinct_id__in=distinct_ids)
        free_at: datetime | None = waiting.aggregate(end=Max("leased_until"))["end"]
        waiting.delete()
        # Told so, the databases find them by the index of what is settled.
        Event.objects.filter(settled_at__isnull=False, distinct_id__in=distinct_ids).delete()
        for distinct_id in distinct_ids:
            rollups.forget(distinct_id)
    # No lease ends later, however clocks differ.
    return free_at and min(free_at, timezone.now() + 2 * outbox.LEASE)


# --- at PostHog --------------------------------------------------------------------------------


def finish(stop: threading.Event | None = None) -> None:
    """Take the erasures that are due a step further: delete here, ask PostHog, both a day later.

    For a process that may wait for the network. Never raises: what fails now is tried again.
    """
    try:
        if (stop is None or not stop.is_set()) and (requests := _claim()):
            _finish(requests)
    except Exception as error:
        outbox.warn_once(f"Erasures are finished later: {type(error).__name__}.")


def _claim() -> list[Erasure]:
    """The erasures that are due, this process's alone for a while."""
    now = timezone.now()
    due = Erasure.objects.filter(due_at__lte=now).order_by("due_at")[:AT_ONCE]
    return [
        request
        for request in due
        if Erasure.objects.filter(pk=request.pk, due_at=request.due_at).update(due_at=now + CLAIM)
    ]


def _finish(requests: list[Erasure]) -> None:
    _delete(*(request.distinct_id for request in requests))
    match outlook():
        case Outlook.NO_COPY:
            _taken(requests)
        case Outlook.BY_HAND:
            _try_again(requests, UNASKED)
        case Outlook.ASKED:
            _ask(requests)


def _ask(requests: list[Erasure]) -> None:
    """Ask PostHog to delete these persons and their events, and keep what it answers."""
    from analytics.posthog_api import ApiError

    try:
        _delete_there([request.distinct_id for request in requests])
    except ApiError as error:
        _refused(requests, error)
    else:
        _taken(requests)


def _delete_there(distinct_ids: list[str]) -> None:
    """Raises `ApiError`.

    `POST persons/bulk_delete/` of PostHog's API: it deletes the persons who have these ids, and
    queues the deletion of their events. Only what was ingested before is deleted. It answers 202,
    for persons that it does not know, too.
    """
    from analytics.posthog_api import Api, ApiError

    api = Api(conf.get())
    delivery.release_connection()
    body = {"distinct_ids": distinct_ids, "delete_events": True}
    answer = api.request("POST", "persons/bulk_delete/", body)
    if failed := answer.get("deletion_errors"):
        raise ApiError(f"PostHog could not delete {len(failed)} of {len(distinct_ids)} persons.")


def _refused(requests: list[Erasure], error: ApiError) -> None:
    """Keep PostHog's words; ask again later where that makes sense, else leave it to an admin."""
    # Anything else is an outage: a portal's or proxy's page may come with any status.
    refused = error.posthogs and error.status is not None and error.status // 100 == 4
    final = refused and not error.passes
    for request in requests:
        request.attempts += 1
        request.last_error = str(error)[:600]
        request.due_at = None if final else timezone.now() + _pause(request.attempts, error)
        _keep(request)
    if final:
        outbox.warn_once(f"PostHog refuses to erase ({error.status}): see the admin's erasures.")


def _pause(attempts: int, error: ApiError) -> timedelta:
    """1 minute, 2, 4 … six hours, times 0.5 to 1.5; not less than PostHog asks for."""
    jitter = random.uniform(0.5, 1.5)  # noqa: S311 - no secret rests on it
    grown: timedelta = min(SHORTEST_PAUSE * 2 ** min(attempts - 1, 16), LONGEST_PAUSE) * jitter
    asked_for = timedelta(seconds=min(error.wait or 0, LATE.total_seconds()))
    return max(grown, asked_for)


def _try_again(requests: list[Erasure], pause: timedelta) -> None:
    for request in requests:
        request.due_at = timezone.now() + pause
        _keep(request)


def _taken(requests: list[Erasure]) -> None:
    """Done but for late arrivals; or done with them, too, and over."""
    for request in requests:
        if request.repeat:
            Erasure.objects.filter(pk=request.pk, repeat=True).delete()
            continue
        request.repeat, request.attempts, request.last_error = True, 0, ""
        request.due_at = timezone.now() + LATE
        _keep(request)


def _keep(request: Erasure) -> None:
    """Save what became of a try; not one that was asked for anew meanwhile."""
    same = Erasure.objects.filter(pk=request.pk, requested_at=request.requested_at)
    same.update(
        due_at=request.due_at,
        repeat=request.repeat,
        attempts=request.attempts,
        last_error=request.last_error,
    )
