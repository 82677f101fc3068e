"""Clients, projects, tasks and time entries. Times are UTC; durations are `timedelta`."""

import uuid
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tracking.people import Person, administers, manages

DESCRIPTION_LENGTH = 500  # characters


def default_currency() -> str:
    """The installation's currency, as an ISO 4217 code."""
    return str(settings.CURRENCY)


class Client(models.Model):
    """Somebody for whom projects are done."""

    name = models.CharField(_("name"), max_length=200, unique=True)
    currency = models.CharField(
        _("currency"),
        max_length=3,
        default=default_currency,
        validators=[RegexValidator(r"^[A-Z]{3}\Z", _("Three capital letters such as EUR."))],
    )
    archived = models.BooleanField(_("archived"), default=False)

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class ProjectQuerySet(models.QuerySet["Project"]):
    """Ways to ask for projects."""

    def active(self) -> Self:
        """Projects on which time may be spent: neither they nor their clients are archived."""
        return self.filter(archived=False).exclude(client__archived=True)

    def by_client(self) -> Self:
        """In the order of people: by client, those without one last."""
        return self.order_by(F("client__name").asc(nulls_last=True), "name")

    def open_to(self, user: Person) -> Self:
        """Active projects on which this person may spend time."""
        return self.active().visible_to(user)

    def visible_to(self, user: Person) -> Self:
        """Projects of everybody, and those that the person is a member of; managers see all."""
        if manages(user):
            return self
        # Not by joins: a project must not come twice.
        return self.filter(
            ~Q(pk__in=Membership.objects.values("project"))
            | Q(pk__in=Membership.objects.filter(user_id=user.pk).values("project"))
        )


def _amount(name: Any, help_text: Any = "") -> Any:
    """A column of hours or money, which may be left empty."""
    return models.DecimalField(
        name,
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01"), _("More than zero, or empty."))],
        help_text=help_text,
    )


class Project(models.Model):
    """Work that time is spent on."""

    name = models.CharField(_("name"), max_length=200)
    client = models.ForeignKey(
        Client,
        models.PROTECT,
        related_name="projects",
        null=True,
        blank=True,
        verbose_name=_("client"),
    )
    color = models.CharField(
        _("colour"),
        max_length=7,
        default="#5b6b8c",
        validators=[RegexValidator(r"^#[0-9a-f]{6}\Z", _("A colour such as #5b6b8c."))],
    )
    billable = models.BooleanField(
        _("billable"), default=True, help_text=_("New entries of this project are billable.")
    )
    hourly_rate = _amount(
        _("rate per hour"), _("In the client’s currency. A budget in money is counted with it.")
    )
    budget_hours = _amount(_("budget in hours"))
    budget_money = _amount(_("budget in money"), _("Counts billable time at the rate per hour."))
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        through="Membership",
        related_name="projects",
        verbose_name=_("members"),
        blank=True,
        help_text=_("Nobody named: everybody may spend time on it."),
    )
    archived = models.BooleanField(_("archived"), default=False)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        verbose_name = _("project")
        verbose_name_plural = _("projects")
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["client", "name"],
                condition=Q(client__isnull=False),
                name="tracking_project_name_once_per_client",
            ),
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(client=None),
                name="tracking_project_name_once_without_client",
            ),
            models.CheckConstraint(
                condition=Q(budget_hours=None) | Q(budget_money=None),
                name="tracking_project_one_budget",
                violation_error_message=_("A budget is in hours or in money, not in both."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def active(self) -> bool:
        """Whether time may be spent on it: neither it nor its client is archived."""
        return not (self.archived or (self.client is not None and self.client.archived))

    @property
    def currency(self) -> str:
        """The currency of its money: its client's, else the installation's."""
        return self.client.currency if self.client else default_currency()


class Membership(models.Model):
    """A person who may spend time on a project. A project without any is everybody's."""

    project = models.ForeignKey(Project, models.CASCADE, verbose_name=_("project"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, verbose_name=_("person")
    )

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "project"], name="tracking_member_once_per_project"
            )
        ]

    def __str__(self) -> str:
        return str(self.project)


class TaskQuerySet(models.QuerySet["Task"]):
    """Ways to ask for tasks."""

    def open(self) -> Self:
        """Tasks that are not done, of active projects."""
        return self.filter(done=False, project__in=Project.objects.active())


class Task(models.Model):
    """A part of a project."""

    project = models.ForeignKey(
        Project, models.CASCADE, related_name="tasks", verbose_name=_("project")
    )
    name = models.CharField(_("name"), max_length=200)
    done = models.BooleanField(_("done"), default=False)

    objects = TaskQuerySet.as_manager()

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "name"], name="tracking_task_name_once_per_project"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    """A word that entries of any project may carry."""

    name = models.CharField(_("name"), max_length=50)
    archived = models.BooleanField(_("archived"), default=False)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("name"),
                name="tracking_tag_name_once",
                violation_error_message=_("There is a tag of this name already."),
            )
        ]

    def __str__(self) -> str:
        return self.name


class TimeEntryQuerySet(models.QuerySet["TimeEntry"]):
    """Ways to ask for time entries."""

    def of(self, user: Person) -> Self:
        """A person's own entries."""
        return self.filter(user_id=user.pk)

    def visible_to(self, user: Person) -> Self:
        """Entries that a person may see: their own; managers see the team's."""
        return self if manages(user) else self.of(user)

    def changeable_by(self, user: Person) -> Self:
        """Entries that a person may change: their own; admins everybody's."""
        return self if administers(user) else self.of(user)

    def shown(self) -> Self:
        """With all that a row shows: three queries however many rows."""
        return self.select_related("project__client", "task").prefetch_related("tags")


