"""Clients, projects, tasks and time entries. Times are UTC; durations are `timedelta`."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

DESCRIPTION_LENGTH = 500  # characters


class Client(models.Model):
    """Somebody for whom projects are done."""

    name = models.CharField(_("name"), max_length=200, unique=True)
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
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def active(self) -> bool:
        """Whether time may be spent on it: neither it nor its client is archived."""
        return not (self.archived or (self.client is not None and self.client.archived))


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


class TimeEntry(models.Model):
    """Time that a person spent. Without an end it is that person's running timer.

    Its day is that of the start in the zone that the person had when the start was saved, and stays
    when the person moves to another zone: yesterday's work must not change its day by travelling.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="time_entries",
        verbose_name=_("person"),
    )
    project = models.ForeignKey(
        Project,
        models.PROTECT,
        related_name="time_entries",
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
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    day = models.DateField(
        _("day"),
        editable=False,
        help_text=_("The day on which the entry starts in its person's time zone."),
    )

    class Meta:
        verbose_name = _("time entry")
        verbose_name_plural = _("time entries")
        ordering: ClassVar = ["-started_at", "-pk"]
        indexes: ClassVar = [models.Index(fields=["user", "day"], name="tracking_entry_user_day")]
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
        """Save; the day follows from the start and the person's time zone."""
        if update_fields is None or "started_at" in update_fields:
            self.day = local_day(self.started_at, self.user.time_zone)
            update_fields = update_fields and {*update_fields, "day"}
        super().save(*args, update_fields=update_fields, **kwargs)

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
