"""The things of which reports speak: clients, projects, tasks, tags and people, by their names."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.utils.translation import gettext as _, gettext_lazy

from tracking.models import Client, Project, Tag, Task
from tracking.project_forms import name_of

NONE = "none"  # in an address: entries that have no client, project, task or tag
AT_ONCE = 500  # keys in a query; of more, all names are read

WITHOUT = {
    "client": gettext_lazy("No client"),
    "project": gettext_lazy("No project"),
    "task": gettext_lazy("No task"),
    "tag": gettext_lazy("No tag"),
}


@dataclass(frozen=True)
class Thing:
    """One of a kind; the key None stands for entries that have none of it."""

    key: Any
    name: str
    beside: str = ""  # which of those of the same name
    color: str = ""

    @property
    def value(self) -> str:
        """As in an address."""
        return NONE if self.key is None else str(self.key)


def without(kind: str) -> Thing:
    """What stands for the entries that have none of a kind."""
    return Thing(None, str(WITHOUT[kind]))


def every(kind: str) -> QuerySet[Any]:
    """All there are of a kind."""
    match kind:
        case "client":
            return Client.objects.all()
        case "project":
            return Project.objects.all()
        case "task":
            return Task.objects.all()
        case "tag":
            return Tag.objects.all()
    return get_user_model()._default_manager.all()


def things_of(kind: str, rows: QuerySet[Any]) -> list[Thing]:
    """Rows of a kind in the order of their names; one query."""
    match kind:
        case "project":
            columns = rows.values_list("pk", "name", "client__name", "color")
            found = [Thing(key, name, beside or "", color) for key, name, beside, color in columns]
        case "task":
            found = [Thing(*columns) for columns in rows.values_list("pk", "name", "project__name")]
        case "person":
            found = [Thing(person.pk, _person(person)) for person in rows]
        case _:
            found = [Thing(*columns) for columns in rows.values_list("pk", "name")]
    return sorted(found, key=lambda one: (one.name.casefold(), one.beside.casefold()))


def named(kind: str, keys: Collection[Any]) -> dict[Any, Thing]:
    """The things of these keys, those that there are, and that of None; one query at most."""
    asked = {key for key in keys if key is not None}
    rows = every(kind)
    if len(asked) <= AT_ONCE:
        rows = rows.filter(pk__in=asked)
    things: Iterable[Thing] = things_of(kind, rows) if asked else ()
    found = {one.key: one for one in things}
    return {**found, None: without(kind)} if kind in WITHOUT else found


def _person(person: Any) -> str:
    name = name_of(person)
    return name if person.is_active else _("%(name)s (deactivated)") % {"name": name}