class TimeEntry(models.Model):
    """Time that a person spent. Without an end it is that person's running timer.

    Its day is that of the start in the zone that the person had when the start was saved, and stays
    when the person moves to another zone: yesterday's work must not change its day by travelling.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,  # who leaves is erased or deactivated; their time is the team's
        related_name="time_entries",
        verbose_name=_("person"),
    )
    project = models.ForeignKey(
        Project,
        models.PROTECT,
        related_name="time_entries",
        db_index=False,  # an index below begins with it
        null=True,
        blank=True,
        verbose_name=_("project"),
    )
    task = models.ForeignKey(
        Task,
        models.PROTECT,
        related_name="time_entries",
        null=True,
        blank=True,
        verbose_name=_("task"),
    )
    description = models.CharField(_("description"), max_length=DESCRIPTION_LENGTH, blank=True)
    tags = models.ManyToManyField(
        Tag, related_name="time_entries", blank=True, verbose_name=_("tags")
    )
    billable = models.BooleanField(_("billable"), default=False)
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    active_at = models.DateTimeField(
        _("last activity"),
        null=True,
        editable=False,
        help_text=_("When the person was last seen while it ran."),
    )
    day = models.DateField(
        _("day"),
        editable=False,
        help_text=_("The day on which the entry starts in its person's time zone."),
    )
    seconds = models.PositiveIntegerField(
        _("seconds"),
        null=True,
        editable=False,
        help_text=_("How long it took, for sums; empty while it runs."),
    )
    version = models.PositiveIntegerField(
        default=0, editable=False, help_text=_("Counts changes, so that none is overwritten.")
    )

    objects = TimeEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("time entry")
        verbose_name_plural = _("time entries")
        ordering: ClassVar = ["-started_at", "-pk"]
        indexes: ClassVar = [
            models.Index(fields=["user", "day"], name="tracking_entry_user_day"),
            # Sums of a project, without reading its rows.
            models.Index(
                fields=["project", "billable", "seconds"], name="tracking_entry_project_sum"
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(ended_at=None),
                name="tracking_one_running_timer",
                violation_error_message=_("A timer is running already."),
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")),
                name="tracking_entry_ends_after_start",
                violation_error_message=_("An entry cannot end before it starts."),
            ),
        ]

    def __str__(self) -> str:
        return self.description or str(_("Time entry"))

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """Save and count the change; day and seconds follow from start, end and time zone."""
        self.version += 1
        if update_fields is None:
            self.follow()
        else:
            update_fields = {*update_fields, "version"}
            if not update_fields.isdisjoint({"started_at", "ended_at"}):
                self.follow()
                update_fields |= {"day", "seconds"}
        super().save(*args, update_fields=update_fields, **kwargs)

    def follow(self) -> None:
        """Set what is kept beside start and end. The day stays while the start does."""
        start = (self.started_at, self.user_id)
        if start != self._followed:
            self.day = local_day(self.started_at, self.user.time_zone)
            self._followed = start
        self.seconds = None if self.ended_at is None else int(self.duration.total_seconds())

    _followed: tuple[datetime, Any] | None = None

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Self:
        """A row as it was read: its day is that of its start."""
        entry = super().from_db(*args, **kwargs)
        if not {"started_at", "user_id"} & entry.get_deferred_fields():
            entry._followed = (entry.started_at, entry.user_id)
        return entry

    def clean(self) -> None:
        """Refuse a task of another project, and moments that have no day in every time zone."""
        for name in ("started_at", "ended_at"):
            moment = getattr(self, name)
            if moment is not None and not date.min.year < moment.year < date.max.year:
                raise ValidationError({name: _("Choose a year from 2 to 9998.")})
        if self.task is not None and self.task.project_id != self.project_id:
            raise ValidationError({"task": _("This task belongs to another project.")})

    @property
    def running(self) -> bool:
        """Whether this is a running timer."""
        return self.ended_at is None

    @property
    def duration(self) -> timedelta:
        """How long it took, or has taken until now."""
        return self.duration_at(timezone.now())

    def duration_at(self, now: datetime) -> timedelta:
        """How long it took, or had taken at an aware moment: whole seconds, so that sums agree."""
        seconds = int(((self.ended_at or now) - self.started_at).total_seconds())
        return timedelta(seconds=max(seconds, 0))


def local_day(moment: datetime, time_zone: str) -> date:
    """The day of an aware moment in a zone, given by its IANA name."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


class Deletion(models.Model):
    """Entries that somebody has deleted, kept for a while so that it can be undone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("deleted by")
    )
    deleted_at = models.DateTimeField(_("deleted"), default=timezone.now, db_index=True)
    entries = models.JSONField(_("entries"))

    class Meta:
        verbose_name = _("deletion")
        verbose_name_plural = _("deletions")

    def __str__(self) -> str:
        return str(self.pk)


class TimesheetRow(models.Model):
    """A row of a week's timesheet that stands there though it may have no time yet.

    Rows that have time stand there by themselves. Whoever adds one holds the person's row
    (`services.timesheet`), so that it is there once.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="+",
        db_index=False,  # the index below begins with it
        verbose_name=_("person"),
    )
    week = models.DateField(_("week"), help_text=_("The first day of the person’s week."))
    project = models.ForeignKey(
        Project, models.CASCADE, related_name="+", null=True, blank=True, verbose_name=_("project")
    )
    task = models.ForeignKey(
        Task, models.CASCADE, related_name="+", null=True, blank=True, verbose_name=_("task")
    )

    class Meta:
        verbose_name = _("timesheet row")
        verbose_name_plural = _("timesheet rows")
        indexes: ClassVar = [models.Index(fields=["user", "week"], name="tracking_row_user_week")]

    def __str__(self) -> str:
        return f"{self.week:%Y-%m-%d}: {self.project or _('No project')}"
