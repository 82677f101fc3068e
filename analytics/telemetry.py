"""Installation pings: which one is due, its way into the outbox, and how things stand."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from analytics import conf, delivery, installation as this, outbox
from analytics.backends.base import Outgoing
from analytics.models import Dropped, Event, Installation, State

HEALTH_INTERVAL = timedelta(minutes=10)  # two cron jobs at once are one ping
PATIENCE = timedelta(hours=24)  # an outage that lasts longer is worth a person's attention


class Kind(StrEnum):
    """The pings."""

    INSTALL = "install"
    UPDATE = "update"
    HEALTH = "health"

    @property
    def event(self) -> str:
        """The event's name."""
        return f"telemetry.{self}"


PINGS = [kind.event for kind in Kind]
TEST = "telemetry.test"  # no ping: an admin asks, not cron


# --- pings -------------------------------------------------------------------------------------


def due(installation: Installation, version: str, now: datetime) -> Kind | None:
    """What an installation has to report: install once, update after a change, else health."""
    if installation.installed_at is None:
        return Kind.INSTALL
    if installation.reported_version != version:
        return Kind.UPDATE
    last = installation.last_health_at
    # A clock that was set back must not silence the pings until it catches up.
    if last is None or not timedelta(0) <= now - last < HEALTH_INTERVAL:
        return Kind.HEALTH
    return None


def next_ping(installation: Installation, now: datetime) -> tuple[Kind | None, datetime | None]:
    """The ping that the next run will report, and when it becomes due if it is not due yet.

    None and None where telemetry is off.
    """
    config = conf.get()
    if config.telemetry_off_because:
        return None, None
    if kind := due(installation, config.APP_VERSION, now):
        return kind, None
    last = installation.last_health_at
    return Kind.HEALTH, last + HEALTH_INTERVAL if last else None


def ping(forced: Kind | None = None, extra: Mapping[str, Any] | None = None) -> Kind | None:
    """Record the ping that is due, or the forced one; returns its kind, None where none is due.

    `extra` holds further properties of the event; like all others they are declared ones.
    One transaction under a lock of the installation's row: of any number of runs at once, one
    records. It sends nothing, so no sender can fail it; the caller has asked `conf` whether
    telemetry is on. Raises `UndeclaredError` in strict mode for a value that is not allowed.
    """
    kind, _uuids = _ping(forced, extra or {})
    return kind


def rehearse(forced: Kind | None = None) -> list[Outgoing]:
    """The events that `ping` would record now, made by `ping` itself and rolled back.

    Before the first ping there is no fingerprint yet: the one shown is not kept either.
    """
    with transaction.atomic():
        before = outbox.newest_id()
        _kind, uuids = _ping(forced, {})
        events = outbox.as_recorded(uuids, before)
        transaction.set_rollback(True)
    return events


def _ping(forced: Kind | None, extra: Mapping[str, Any]) -> tuple[Kind | None, list[UUID]]:
    version = conf.get().APP_VERSION
    with transaction.atomic():
        installation = Installation.load_salted()
        now = timezone.now()
        kind = forced or due(installation, version, now)
        if kind is None:
            return None, []
        _prepare(installation, version)
        recorded = [*_record(installation, kind, version, extra)]
        _remember(installation, kind, version, now)
    return kind, [uuid for uuid in recorded if uuid is not None]


def _prepare(installation: Installation, version: str) -> None:
    """What is fixed by the first ping: the first version and platform."""
    installation.first_seen_version = installation.first_seen_version or version
    installation.first_seen_platform = installation.first_seen_platform or platform.system()


def _record(
    installation: Installation, kind: Kind, version: str, extra: Mapping[str, Any]
) -> Iterator[UUID | None]:
    properties: dict[str, Any] = this.event_properties()
    if kind is Kind.UPDATE:
        old = installation.reported_version or version
        properties |= {"old_version": old, "new_version": version}
    fingerprint = installation.fingerprint
    yield outbox.insert_event(fingerprint, kind.event, {**properties, **extra}, this.groups())
    yield outbox.insert_person(fingerprint, this.describe(installation), about={})
    for group_type, about in this.group_properties().items():
        yield outbox.insert_group(fingerprint, group_type, this.groups()[group_type], about)


def _remember(installation: Installation, kind: Kind, version: str, now: datetime) -> None:
    first = installation.installed_at is None
    if kind is Kind.INSTALL:
        installation.installed_at = installation.installed_at or now
    if kind is Kind.UPDATE or (kind is Kind.INSTALL and first):
        installation.reported_version = version
    if kind is Kind.HEALTH:
        installation.last_health_at = now
    installation.save()


# --- an admin's question whether PostHog answers -----------------------------------------------


def insert_test() -> UUID | None:
    """Record the test event: of the installation, or of nobody where telemetry is off."""
    about = this.event_properties()
    if conf.get().telemetry_off_because:
        return outbox.insert_of_nobody(TEST, about, {})
    return outbox.insert_event(fingerprint(), TEST, about, this.groups())


def send_test() -> tuple[Event, delivery.Report]:
    """Record the test event and send it now: (what has become of it, what the backend said).

    The caller has asked `conf` whether anything may leave. An event that is not taken is kept.
    """
    with delivery.by_hand(), transaction.atomic():
        before, uuid = outbox.newest_id(), insert_test()
        (recorded,) = outbox.as_recorded([uuid] if uuid else [], before)
    report = delivery.deliver_one(recorded.id)
    return Event.objects.get(pk=recorded.id), report


# --- a fleet's runs, spread over time ----------------------------------------------------------


