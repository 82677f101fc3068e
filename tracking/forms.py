"""What people type and choose: the fields that every form about time shares."""

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Max, Q
from django.forms.models import ModelChoiceIterator
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tracking.models import Project, Task, TimeEntry
from tracking.people import Person
from tracking.spans import moment
from tracking.typed import parse_day, parse_time
from tracking.widgets import QuickProjectSelect, QuickTaskSelect

OFFERED = 30  # projects in a list that must stay light; "More projects…" offers all
MORE = "more"


class GroupedIterator(ModelChoiceIterator):
    """The choices under headings, in the order of the query set."""

    field: "GroupedChoiceField"

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """The empty choice, then each heading with its choices, and the way to more of them."""
        yield ("", self.field.empty_label)
        for heading, rows in groupby(self.queryset, key=self.field.heading):
            yield (heading, [self.choice(row) for row in rows])
        if self.field.more:
            yield (MORE, _("More projects…"))


class GroupedChoiceField(forms.ModelChoiceField):
    """A choice among rows that stand under headings; any row of `allowed` is taken."""

    iterator = GroupedIterator
    more = False
    allowed: Any = None

    def __init__(self, *args: Any, heading: Callable[[Any], str], **kwargs: Any) -> None:
        self.heading = heading
        super().__init__(*args, **kwargs)

    def to_python(self, value: Any) -> Any:
        """The row, though it may not be among those that are offered."""
        if value in self.empty_values:
            return None
        if value == MORE:
            raise forms.ValidationError(_("Choose a project from the list."), code="more")
        try:
            return self.allowed.get(pk=value)
        except (ValueError, TypeError, OverflowError, ObjectDoesNotExist):
            raise forms.ValidationError(
                self.error_messages["invalid_choice"], code="invalid_choice"
            ) from None

    def validate(self, value: Any) -> None:
        """Only whether it is missing; `to_python` has looked for the row."""
        forms.Field.validate(self, value)


class TagsField(forms.CharField):
    """Names of tags, separated by commas; cleans to a list of them, each once."""

    def clean(self, value: Any) -> list[str]:
        """The names, in the order in which they were typed."""
        text = super().clean(value) or ""
        names = {" ".join(name.split()).lower(): " ".join(name.split()) for name in text.split(",")}
        return [name for name in names.values() if name]


class WorkForm(forms.Form):
    """What an entry is about. What fits together is decided in `services`."""

    description = forms.CharField(label=_("Description"), required=False)
    project = GroupedChoiceField(
        Project.objects.none(),
        label=_("Project"),
        required=False,
        empty_label=_("No project"),
        heading=lambda project: project.client.name if project.client else str(_("No client")),
        widget=QuickProjectSelect,
        error_messages={
            "invalid_choice": _("This project is archived or was removed. Choose another one.")
        },
    )
    task = GroupedChoiceField(
        Task.objects.none(),
        label=_("Task"),
        required=False,
        empty_label=_("No task"),
        heading=lambda task: str(task.project),
        widget=QuickTaskSelect,
        error_messages={
            "invalid_choice": _("This task is done or was removed. Choose another one.")
        },
    )
    tags = TagsField(
        label=_("Tags"),
        required=False,
        widget=forms.TextInput(attrs={"placeholder": _("Tags, separated by commas")}),
    )

    def __init__(
        self,
        user: Person,
        data: Mapping[str, Any] | None = None,
        *,
        entry: TimeEntry | None = None,
        prefix_of_ids: str = "work",
        **kwargs: Any,
    ) -> None:
        """A form of `user` for a new entry, or filled with an `entry` that is to be changed."""
        initial = {**(_initial(entry) if entry else {}), **kwargs.pop("initial", {})}
        super().__init__(data, initial=initial, auto_id=f"{prefix_of_ids}-%s", **kwargs)
        wants_more = data is not None and data.get("project") == MORE
        self._offer_projects(user, entry, None if wants_more else OFFERED)
        for field in self.fields.values():
            select = isinstance(field.widget, forms.Select)
            field.widget.attrs.setdefault("class", "form-select" if select else "form-control")

    def _offer_projects(self, user: Person, entry: TimeEntry | None, most: int | None) -> None:
        project, task = self.fields["project"], self.fields["task"]
        assert isinstance(project, GroupedChoiceField)
        assert isinstance(task, GroupedChoiceField)
        projects = Project.objects.open_to(user)
        offered, project.more = offered_projects(user, most)
        if project.more:
            project.widget.attrs["data-more"] = reverse("work_options")
        kept = [entry.project_id] if entry and entry.project_id else []
        project.allowed = Project.objects.filter(Q(pk__in=projects.values("pk")) | Q(pk__in=kept))
        shown = Project.objects.filter(pk__in=[*offered, *kept])
        project.queryset = shown.select_related("client").by_client()
        open_or_kept = Q(done=False) | Q(pk__in=[entry.task_id] if entry and entry.task_id else [])
        task.allowed = Task.objects.filter(open_or_kept, project__in=project.allowed)
        task.queryset = (
            task.allowed.filter(project__in=[*offered, *kept])
            .select_related("project")
            .order_by("project__name", "project", "name")
        )


def offered_projects(user: Person, most: int | None) -> tuple[list[int], bool]:
    """Keys of projects for a list: (the person's latest ones first filled up by name, more?).

    At most so many, all of them with None.
    """
    every = list(Project.objects.open_to(user).by_client().values_list("pk", flat=True))
    if most is None or len(every) <= most:
        return every, False
    latest = (
        TimeEntry.objects.of(user)
        .filter(project__isnull=False)
        .values("project")
        .annotate(last=Max("day"))
        .order_by("-last")
        .values_list("project", flat=True)[:most]
    )
    allowed = set(every)
    first = [pk for pk in latest if pk in allowed]
    return list(dict.fromkeys([*first, *every]))[:most], True


def _initial(entry: TimeEntry) -> dict[str, Any]:
    return {
        "description": entry.description,
        "project": entry.project_id,
        "task": entry.task_id,
        "tags": ", ".join(tag.name for tag in entry.tags.all()),
    }


class TimerChangeForm(WorkForm):
    """The running timer's: what it is about, and when it started."""

    start = forms.CharField(label=_("Started at"), required=False)
    day = forms.CharField(label=_("on"), required=False)
    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def __init__(self, user: Person, data: Any = None, *, entry: TimeEntry) -> None:
        local = timezone.localtime(entry.started_at, ZoneInfo(user.time_zone))
        self.entry, self.zone = entry, ZoneInfo(user.time_zone)
        initial = {
            "start": f"{local:%H:%M}",
            "day": local.date().isoformat(),
            "version": entry.version,
        }
        super().__init__(user, data, entry=entry, initial=initial, prefix_of_ids="running")

    def clean(self) -> dict[str, Any]:
        """Make `started_at` of day and time, as long as one of them was changed."""
        cleaned = super().clean() or {}
        start, day = cleaned.pop("start", ""), cleaned.pop("day", "")
        cleaned["started_at"] = None
        if not {"start", "day"} & set(self.changed_data):
            return cleaned
        today = timezone.localtime(None, self.zone).date()
        for name, read in (
            ("start", lambda: parse_time(start)),
            ("day", lambda: parse_day(day or "today", today)),
        ):
            try:
                cleaned[name] = read()
            except forms.ValidationError as error:
                self.add_error(name, error)
        if "start" in cleaned and "day" in cleaned:
            try:
                cleaned["started_at"] = moment(cleaned.pop("day"), cleaned.pop("start"), self.zone)
            except forms.ValidationError as error:
                self.add_error("start", error)
        return cleaned
