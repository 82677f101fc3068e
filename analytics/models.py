"""What the app keeps: the log of events (which is their queue too), persons, the installation."""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy as _

from analytics.backends.base import Outgoing


class State(models.TextChoices):
    """What has become of an event."""

    WAITING = "waiting", _("waiting")
    DELIVERED = "delivered", _("delivered")
    REJECTED = "rejected", _("rejected")
    LOCAL = "local", _("local only")


class Event(models.Model):
    """An event as it leaves, and whether it has left.

    `uuid`, `timestamp`, `event` and `distinct_id` never change: PostHog folds a replay by them.
    A row that a process is sending carries the token of its lease, and when that runs out.
    """

    # Random, so never twice. No index: it would cost every event a third of its INSERT, and rows
    # are looked up by their lease.
    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    event = models.CharField(_("event"), max_length=200)
    distinct_id = models.CharField(_("person"), max_length=200)
    timestamp = models.DateTimeField(_("time"), default=timezone.now)
    properties = models.JSONField(_("properties"), default=dict)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.WAITING)
    lease = models.UUIDField(null=True, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    last_error = models.CharField(_("last error"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes: ClassVar = [
            models.Index(
                fields=["id"], condition=Q(state="waiting"), name="analytics_event_waiting"
            ),
            models.Index(
                fields=["settled_at"],
                condition=Q(settled_at__isnull=False),
                name="analytics_event_settled",
            ),
            # For whoever looks into the log: by name, by person, or at what was refused.
            models.Index(
                fields=["event", "id"],
                condition=Q(settled_at__isnull=False),
                name="analytics_event_by_name",
            ),
            models.Index(
                fields=["distinct_id", "id"],
                condition=Q(settled_at__isnull=False),
                name="analytics_event_by_person",
            ),
            models.Index(
                fields=["id"], condition=Q(state="rejected"), name="analytics_event_rejected"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.uuid}"

    @property
    def outgoing(self) -> Outgoing:
        """The event as a backend gets it."""
        own = json.dumps(self.properties)
        return Outgoing(self.pk, self.uuid, self.event, self.distinct_id, self.timestamp, own)


class Person(models.Model):
    """The local mirror of PostHog's person: a distinct id and what is known of it."""

    distinct_id = models.CharField(_("id"), max_length=200, unique=True)
    original_id = models.CharField(  # noqa: DJ001 - unique among those that have one
        _("id before an erasure"), max_length=200, unique=True, null=True, editable=False
    )
    properties = models.JSONField(_("properties"), default=dict)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("persons")

    def __str__(self) -> str:
        return self.distinct_id


class Dropped(models.Model):
    """What was left out or lost, by cause: counted, never kept."""

    cause = models.CharField(_("cause"), max_length=300, unique=True)
    count = models.PositiveBigIntegerField(_("count"), default=0)
    last_at = models.DateTimeField(_("last time"), default=timezone.now)

    class Meta:
        verbose_name = _("dropped")
        verbose_name_plural = _("dropped")

    def __str__(self) -> str:
        return self.cause


def new_secret() -> str:
    """256 random bits as text."""
    return secrets.token_hex(32)


class Installation(models.Model):
    """This installation: one row, made when first needed."""

    ID = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ID, editable=False)
    identity_secret = models.CharField(max_length=64, default=new_secret, editable=False)
    salt = models.CharField(max_length=64, blank=True, editable=False)
    first_seen_version = models.CharField(_("first version"), max_length=50, blank=True)
    first_seen_platform = models.CharField(_("first platform"), max_length=50, blank=True)
    reported_version = models.CharField(_("version last reported"), max_length=50, blank=True)
    installed_at = models.DateTimeField(_("installation reported"), null=True, blank=True)
    # While PostHog takes nothing: how often in a row, when it is asked again, why, and what a
    # person has to do about it, if anything.
    failures = models.PositiveIntegerField(default=0, editable=False)
    resume_at = models.DateTimeField(_("delivery paused until"), null=True, blank=True)
    pause_reason = models.CharField(_("delivery paused because"), max_length=500, blank=True)
    remedy = models.CharField(_("what to do"), max_length=500, blank=True)
    tidied_at = models.DateTimeField(null=True, editable=False)
    last_health_at = models.DateTimeField(_("last health ping"), null=True, blank=True)
    # Whether PostHog has taken anything, ever: then it has a copy of who is erased.
    # The database's own default is for code of the version before, which knows no such column.
    has_delivered = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        verbose_name = _("installation")
        verbose_name_plural = _("telemetry")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="analytics_one_installation")
        ]

    def __str__(self) -> str:
        return str(_("This installation"))

    @classmethod
    def load(cls, *, for_update: bool = False) -> Installation:
        """The row, made if there is none; locked for the caller's transaction on demand."""
        rows: Any = cls.objects.select_for_update() if for_update else cls.objects
        installation: Installation | None = rows.filter(pk=cls.ID).first()
        if installation is None:
            cls.objects.get_or_create(pk=cls.ID)
            installation = rows.get(pk=cls.ID)
        return installation

    @classmethod
    def load_salted(cls) -> Installation:
        """The row with a salt, locked for the caller's transaction; telemetry must be on."""
        with transaction.atomic():
            installation = cls.load(for_update=True)
            if not installation.salt:
                installation.salt = new_secret()
                installation.save(update_fields=["salt"])
            return installation

    @property
    def fingerprint(self) -> str:
        """The installation's id on the wire: 64 hex characters, a hash of the salt alone.

        Raises `ValueError` before there is a salt: without one all installations were the same.
        """
        if not self.salt:
            raise ValueError("This installation has no fingerprint before its first ping.")
        return hashlib.sha256(f"installation:{self.salt}".encode()).hexdigest()


class Erasure(models.Model):
    """A person who is being erased: an id to ask PostHog about, and nothing that names anybody.

    It lasts until PostHog has been asked twice, the second time for what arrived late.
    """

    distinct_id = models.CharField(_("person"), max_length=200, unique=True)
    requested_at = models.DateTimeField(_("requested"), default=timezone.now)
    # None: it waits for somebody who reads `last_error`.
    due_at = models.DateTimeField(_("next try"), null=True, blank=True, default=timezone.now)
    repeat = models.BooleanField(_("deleted once"), default=False)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    last_error = models.CharField(_("last error"), max_length=600, blank=True)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")

    def __str__(self) -> str:
        # Django's admin log keeps this: no id may stand in it.
        return gettext("Erasure %(number)d") % {"number": self.pk or 0}


# --- insights: what was counted of the log, and outlives its events ------------------------------


class CountedKind(models.Model):
    """What is counted apart: events of a name that agree in what insights ask of them."""

    ANY = ""  # the name under which events of all names are counted together

    event = models.CharField(max_length=200)
    properties = models.TextField()  # canonical JSON, so that two that are equal are one

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["event", "properties"], name="analytics_one_kind")
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.properties}"


