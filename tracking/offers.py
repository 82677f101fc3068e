"""What a person may choose of: the lists of projects and tasks, read once for a page's forms."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db.models import Max, Q
from django.utils.translation import gettext as _

from tracking.models import Project, ProjectQuerySet, Task, TimeEntry
from tracking.people import Person

OFFERED = 30  # projects in a list that must stay light; "More projects…" offers all

Choices = Sequence[tuple[Any, Any]]  # as Django's selects take them, under headings
Row = tuple[int, str, bool, str | None]  # a project: key, name, whether billable, client


@dataclass(frozen=True)
class Key:
    """The value of an option, and what the option tells the page's script: `data-billable`."""

    pk: int
    name: str
    told: str

    def __str__(self) -> str:
        return str(self.pk)


@dataclass(frozen=True)
class Offer:
    """Projects by client, and their tasks by project.

    These are plain choices and no query sets, which each form would evaluate anew.
    """

    projects: Choices
    tasks: Choices
    more: bool  # there are other projects
    works: frozenset[tuple[int | None, int | None]]  # keys of project and task, and of none

    def has(self, entry: TimeEntry | None) -> bool:
        """Whether what an entry is about can be chosen."""
        return entry is None or (entry.project_id, entry.task_id) in self.works


def offer_of(user: Person, most: int | None = OFFERED, entry: TimeEntry | None = None) -> Offer:
    """The person's latest projects, filled up by name: at most so many, all of them with None.

    What an `entry` is about comes with them, though it may be archived or done by now.
    """
    rows = _rows(Project.objects.open_to(user))
    more = most is not None and len(rows) > most
    if most is not None and more:
        rows = _latest(user, rows, most)
    keys = [pk for pk, *_others in rows]
    if entry and entry.project_id and entry.project_id not in keys:
        keys.append(entry.project_id)
        rows = _rows(Project.objects.filter(pk__in=keys))
    tasks = _tasks(keys, entry)
    works = [(None, None), *((pk, None) for pk in keys), *((row[1], row[0]) for row in tasks)]
    return Offer(by_client(rows), _by_project(tasks), more, frozenset(works))


def every_one(projects: ProjectQuerySet) -> Choices:
    """All these projects by client."""
    return by_client(_rows(projects))


def by_client(rows: Iterable[Row]) -> Choices:
    """Rows in the order of clients as choices under their names."""
    return [
        (
            client or _("No client"),
            [(Key(pk, "billable", str(billable).lower()), name) for pk, name, billable, _c in of],
        )
        for client, of in groupby(rows, itemgetter(3))
    ]


# --- parts -------------------------------------------------------------------------------------


def _rows(projects: ProjectQuerySet) -> list[Row]:
    return list(projects.by_client().values_list("pk", "name", "billable", "client__name"))


def _latest(user: Person, rows: list[Row], most: int) -> list[Row]:
    """Those with the person's latest entries, filled up by the first others; in their order."""
    latest = (
        TimeEntry.objects.of(user)
        .filter(project__isnull=False)
        .values("project")
        .annotate(last=Max("day"))
        .order_by("-last")
        .values_list("project", flat=True)[:most]
    )
    keys = [pk for pk, *_others in rows]
    allowed = set(keys)
    first = [pk for pk in latest if pk in allowed]
    offered = set(list(dict.fromkeys([*first, *keys]))[:most])
    return [row for row in rows if row[0] in offered]


def _tasks(projects: list[int], entry: TimeEntry | None) -> list[tuple[int, int, str, str]]:
    """Open tasks and that of the entry, by project: key, that of the project, both names."""
    wanted = Q(done=False)
    if entry and entry.task_id:
        wanted |= Q(pk=entry.task_id)
    tasks = Task.objects.filter(wanted, project__in=projects)
    ordered = tasks.order_by("project__name", "project", "name")
    return list(ordered.values_list("pk", "project", "name", "project__name"))


def _by_project(tasks: Iterable[tuple[int, int, str, str]]) -> Choices:
    return [
        (name, [(Key(pk, "project", str(project)), task) for pk, project, task, _name in of])
        for name, of in groupby(tasks, itemgetter(3))
    ]
