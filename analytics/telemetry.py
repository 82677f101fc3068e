"""Installation pings: which one is due, and its way into the outbox."""

from __future__ import annotations

import platform
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.utils import timezone

from analytics import conf, installation as this, outbox
from analytics.models import Installation, new_secret

HEALTH_INTERVAL = timedelta(minutes=10)  # two cron jobs at once are one ping


class Kind(StrEnum):
    """The pings."""

    INSTALL = "install"
    UPDATE = "update"
    HEALTH = "health"


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


def ping(forced: Kind | None = None) -> Kind | None:
    """Record the ping that is due, or the forced one; returns its kind, None where none is due.

    One transaction under a lock of the installation's row: of any number of runs at once, one
    records. Raises nothing of its own; the caller has asked `conf` whether telemetry is on.
    """
    version = conf.get().APP_VERSION
    with transaction.atomic():
        installation = Installation.load(for_update=True)
        now = timezone.now()
        kind = forced or due(installation, version, now)
        if kind is None:
            return None
        _prepare(installation, version)
        _record(installation, kind, version)
        _remember(installation, kind, version, now)
    return kind


def _prepare(installation: Installation, version: str) -> None:
    """What is fixed by the first ping: the fingerprint's salt, the first version and platform."""
    installation.salt = installation.salt or new_secret()
    installation.first_seen_version = installation.first_seen_version or version
    installation.first_seen_platform = installation.first_seen_platform or platform.system()


def _record(installation: Installation, kind: Kind, version: str) -> None:
    properties: dict[str, Any] = this.event_properties()
    if kind is Kind.UPDATE:
        old = installation.reported_version or version
        properties |= {"old_version": old, "new_version": version}
    fingerprint = installation.fingerprint
    outbox.insert_event(fingerprint, f"telemetry.{kind}", properties, this.groups())
    outbox.insert_person(fingerprint, this.describe(installation), about={})
    for group_type, about in this.group_properties().items():
        outbox.insert_group(fingerprint, group_type, this.groups()[group_type], about)


def _remember(installation: Installation, kind: Kind, version: str, now: datetime) -> None:
    if kind is Kind.HEALTH:
        installation.last_health_at = now
    else:
        installation.installed_at = installation.installed_at or now
        installation.reported_version = version
    installation.save()