def fingerprint() -> str:
    """The installation's id on the wire, made now if there was none: telemetry must be on."""
    return Installation.load_salted().fingerprint


def reset_fingerprint() -> None:
    """Be another installation for PostHog from the next ping on, which is an install again."""
    with transaction.atomic():
        installation = Installation.load(for_update=True)
        outbox.keep_here(ours(installation))  # what waits would tell of the old one
        installation.salt = ""  # the next ping makes another
        installation.installed_at = installation.last_health_at = None
        installation.reported_version = ""
        installation.save()


def delay(fingerprint: str, seconds: int) -> float:
    """An installation's own share of `seconds`: fixed by its id, uniform from 0 over a fleet."""
    return seconds * (int(fingerprint, 16) / (1 << 4 * len(fingerprint)))


def withhold() -> None:
    """Keep waiting pings here for good, where telemetry has been switched off since.

    They are forgotten, so that they are due again once it is on.
    """
    # Asked at every delivery, and almost always for nothing: no lock before there is something.
    if not ours(row()).exists():
        return
    with transaction.atomic():
        installation = Installation.load(for_update=True)
        waiting = ours(installation)
        pings = list(waiting.filter(event__in=PINGS))
        for ping in reversed(pings):
            _forget(installation, ping)
        if outbox.keep_here(waiting):
            installation.save()


def _forget(installation: Installation, ping: Event) -> None:
    kind = ping.event.removeprefix("telemetry.")
    if kind == Kind.INSTALL:
        installation.installed_at = None
    elif kind == Kind.UPDATE:
        installation.reported_version = ping.properties["old_version"]
    else:
        installation.last_health_at = None


def row() -> Installation:
    """The installation as it stands; an unsaved one, which knows nothing, before there is one."""
    return Installation.objects.filter(pk=Installation.ID).first() or Installation()


def ours(installation: Installation) -> QuerySet[Event]:
    """What waits of the installation itself."""
    ours = Q(event__in=[*PINGS, "$groupidentify"])
    if installation.salt:
        ours |= Q(distinct_id=installation.fingerprint)
    return outbox.waiting().filter(ours).order_by("id")


# --- how things stand --------------------------------------------------------------------------


def waiting() -> QuerySet[Event]:
    """What waits of the installation itself, the oldest first; without what is being sent."""
    leased = Q(lease__isnull=False, leased_until__gt=timezone.now())
    return ours(row()).exclude(leased).order_by("timestamp", "id")


def overdue() -> Event | None:
    """The ping that has waited longest, if it is longer than a person should leave it; or None."""
    pings = waiting().filter(event__in=PINGS)
    return pings.filter(timestamp__lt=timezone.now() - PATIENCE).first()


@dataclass(frozen=True)
class Status:
    """How telemetry and the outbox stand; holds no secret."""

    decided_by: dict[str, str]
    """The three settings that decide, and what each says."""
    telemetry_off_because: str | None
    closed_because: str | None
    host: str
    version: str
    fingerprint: str | None
    last_ping: Event | None
    next_ping: Kind | None
    next_ping_at: datetime | None
    """None where the next ping is due at the next run, or never."""
    waiting: int
    oldest_waiting: datetime | None
    paused_until: datetime | None
    """When PostHog, which takes nothing, is asked again by the site's own processes."""
    pause_reason: str
    """Why it takes nothing; empty while it does."""
    remedy: str
    """What a person has to do about it; empty where time alone helps."""
    delivered: int
    rejected: int
    local: int
    dropped: int
    """Events, names and values that were left out or lost."""
    dropped_mostly: str
    """The most frequent reason of that; empty where nothing was."""
    last_error: str


def status() -> Status:
    """How things stand now. Writes nothing, sends nothing."""
    config, now = conf.get(), timezone.now()
    this_one = row()
    queue = outbox.waiting()
    oldest = queue.order_by("timestamp").first()
    # What was delivered in the end has no error any more.
    unhappy = Event.objects.filter(state__in=[State.WAITING, State.REJECTED])
    last_failed = unhappy.exclude(last_error="").order_by("-id").first()
    most = Dropped.objects.order_by("-count", "cause").first()
    next_kind, next_at = next_ping(this_one, now)
    return Status(
        decided_by={
            "POSTHOG_API_KEY": "set" if config.POSTHOG_API_KEY else "not set",
            "ENABLE_TELEMETRY": "on" if config.ENABLE_TELEMETRY else "off",
            "DO_NOT_TRACK": "on" if config.DO_NOT_TRACK else "off",
        },
        telemetry_off_because=config.telemetry_off_because,
        closed_because=config.closed_because,
        host=without_credentials(config.POSTHOG_HOST),
        version=config.APP_VERSION,
        fingerprint=this_one.fingerprint if this_one.salt else None,
        last_ping=Event.objects.filter(event__in=PINGS).order_by("-id").first(),
        next_ping=next_kind,
        next_ping_at=next_at,
        waiting=queue.count(),
        oldest_waiting=oldest.timestamp if oldest else None,
        paused_until=this_one.resume_at
        if this_one.resume_at and this_one.resume_at > now
        else None,
        pause_reason=this_one.pause_reason,
        remedy=this_one.remedy,
        delivered=Event.objects.filter(state=State.DELIVERED).count(),
        rejected=Event.objects.filter(state=State.REJECTED).count(),
        local=Event.objects.filter(state=State.LOCAL).count(),
        dropped=Dropped.objects.aggregate(all=Sum("count", default=0))["all"],
        dropped_mostly=most.cause if most else "",
        last_error=last_failed.last_error if last_failed else "",
    )


def without_credentials(address: str) -> str:
    """An address without the user name and password that it may hold."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