class DailyCount(models.Model):
    """How many events of a kind there were of a person on a day of `settings.TIME_ZONE`."""

    kind = models.ForeignKey(CountedKind, models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    distinct_id = models.CharField(max_length=200)
    count = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("insight")
        verbose_name_plural = _("insights")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "day", "distinct_id"], name="analytics_one_count"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["distinct_id"], name="analytics_count_person")]

    def __str__(self) -> str:
        return f"{self.day} {self.count}"


class CountedDay(models.Model):
    """The first id of a day's events: where to look for them, however clocks were set."""

    day = models.DateField(primary_key=True)
    first_id = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.day)


class Counting(models.Model):
    """How far the log has been counted: one row, made when first needed."""

    ID = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ID, editable=False)
    # Whoever changes what is counted moves it on; a count that was made from before is made anew.
    revision = models.PositiveBigIntegerField(default=0)
    last_id = models.BigIntegerField(default=0)  # all events up to it are counted, but for …
    # … those that could not be seen: [first id, last id, when first missed, in seconds]. Their
    # transactions may still be open; ids are given out before a commit.
    gaps = models.JSONField(default=list)
    # By name of an event: the properties that are told apart.
    wanted = models.JSONField(default=dict)
    # Counts of days from then on are being deleted, to be counted anew.
    clearing = models.BooleanField(default=False)
    # The first day of which no event has been purged, and what it was when counting began anew:
    # days before are kept as they were counted, of events up to `recounted_id`.
    whole_from = models.DateField(null=True)
    recounted_from = models.DateField(null=True)
    recounted_id = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="analytics_one_counting")
        ]

    def __str__(self) -> str:
        return str(self.last_id)

    @classmethod
    def load(cls, *, for_update: bool = False) -> Counting:
        """The row, made if there is none; locked for the caller's transaction on demand."""
        rows: Any = cls.objects.select_for_update() if for_update else cls.objects
        counting: Counting | None = rows.filter(pk=cls.ID).first()
        if counting is None:
            cls.objects.get_or_create(pk=cls.ID)
            counting = rows.get(pk=cls.ID)
        return counting
