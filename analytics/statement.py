"""The statement of account that admins read: what is on, what waits, what left, what went wrong.

Quick however long the log is: counts stand on partial indexes and end at `MOST`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils import timezone

from analytics import conf, outbox, telemetry
from analytics.models import Dropped, Event, Installation, State

MOST = 10_000  # events that are counted; what is more is “10,000+”
DAY = timedelta(hours=24)


@dataclass(frozen=True)
class Statement:
    """How telemetry and the outbox stand; holds no secret and names nobody."""

    config: conf.Config
    installation: Installation
    """As it stands; an unsaved one before there is one."""
    host: str
    people: int
    opted_out: int | None
    """Of the people; None where the project asks nobody (`CONSENT_FIELD`)."""
    last_ping: Event | None
    next_ping: telemetry.Kind | None
    next_ping_at: datetime | None
    """When it becomes due; None where it is due, or where telemetry is off."""
    waiting: int
    oldest_waiting: Event | None
    delivered: int
    """In the last 24 hours; like `waiting` and `rejected` no more than `MOST` + 1."""
    rejected: int
    last_rejected: Event | None
    dropped: list[Dropped]
    """By cause, the most frequent first."""

    @property
    def fingerprint(self) -> str:
        """The installation's id on the wire; empty before its first ping."""
        return self.installation.fingerprint if self.installation.salt else ""

    @property
    def paused_until(self) -> datetime | None:
        """When PostHog, which takes nothing, is asked again; None while it does."""
        moment = self.installation.resume_at
        return moment if moment and moment > timezone.now() else None

    @property
    def all_dropped(self) -> int:
        """Events, names and values that were left out or lost."""
        return sum(row.count for row in self.dropped)

    @property
    def last_error(self) -> str:
        """Why the oldest event still waits, or why nothing is taken; empty where all is well."""
        waits = self.oldest_waiting.last_error if self.oldest_waiting else ""
        return self.installation.pause_reason or waits


def statement() -> Statement:
    """How things stand now. Writes nothing, sends nothing."""
    config, now = conf.get(), timezone.now()
    row = telemetry.row()
    kind, moment = telemetry.next_ping(row, now)
    lately = Event.objects.filter(settled_at__gte=now - DAY)
    # That they are settled is not said: SQLite would read all that is.
    rejected, waiting = Event.objects.filter(state=State.REJECTED), outbox.waiting()
    return Statement(
        config=config,
        installation=row,
        host=telemetry.without_credentials(config.POSTHOG_HOST),
        people=get_user_model()._default_manager.count(),
        opted_out=_opted_out(config.CONSENT_FIELD),
        last_ping=_last_ping(),
        next_ping=kind,
        next_ping_at=moment,
        waiting=_counted(waiting),
        oldest_waiting=waiting.order_by("id").first(),
        delivered=_counted(lately.filter(state=State.DELIVERED)),
        rejected=_counted(rejected),
        last_rejected=rejected.order_by("-id").first(),
        dropped=list(Dropped.objects.order_by("-count", "cause")),
    )


def _opted_out(consent_field: str) -> int | None:
    if not consent_field:
        return None
    return get_user_model()._default_manager.filter(**{consent_field: False}).count()


def _counted(rows: QuerySet[Event]) -> int:
    """The number of rows, but no more than `MOST` + 1."""
    return rows.order_by().values("id")[: MOST + 1].count()


def _last_ping() -> Event | None:
    """The latest ping; of those that wait only the newest `MOST` events are looked through."""
    pings = Q(event__in=telemetry.PINGS)
    newest = outbox.waiting().order_by("-id")[:MOST]
    waiting = Event.objects.filter(pk__in=newest.values("pk")).filter(pings).order_by("-id").first()
    if waiting:
        return waiting
    settled = Event.objects.filter(settled_at__isnull=False)
    latest = [settled.filter(event=name).order_by("-id").first() for name in telemetry.PINGS]
    return max(filter(None, latest), key=lambda ping: ping.pk, default=None)
