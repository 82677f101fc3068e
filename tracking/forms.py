"""What people type and choose: the fields that every form about time shares."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tracking.clockface import as_typed
from tracking.models import Project, Task, TimeEntry
from tracking.offers import OFFERED, Choices, Offer, offer_of
from tracking.people import Person
from tracking.spans import moment
from tracking.typed import parse_day, parse_time
from tracking.widgets import TellingSelect

MORE = "more"


class OfferedField(forms.ModelChoiceField):
    """A choice of an `Offer`; any row of what is `allowed` is taken, offered or not."""

    allowed: Callable[[], QuerySet[Any]]  # made only where something was chosen

    def offer(self, choices: Choices, *, more: bool = False) -> None:
        """Show the empty choice, these, and the way to more of them."""
        last = [(MORE, _("More projects…"))] if more else []
        self.widget.choices = [("", self.empty_label), *choices, *last]

    def to_python(self, value: Any) -> Any:
        """The row, though it may not be among those that are offered."""
        if value in self.empty_values:
            return None
        if value == MORE:
            raise forms.ValidationError(_("Choose a project from the list."), code="more")
        try:
            return self.allowed().get(pk=value)
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
    project = OfferedField(
        Project.objects.none(),
        label=_("Project"),
        required=False,
        empty_label=_("No project"),
        widget=TellingSelect,
        error_messages={
            "invalid_choice": _("This project is archived or was removed. Choose another one.")
        },
    )
    task = OfferedField(
        Task.objects.none(),
        label=_("Task"),
        required=False,
        empty_label=_("No task"),
        widget=TellingSelect,
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
        offer: Offer | None = None,
        prefix_of_ids: str = "work",
        **kwargs: Any,
    ) -> None:
        """A form of `user` for a new entry, or filled with an `entry` that is to be changed.

        An `offer` may come from the page, whose forms share it.
        """
        initial = {**(_initial(entry) if entry else {}), **kwargs.pop("initial", {})}
        super().__init__(data, initial=initial, auto_id=f"{prefix_of_ids}-%s", **kwargs)
        if data is not None and data.get("project") == MORE:
            offer = offer_of(user, None, entry)
        elif offer is None or not offer.has(entry):
            offer = offer_of(user, OFFERED, entry)
        self._offer(user, offer, entry)
        for field in self.fields.values():
            select = isinstance(field.widget, forms.Select)
            field.widget.attrs.setdefault("class", "form-select" if select else "form-control")

    def _offer(self, user: Person, offer: Offer, entry: TimeEntry | None) -> None:
        project, task = self.fields["project"], self.fields["task"]
        assert isinstance(project, OfferedField)
        assert isinstance(task, OfferedField)
        project.offer(offer.projects, more=offer.more)
        task.offer(offer.tasks)
        if offer.more:
            project.widget.attrs["data-more"] = reverse("work_options")
        kept = (entry.project_id, entry.task_id) if entry else (None, None)
        project.allowed = lambda: Project.objects.filter(
            Q(pk__in=Project.objects.open_to(user).values("pk")) | Q(pk=kept[0])
        )
        task.allowed = lambda: Task.objects.filter(
            Q(done=False) | Q(pk=kept[1]), project__in=project.allowed()
        )


def _initial(entry: TimeEntry) -> dict[str, Any]:
    return {
        "description": entry.description,
        "project": entry.project_id,
        "task": entry.task_id,
        "tags": ", ".join(tag.name for tag in entry.tags.all()),
    }


class StartForm(WorkForm):
    """What the timer is to be about; tags are given while it runs."""

    def __init__(
        self, user: Person, data: Mapping[str, Any] | None = None, *, offer: Offer | None = None
    ) -> None:
        super().__init__(user, data, offer=offer, prefix_of_ids="timer")
        del self.fields["tags"]


class TimerChangeForm(WorkForm):
    """The running timer's: what it is about, and when it started."""

    start = forms.CharField(label=_("Started at"), required=False)
    day = forms.CharField(label=_("on"), required=False)
    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def __init__(
        self, user: Person, data: Any = None, *, entry: TimeEntry, offer: Offer | None = None
    ) -> None:
        local = timezone.localtime(entry.started_at, ZoneInfo(user.time_zone))
        self.entry, self.zone = entry, ZoneInfo(user.time_zone)
        initial = {
            "start": as_typed(local, user),
            "day": local.date().isoformat(),
            "version": entry.version,
        }
        super().__init__(
            user, data, entry=entry, offer=offer, initial=initial, prefix_of_ids="running"
        )

    def clean(self) -> dict[str, Any]:
        """Make `started_at` of day and time, as long as one of them was changed."""
        cleaned = super().clean() or {}
        start, day = cleaned.pop("start", ""), cleaned.pop("day", "")
        cleaned["started_at"] = None
        if not {"start", "day"} & set(self.changed_data):
            return cleaned
        today = timezone.localtime(None, self.zone).date()
        at = read(self, "start", lambda: parse_time(start))
        on = read(self, "day", lambda: parse_day(day or "today", today))
        if at is not None and on is not None:
            cleaned["started_at"] = read(self, "start", lambda: moment(on, at, self.zone))
        return cleaned


def has_seen(form: forms.Form, version: int) -> None:
    """The form shows what an entry says now: sent again, it is meant so."""
    data = cast(QueryDict, form.data).copy()
    data["version"] = str(version)
    form.data = data


Value = TypeVar("Value")


def read(form: forms.Form, name: str, parse: Callable[[], Value]) -> Value | None:
    """What is read of a field; None with an error beside it where it makes no sense."""
    try:
        return parse()
    except forms.ValidationError as error:
        form.add_error(name, error)
        return None
