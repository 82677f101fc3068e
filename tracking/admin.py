"""The time tracker in the administration.

Keys with a search window stand for long lists: Django's autocompletion writes styles into the page,
which the content security policy forbids, and leaves its fields without a label.

Deletions are left out: they hold what people wrote and threw away, are kept for a day only so that
each may undo their own, and are nobody else's business.
"""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _

from tracking.models import (
    Client,
    Lock,
    Membership,
    Project,
    Rate,
    Tag,
    Task,
    TimeEntry,
    TimesheetRow,
)
from tracking.money import money
from tracking.templatetags.durations import clock


class DateAndTime(forms.SplitDateTimeWidget):
    """The browser's own fields for date and time, each with a label for readers of screens.

    Django's calendar for them writes styles into the page, too.
    """

    def __init__(self, attrs: Any = None) -> None:
        super().__init__(
            attrs,
            date_format="%Y-%m-%d",  # what these fields take, in every language
            time_format="%H:%M:%S",
            date_attrs={"type": "date", "aria-label": gettext("Date")},
            time_attrs={"type": "time", "step": "1", "aria-label": gettext("Time")},
        )


class LabelledFormSet(forms.BaseInlineFormSet):
    """Fields that say their names to readers of screens: Django has heads of columns alone."""

    def add_fields(self, form: Any, index: int | None) -> None:
        """The fields of a row, that to delete it among them."""
        super().add_fields(form, index)
        for field in form.visible_fields():
            field.field.widget.attrs["aria-label"] = field.label


class TaskInline(admin.TabularInline):
    """A project's tasks, on its page."""

    model = Task
    formset = LabelledFormSet
    extra = 1


class MembershipInline(admin.TabularInline):
    """Who may spend time on a project, on its page."""

    model = Membership
    formset = LabelledFormSet
    extra = 1
    raw_id_fields = ("user",)
    verbose_name_plural = _("members (nobody named: everybody may spend time on it)")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """People are added and taken away, not changed into others: no search box for each row."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """With the names that the rows show."""
        memberships: QuerySet[Membership] = super().get_queryset(request)
        return memberships.select_related("user", "project")


@admin.register(Client)
class ClientAdmin(admin.ModelAdmin):
    """For whom work is done."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Money that is counted already becomes no other currency's."""
        valued = TimeEntry.objects.filter(project__client=obj, rate_cents__gt=0)
        return ("currency",) if obj is not None and valued.exists() else ()

    list_display = ("name", "currency", "projects", "archived")
    list_filter = ("archived", "currency")
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        """Clients with the number of their projects, counted in the same query."""
        clients: QuerySet[Client] = super().get_queryset(request)
        return clients.annotate(project_count=Count("projects"))

    @admin.display(description=_("projects"), ordering="project_count")
    def projects(self, client: Client) -> int:
        """How many projects the client has."""
        return client.project_count  # type: ignore[attr-defined, no-any-return]  # annotated above


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin):
    """Work that time is spent on."""

    list_display = ("name", "client", "mark", "billable", "budget", "archived")
    list_filter = (
        "archived",
        "billable",
        ("budget_hours", admin.EmptyFieldListFilter),
        ("budget_money", admin.EmptyFieldListFilter),
        ("client", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("client",)
    search_fields = ("name", "client__name")
    raw_id_fields = ("client",)
    inlines: ClassVar = [TaskInline, MembershipInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Money that is counted already becomes no other client's."""
        valued = TimeEntry.objects.filter(project=obj, rate_cents__gt=0)
        return ("client",) if obj is not None and valued.exists() else ()

    @admin.display(description=_("colour"), ordering="color")
    def mark(self, project: Project) -> SafeString:
        """The project's colour, shown and named."""
        return format_html(
            '<svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true">'
            '<circle cx="5" cy="5" r="5" fill="{0}"/></svg> {0}',
            project.color,
        )

    @admin.display(description=_("budget"), empty_value="–")
    def budget(self, project: Project) -> str | None:
        """The budget with its unit."""
        if project.budget_money is not None:
            return money(project.budget_money, project.currency)
        if project.budget_hours is not None:
            return f"{number_format(project.budget_hours)}\N{NO-BREAK SPACE}{_('h')}"
        return None


@admin.register(Task)
class TaskAdmin(admin.ModelAdmin):
    """Parts of projects."""

    list_display = ("name", "project", "done")
    list_filter = ("done", ("project", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("project",)
    search_fields = ("name", "project__name")
    raw_id_fields = ("project",)

    def get_readonly_fields(self, request: HttpRequest, obj: Task | None = None) -> tuple[str, ...]:
        """A task stays with its project: its entries are of that one."""
        return () if obj is None else ("project",)


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):
    """Words that entries carry."""

    list_display = ("name", "archived")
    list_filter = ("archived",)
    search_fields = ("name",)


@admin.register(Rate)
class RateAdmin(admin.ModelAdmin):
    """Read only: the page of rates says what a change revalues, and revalues it."""

    list_display = ("project", "user", "client", "since", "amount")
    list_filter = ("since",)
    list_select_related = ("project", "user", "client")
    search_fields = ("project__name", "user__username", "client__name")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """On its own page."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """On its own page."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """On its own page, which revalues; here only with what it is for."""
        match = request.resolver_match
        own = match is not None and str(match.url_name).startswith("tracking_rate_")
        return not own and super().has_delete_permission(request, obj)


@admin.register(Lock)
class LockAdmin(admin.ModelAdmin):
    """Who locked time up to when. Read only: the last one counts, the others are history."""

    list_display = ("until", "user", "locked_at")
    list_select_related = ("user",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """On its own page."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """History does not change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """History does not change."""
        return False


@admin.register(TimeEntry)
class TimeEntryAdmin(admin.ModelAdmin):
    """Everybody's time; moments are shown in the zone of the person who looks."""

    list_display = (
        "day",
        "user",
        "what",
        "project",
        "task",
        "started_at",
        "ended_at",
        "took",
        "billable",
    )
    list_display_links = ("day", "what")
    list_filter = (
        ("ended_at", admin.EmptyFieldListFilter),
        "billable",
        "day",
        ("project", admin.RelatedOnlyFieldListFilter),
        ("user", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("user", "project", "task")
    search_fields = ("description", "project__name", "task__name", "user__username")
    raw_id_fields = ("user", "project", "task", "tags")
    formfield_overrides: ClassVar = {
        models.DateTimeField: {
            "form_class": forms.SplitDateTimeField,
            "widget": DateAndTime,
        }
    }
    readonly_fields = ("day", "seconds", "rate_cents", "active_at", "version")
    # Seconds, with a million rows: to sort them by their start, to look for all their years
    # (date_hierarchy), to count them a second time beside what was found.
    ordering = ("-id",)
    show_full_result_count = False

    @admin.display(description=_("description"), ordering="description")
    def what(self, entry: TimeEntry) -> str:
        """The description, or a word in its place."""
        return str(entry)

    @admin.display(description=_("duration"))
    def took(self, entry: TimeEntry) -> str:
        """How long it took, as h:mm:ss; a running timer until now."""
        return clock(entry.duration)


@admin.register(TimesheetRow)
class TimesheetRowAdmin(admin.ModelAdmin):
    """Rows that people added to their weeks, on the page of the week; here they are looked at."""

    list_display = ("week", "user", "project", "task")
    list_filter = ("week", ("user", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("user", "project", "task")
    search_fields = ("user__username", "project__name", "task__name")
    ordering = ("-week", "user", "id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The page of the week adds each once."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A row that is wrong is taken away."""
        return False
