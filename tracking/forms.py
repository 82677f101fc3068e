"""What people type and choose."""

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any

from django import forms
from django.forms.models import ModelChoiceIterator
from django.utils.translation import gettext_lazy as _

from tracking.models import Project, Task


class GroupedIterator(ModelChoiceIterator):
    """The choices under headings, in the order of the query set."""

    field: "GroupedChoiceField"

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """The empty choice, then each heading with its choices."""
        yield ("", self.field.empty_label)
        for heading, rows in groupby(self.queryset, key=self.field.heading):
            yield (heading, [self.choice(row) for row in rows])


class GroupedChoiceField(forms.ModelChoiceField):
    """A choice among rows that stand under headings."""

    iterator = GroupedIterator

    def __init__(self, *args: Any, heading: Callable[[Any], str], **kwargs: Any) -> None:
        self.heading = heading
        super().__init__(*args, **kwargs)


class TaskSelect(forms.Select):
    """Tells the script to which project each task belongs."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Django's option, with its project's key."""
        option = super().create_option(name, value, *args, **kwargs)
        if value:
            option["attrs"]["data-project"] = value.instance.project_id
        return option


class TimerForm(forms.Form):
    """The timer bar. What fits together is decided where the timer starts (`services`)."""

    description = forms.CharField(label=_("Description"), required=False)
    project = GroupedChoiceField(
        Project.objects.none(),
        label=_("Project"),
        required=False,
        empty_label=_("No project"),
        heading=lambda project: project.client.name if project.client else str(_("No client")),
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
        widget=TaskSelect,
        error_messages={
            "invalid_choice": _("This task is done or was removed. Choose another one.")
        },
    )

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, auto_id="timer-%s")
        self._offer("project", Project.objects.active().select_related("client").by_client())
        tasks = Task.objects.open().select_related("project")
        self._offer("task", tasks.order_by("project__name", "project", "name"))

    def _offer(self, name: str, rows: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, GroupedChoiceField)
        field.queryset = rows
        field.widget.attrs["class"] = "form-select"
