"""The time tracker in the administration."""

from typing import ClassVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tracking.models import Client, Project, Task, TimeEntry
from tracking.templatetags.durations import clock


class TaskInline(admin.TabularInline):
    """A project's tasks, on its page."""

    model = Task
    extra = 1


@admin.register(Client)
class ClientAdmin(admin.ModelAdmin):
    """For whom work is done."""

    list_display = ("name", "projects", "archived")
    list_filter = ("archived",)
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

    list_display = ("name", "client", "mark", "archived")
    list_filter = ("archived", ("client", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("client",)
    search_fields = ("name", "client__name")
    autocomplete_fields = ("client",)
    inlines: ClassVar = [TaskInline]

    @admin.display(description=_("colour"), ordering="color")
    def mark(self, project: Project) -> SafeString:
        """The project's colour, shown and named."""
        return format_html(
            '<svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true">'
            '<circle cx="5" cy="5" r="5" fill="{0}"/></svg> {0}',
            project.color,
        )


@admin.register(Task)
class TaskAdmin(admin.ModelAdmin):
    """Parts of projects."""

    list_display = ("name", "project", "done")
    list_filter = ("done", ("project", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("project",)
    search_fields = ("name", "project__name")
    autocomplete_fields = ("project",)


@admin.register(TimeEntry)
class TimeEntryAdmin(admin.ModelAdmin):
    """Everybody's time; moments are shown in the zone of the person who looks."""

    list_display = ("day", "user", "what", "project", "task", "started_at", "ended_at", "took")
    list_display_links = ("day", "what")
    list_filter = (
        ("ended_at", admin.EmptyFieldListFilter),
        "day",
        ("project", admin.RelatedOnlyFieldListFilter),
        ("user", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("user", "project", "task")
    date_hierarchy = "day"
    search_fields = ("description", "project__name", "task__name", "user__username")
    autocomplete_fields = ("user", "project", "task")
    readonly_fields = ("day",)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Django's list; an address that names a year beyond every number shows it unfiltered."""
        try:
            return super().get_changelist_instance(request)
        except OverflowError as error:
            raise IncorrectLookupParameters from error

    @admin.display(description=_("description"), ordering="description")
    def what(self, entry: TimeEntry) -> str:
        """The description, or a word in its place."""
        return str(entry)

    @admin.display(description=_("duration"))
    def took(self, entry: TimeEntry) -> str:
        """How long it took, as h:mm:ss; a running timer until now."""
        return clock(entry.duration)
