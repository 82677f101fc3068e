"""Clients, projects, tasks and time entries. Times are UTC; durations are `timedelta`."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import OrderBy
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tracking.people import Person, administers, manages

DESCRIPTION_LENGTH = 500  # characters
MOST_CENTS = 10**9  # per hour, and far more than anybody's; of it a century of work is a sum


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
    budget_hours = _amount(_("budget in hours"))
    budget_money = _amount(
        _("budget in money"), _("Counts billable time at the rates that are kept with it.")
    )
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


class RateQuerySet(models.QuerySet["Rate"]):
    """Ways to ask for rates."""

    def applying(self, *, user: Any, project: Any, client: Any, day: Any) -> Self:
        """The rates that hold for somebody's time on a day, the one that applies first.

        Keys or expressions; a project or client that is null has none of its own.
        """
        return self.filter(
            Q(user=user) | Q(user=None),
            Q(project=project) | Q(project=None),
            Q(client=client) | Q(client=None),
            since__lte=day,
        ).order_by(*Rate.NEAREST_FIRST)


class Rate(models.Model):
    """What an hour of billable time costs from a day on, in the currency of the time's client.

    Whom and what it is for is what it names: a member on a project, a project, a member, a client,
    or nothing: the whole installation. The nearest one applies, in this order; of those the latest.
    """

    NEAREST_FIRST: ClassVar[Sequence[OrderBy | str]] = [
        F("project").asc(nulls_last=True),
        F("user").asc(nulls_last=True),
        F("client").asc(nulls_last=True),
        "-since",
    ]

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("member"),
    )
    project = models.ForeignKey(
        Project,
        models.CASCADE,
        related_name="rates",
        null=True,
        blank=True,
        verbose_name=_("project"),
    )
    client = models.ForeignKey(
        Client,
        models.CASCADE,
        related_name="rates",
        null=True,
        blank=True,
        verbose_name=_("client"),
    )
    since = models.DateField(_("from"), help_text=_("The first day for which it holds."))
    cents = models.PositiveBigIntegerField(
        _("cents per hour"),
        validators=[MaxValueValidator(MOST_CENTS)],
        help_text=_("Hundredths of the currency, so that sums are exact."),
    )

    objects = RateQuerySet.as_manager()

    class Meta:
        verbose_name = _("rate")
        verbose_name_plural = _("rates")
        ordering: ClassVar = ["project", "user", "client", "-since"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(client=None) | Q(project=None, user=None),
                name="tracking_rate_client_alone",
                violation_error_message=_("A rate of a client names no project and no member."),
            ),
            *(
                models.UniqueConstraint(
                    fields=[*named, "since"],
                    condition=Q(**dict.fromkeys(sorted({"client", "project", "user"} - {*named}))),
                    name=f"tracking_rate_once_{'_'.join(named) or 'installation'}",
                    violation_error_message=_("There is a rate from this day on already."),
                )
                for named in [("user", "project"), ("project",), ("user",), ("client",), ()]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} ({self.since:%Y-%m-%d})"

    @property
    def amount(self) -> Decimal:
        """Money per hour."""
        return in_money(self.cents)


def in_money(cents: int) -> Decimal:
    """Cents as an amount with two decimal places."""
    return Decimal(cents).scaleb(-2)


class Lock(models.Model):
    """Up to which day time is locked; the latest row counts, the others say what was before."""

    until = models.DateField(
        _("locked up to"),
        null=True,
        blank=True,
        help_text=_("The last day that nobody but an admin changes; empty: nothing is locked."),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="+",
        null=True,
        editable=False,
        verbose_name=_("locked by"),
    )
    locked_at = models.DateTimeField(_("locked"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("lock")
        verbose_name_plural = _("locks")
        ordering: ClassVar = ["-pk"]
        get_latest_by = "pk"

    def __str__(self) -> str:
        return f"{self.until:%Y-%m-%d}" if self.until else str(_("Nothing is locked."))


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
    rate_cents = models.PositiveBigIntegerField(
        _("rate"),
        null=True,
        editable=False,
        help_text=_("Cents per hour, the rate that applied; empty: there was none."),
    )
    version = models.PositiveIntegerField(
        default=0, editable=False, help_text=_("Counts changes, so that none is overwritten.")
    )
    imported = models.UUIDField(
        _("imported"),
        null=True,
        editable=False,
        help_text=_("Stands for the line of a file that it comes from: none is imported twice."),
    )

    objects = TimeEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("time entry")
        verbose_name_plural = _("time entries")
        ordering: ClassVar = ["-started_at", "-pk"]
        indexes: ClassVar = [
            models.Index(fields=["user", "day"], name="tracking_entry_user_day"),
            # Sums of a project, and of a period, without reading their rows.
            models.Index(
                fields=["project", "user", "day", "task", "billable", "rate_cents", "seconds"],
                name="tracking_entry_project_sums",
            ),
            models.Index(
                fields=["day", "project", "user", "task", "billable", "rate_cents", "seconds"],
                name="tracking_entry_day_sums",
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
            models.UniqueConstraint(
                fields=["imported"],
                condition=Q(imported__isnull=False),
                name="tracking_entry_imported_once",
            ),
        ]

    def __str__(self) -> str:
        return self.description or str(_("Time entry"))

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """Save and count the change; day and seconds follow from start, end and time zone.

        So does the rate: another one only applies where person, project or day are others.
        """
        self.version += 1
        if update_fields is None:
            self.follow()
            self.value()
        else:
            update_fields = {*update_fields, "version"}
            if not update_fields.isdisjoint({"started_at", "ended_at"}):
                self.follow()
                self.value()
                update_fields |= {"day", "seconds", "rate_cents"}
        super().save(*args, update_fields=update_fields, **kwargs)

    def value(self) -> None:
        """Set the rate that applies, unless it is kept."""
        valued = (self.user_id, self.project_id, self.day)
        if valued != self._valued:
            client = Project.objects.filter(pk__in=[self.project_id]).values("client")[:1]
            rates = Rate.objects.applying(
                user=self.user_id, project=self.project_id, client=client, day=self.day
            )
            self.rate_cents = rates.values_list("cents", flat=True).first()
            self._valued = valued

    def follow(self) -> None:
        """Set what is kept beside start and end. The day stays while the start does."""
        start = (self.started_at, self.user_id)
        if start != self._followed:
            self.day = local_day(self.started_at, self.user.time_zone)
            self._followed = start
        self.seconds = None if self.ended_at is None else int(self.duration.total_seconds())

    def keep_rate_of(self, other: Self) -> None:
        """Be worth what another entry is, as long as person, project and day are the same."""
        self.rate_cents = other.rate_cents
        self._valued = (other.user_id, other.project_id, other.day)

    _followed: tuple[datetime, Any] | None = None
    _valued: tuple[Any, int | None, date] | None = None

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Self:
        """A row as it was read: its day is that of its start, its rate the one that applied."""
        entry = super().from_db(*args, **kwargs)
        if not {"started_at", "user_id", "project_id", "day"} & entry.get_deferred_fields():
            entry._followed = (entry.started_at, entry.user_id)
            entry._valued = (entry.user_id, entry.project_id, entry.day)
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


class SavedReport(models.Model):
    """What a report asks for, under a name of its person's."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="+",
        db_index=False,  # the constraint below begins with it
        verbose_name=_("person"),
    )
    name = models.CharField(_("name"), max_length=100)
    query = models.TextField(_("query"), help_text=_("As in the report’s address."))

    class Meta:
        verbose_name = _("saved report")
        verbose_name_plural = _("saved reports")
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "name"], name="tracking_report_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class Import(models.Model):
    """A file of time that somebody brings along. Until it is done it can be left and gone on with.

    Its lines are checked chunk by chunk; then all of them become entries at once, or none does.
    """

    class Source(models.TextChoices):
        TOGGL = "toggl", "Toggl"
        CLOCKIFY = "clockify", "Clockify"

    class State(models.TextChoices):
        READING = "reading", _("is being read")
        ASKING = "asking", _("waits for the order of day and month")
        CHECKING = "checking", _("is being checked")
        CHECKED = "checked", _("waits to be imported")
        DONE = "done", _("imported")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("person")
    )
    made_at = models.DateTimeField(_("made"), default=timezone.now)
    file_name = models.CharField(_("file"), max_length=100)
    source = models.CharField(_("source"), max_length=10, choices=Source.choices)
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    time_zone = models.CharField(_("time zone"), max_length=64)
    month_first = models.BooleanField(_("the month stands before the day"), default=False)
    lines = models.PositiveIntegerField(_("lines"))
    notes = models.JSONField(_("notes"), default=dict, help_text=_("How the file was read."))
    result = models.JSONField(_("result"), default=dict, help_text=_("What will be made, or was."))

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering: ClassVar = ["-made_at"]

    def __str__(self) -> str:
        return self.file_name


class ImportChunk(models.Model):
    """Some lines of a file, as they were read; once they are checked, what they mean."""

    of = models.ForeignKey(
        Import,
        models.CASCADE,
        related_name="chunks",
        db_index=False,  # the constraint below begins with it
        verbose_name=_("import"),
    )
    number = models.PositiveIntegerField(_("number"))
    lines = models.PositiveIntegerField(_("lines"))
    rows = models.JSONField(_("rows"))
    result = models.JSONField(_("result"), null=True, help_text=_("Empty until it is checked."))

    class Meta:
        verbose_name = _("part of an import")
        verbose_name_plural = _("parts of imports")
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["of", "number"], name="tracking_chunk_number_once")
        ]

    def __str__(self) -> str:
        return str(self.number)
