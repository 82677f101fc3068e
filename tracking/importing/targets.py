"""The names of a file as people, projects, tasks and tags; upper and lower case are one.

Managers make what is missing. What takes no time is refused as it is for entries by hand.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from tracking.importing.lines import Row, shown
from tracking.models import DESCRIPTION_LENGTH, Client, Project, Tag, Task
from tracking.people import Person, administers, manages
from tracking.services import locks
from tracking.services.rules import MOST_TAGS, TAG_LENGTH

Named = TypeVar("Named", Client, Project, Task, Tag)
NAME_LENGTH = 200


@dataclass
class New:
    """What is missing, not saved, in the order in which it was asked for."""

    clients: list[Client] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)

    def names(self) -> dict[str, list[str]]:
        """The names of all of it, each with those that it stands below."""
        return {
            "clients": [client.name for client in self.clients],
            "projects": [_path(project) for project in self.projects],
            "tasks": [f"{_path(task.project)} / {task.name}" for task in self.tasks],
            "tags": [tag.name for tag in self.tags],
        }


@dataclass(frozen=True)
class Place:
    """Where a line belongs; what is new is not saved yet."""

    project: Project | None
    task: Task | None
    tags: Sequence[Tag]


class Targets:
    """What there is, as the person who imports sees it, read when it is first asked for."""

    def __init__(self, user: Person) -> None:
        self.user = user
        self.new = New()

    def person_of(self, email: str) -> Any:
        """Whose line it is, by an e-mail in lower case: one's own, for admins anybody's.

        Raises `ValidationError`.
        """
        if not email or email == str(getattr(self.user, "email", "")).lower():
            return self.user
        if not administers(self.user):
            raise ValidationError(
                _(
                    "This is time of %(email)s, which is not the e-mail of your account here. Only"
                    " an admin imports the time of others."
                )
                % {"email": shown(email)}
            )
        found = self._people.get(email, [])
        if len(found) == 1:
            return found[0]
        if found:
            sentence = _("Several people have the e-mail %(email)s. Change it for all but one.")
        else:
            sentence = _("Nobody here has the e-mail %(email)s. Add the person, or their e-mail.")
        raise ValidationError(sentence % {"email": shown(email)})

    def refuse_locked(self, day: date) -> None:
        """As `locks.refuse_locked`, asking the database once for all lines."""
        if self.locked_until is not None and day <= self.locked_until:
            raise ValidationError(
                _("Time up to %(day)s is locked. Ask an admin to import it.")
                % {"day": date_format(self.locked_until)}
            )

    @cached_property
    def locked_until(self) -> date | None:
        """The last day that is locked for the person."""
        return None if administers(self.user) else locks.locked_until()

    def place(self, row: Row) -> Place:
        """Where a row belongs. Raises `ValidationError` with a sentence."""
        if len(row.description) > DESCRIPTION_LENGTH:
            raise ValidationError(
                _("The description has %(length)d characters; at most %(most)d fit. Shorten it.")
                % {"length": len(row.description), "most": DESCRIPTION_LENGTH}
            )
        if row.client and not row.project:
            raise ValidationError(_("It names a client, but no project."))
        if row.task and not row.project:
            raise ValidationError(_("It names a task, but no project."))
        project = self._project(row.client, row.project) if row.project else None
        task = self._task(project, row.task) if row.task and project else None
        return Place(project, task, self._tags_of(row.tags))

    def make(self) -> None:
        """Save what is new, in as many statements however much it is."""
        Client.objects.bulk_create(self.new.clients)
        Project.objects.bulk_create(self.new.projects)
        Task.objects.bulk_create(self.new.tasks)
        Tag.objects.bulk_create(self.new.tags)
        self.new = New()

    # --- parts ---

    def _project(self, client_name: str, name: str) -> Project:
        client = _named(self._clients, client_name.lower(), client_name) if client_name else None
        key = (client_name.lower(), name.lower())
        project = _named(self._projects, key, name)
        if project is None:
            project = self._new_project(client, client_name, name)
            self._projects.setdefault(key, []).append(project)
        if project.active:
            return project
        archived = project.name if project.archived or client is None else client.name
        raise ValidationError(
            _("“%(name)s” is archived and takes no time. A manager can restore it.")
            % {"name": shown(archived)}
        )

    def _new_project(self, client: Client | None, client_name: str, name: str) -> Project:
        if not manages(self.user):
            raise ValidationError(
                _(
                    "There is no project “%(name)s” that is open to you. Ask a manager to make it,"
                    " or to add you to it."
                )
                % {"name": shown(f"{client_name} / {name}" if client_name else name)}
            )
        _refuse_long(name, NAME_LENGTH)
        if client_name and client is None:
            _refuse_long(client_name, NAME_LENGTH)
            client = Client(name=client_name)
            self._clients.setdefault(client_name.lower(), []).append(client)
            self.new.clients.append(client)
        project = Project(name=name, client=client)
        if client is None or not client.archived:
            self.new.projects.append(project)
        return project

    def _task(self, project: Project, name: str) -> Task:
        key = (id(project), name.lower())
        task = _named(self._tasks, key, name)
        if task is None:
            if not manages(self.user):
                raise ValidationError(
                    _("“%(project)s” has no task “%(name)s”. Ask a manager to make it.")
                    % {"project": shown(project.name), "name": shown(name)}
                )
            _refuse_long(name, NAME_LENGTH)
            task = Task(project=project, name=name)
            self._tasks.setdefault(key, []).append(task)
            self.new.tasks.append(task)
        if task.done:
            raise ValidationError(
                _("The task “%(name)s” is done and takes no time. A manager can open it again.")
                % {"name": shown(task.name)}
            )
        return task

    def _tags_of(self, names: Iterable[str]) -> list[Tag]:
        tags = [self._tag(name) for name in names]
        if len(tags) > MOST_TAGS:
            raise ValidationError(_("An entry carries at most %d tags.") % MOST_TAGS)
        return tags

    def _tag(self, name: str) -> Tag:
        tag = _named(self._tags, name.lower(), name)
        if tag is None:
            _refuse_long(name, TAG_LENGTH)
            tag = Tag(name=name)
            self._tags.setdefault(name.lower(), []).append(tag)
            self.new.tags.append(tag)
        if tag.archived:
            raise ValidationError(
                _("The tag “%(name)s” is archived. A manager can restore it.")
                % {"name": shown(tag.name)}
            )
        return tag

    @cached_property
    def _people(self) -> dict[str, list[Any]]:
        return _by_name((person.email.lower(), person) for person in _with_email())

    @cached_property
    def _clients(self) -> dict[Any, list[Client]]:
        return _by_name((client.name.lower(), client) for client in Client.objects.all())

    @cached_property
    def _projects(self) -> dict[Any, list[Project]]:
        seen = Project.objects.visible_to(self.user).select_related("client")
        return _by_name(
            ((project.client.name.lower() if project.client else "", project.name.lower()), project)
            for project in sorted(seen, key=lambda project: not project.active)
        )

    @cached_property
    def _tasks(self) -> dict[Any, list[Task]]:
        projects = {project.pk: project for same in self._projects.values() for project in same}
        return _by_name(
            ((id(projects[task.project_id]), task.name.lower()), task)
            for task in Task.objects.order_by("done")
            if task.project_id in projects
        )

    @cached_property
    def _tags(self) -> dict[Any, list[Tag]]:
        return _by_name((tag.name.lower(), tag) for tag in Tag.objects.all())


def _with_email() -> Any:
    return get_user_model()._default_manager.exclude(email="")


def _by_name(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, list[Any]]:
    """All that share a key; two of which one is written in capitals are two."""
    found: dict[Any, list[Any]] = {}
    for key, thing in pairs:
        found.setdefault(key, []).append(thing)
    return found


def _named(things: Mapping[Any, list[Named]], key: Any, name: str) -> Named | None:
    """The one that is written just so, else the first that differs in case alone."""
    same = things.get(key, [])
    return next((thing for thing in same if thing.name == name), same[0] if same else None)


def _refuse_long(name: str, most: int) -> None:
    if len(name) > most:
        raise ValidationError(
            _("The name “%(name)s” is too long: at most %(most)d characters fit.")
            % {"name": shown(name), "most": most}
        )


def _path(project: Project) -> str:
    return f"{project.client.name} / {project.name}" if project.client else project.name
