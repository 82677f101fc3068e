"""What managers do with projects, clients, tasks and tags."""

import hashlib
from collections.abc import Collection
from decimal import Decimal
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

import analytics
from tracking.models import (
    Client,
    Membership,
    Project,
    Tag,
    Task,
    TimeEntry,
    TimeEntryQuerySet,
)
from tracking.money import in_cents
from tracking.people import Person
from tracking.services.locks import refuse_locked
from tracking.services.rates import Level, set_rate
from tracking.services.rules import ChangedElsewhereError
from tracking.typed import EARLIEST


class ProjectFields(TypedDict, total=False):
    """What is written of a project; what is left out stays as it is."""

    name: str
    client: Client | None
    color: str
    billable: bool
    budget_hours: Decimal | None
    budget_money: Decimal | None
    archived: bool


@transaction.atomic
def create_project(
    user: Person,
    fields: ProjectFields,
    *,
    new_client: str = "",
    members: Collection[Any] = (),
    hourly_rate: Decimal | None = None,
) -> Project:
    """Make a project; without members it is everybody's. Returns it.

    An `hourly_rate`, in the currency of its client, holds for all of its time. `new_client` is
    the name of a client that counts instead of `fields["client"]` and is made where there is none.
    Raises `ValidationError` with a sentence per field.
    """
    project = Project()
    _put(user, project, fields, new_client)
    if hourly_rate is not None:
        _rate(user, project, hourly_rate)
    Membership.objects.bulk_create(Membership(project=project, user_id=pk) for pk in set(members))
    analytics.track_event(user.pk, "project.created", _told(project))
    return project


@transaction.atomic
def update_project(
    user: Person,
    pk: int,
    fields: ProjectFields,
    *,
    new_client: str = "",
    members: Collection[Any] | None = None,
    seen: str | None = None,
) -> Project:
    """Change a project; `members` are keys of people, None leaves them as they are. Returns it.

    What is the same as before is no change. Raises `Project.DoesNotExist`,
    `ChangedElsewhereError` where the project is not as it was `seen` (`fingerprint`) any more, and
    `ValidationError` with a sentence per field.
    """
    project = Project.objects.select_for_update().get(pk=pk)
    if seen is not None and seen != fingerprint(project):
        raise ChangedElsewhereError(
            _(
                "Somebody has changed this project since you opened it. Below stands what you"
                " entered: save again to put it in the place of theirs."
            )
        )
    before, currency = _values(project), project.currency
    _put(user, project, fields, new_client)
    if project.client_id != before["client_id"]:
        _refuse_locked_time(user, project)
    if project.currency != currency:
        _refuse_other_currency(TimeEntry.objects.filter(project=project), "client")
    others = members is not None and _set_members(project, set(members))
    changed = {name for name, value in _values(project).items() if value != before[name]}
    if project.archived and "archived" in changed:
        analytics.track_event(user.pk, "project.archived", _told(project))
        changed.remove("archived")
    if changed or others:
        analytics.track_event(user.pk, "project.updated", _told(project))
    return project


def fingerprint(project: Project) -> str:
    """Stands for all that can be changed of a project; another one, and it was changed."""
    members = sorted(str(pk) for pk in project.members.values_list("pk", flat=True))
    return hashlib.sha256(repr((_values(project), members)).encode()).hexdigest()[:16]


@transaction.atomic
def create_client(user: Person, name: str, currency: str) -> Client:
    """Make a client. Raises `ValidationError` with a sentence per field."""
    client = Client(name=_tidy(name), currency=currency)
    _refuse_taken(client)
    _save_client(client)
    analytics.track_event(user.pk, "client.created", {})
    return client


@transaction.atomic
def update_client(
    pk: int, *, name: str | None = None, currency: str | None = None, archived: bool | None = None
) -> Client:
    """Change a client; None leaves as it is. Projects of an archived client take no more time.

    Raises `Client.DoesNotExist`, and `ValidationError` with a sentence per field.
    """
    client = Client.objects.select_for_update().get(pk=pk)
    if name is not None and _tidy(name) != client.name:
        client.name = _tidy(name)
        _refuse_taken(client)
    if currency not in {None, client.currency}:
        _refuse_other_currency(TimeEntry.objects.filter(project__client=client), "currency")
    client.currency = client.currency if currency is None else currency
    client.archived = client.archived if archived is None else archived
    _save_client(client)
    return client


@transaction.atomic
def create_task(user: Person, project: Project, name: str) -> Task:
    """Add a task to a project. Raises `ValidationError` for the field `name`."""
    task = Task(project=project, name=_tidy(name))
    _save_task(task)
    analytics.track_event(user.pk, "task.created", {})
    return task


@transaction.atomic
def update_task(
    user: Person, pk: int, *, name: str | None = None, done: bool | None = None
) -> Task:
    """Rename a task, or mark it as done or open; None leaves as it is.

    Raises `Task.DoesNotExist`, and `ValidationError` for the field `name`.
    """
    task = Task.objects.select_for_update().get(pk=pk)
    completed = bool(done) and not task.done
    task.name = task.name if name is None else _tidy(name)
    task.done = task.done if done is None else done
    _save_task(task)
    if completed:
        analytics.track_event(user.pk, "task.completed", {})
    return task


@transaction.atomic
def create_tag(name: str) -> Tag:
    """Make a tag. Raises `ValidationError` for the field `name`."""
    return _saved_tag(Tag(name=_tidy(name)))


@transaction.atomic
def update_tag(pk: int, *, name: str | None = None, archived: bool | None = None) -> Tag:
    """Rename a tag on all entries that carry it, or archive it; None leaves as it is.

    Raises `Tag.DoesNotExist`, and `ValidationError` for the field `name`.
    """
    tag = Tag.objects.select_for_update().get(pk=pk)
    tag.name = tag.name if name is None else _tidy(name)
    tag.archived = tag.archived if archived is None else archived
    return _saved_tag(tag)


# --- parts -------------------------------------------------------------------------------------


def _put(user: Person, project: Project, fields: ProjectFields, new_client: str) -> None:
    """Write the fields on the project and save it, if it may be so."""
    for name, value in fields.items():
        setattr(project, name, value)
    project.name = _tidy(project.name)
    if new_client := _tidy(new_client):
        project.client = _client_named(user, new_client)
    project.clean_fields()
    if project.budget_hours is not None and project.budget_money is not None:
        raise ValidationError(_("A budget is in hours or in money, not in both."))
    others = Project.objects.filter(client=project.client, name=project.name)
    taken = _project_taken(project)
    if others.exclude(pk=project.pk).exists():
        raise taken
    _save(project, taken)


def _rate(user: Person, project: Project, amount: Decimal) -> None:
    try:
        set_rate(user, Level(project=project), EARLIEST, in_cents(amount), seen=None)
    except ValidationError as error:
        raise ValidationError({"hourly_rate": error.messages}) from error


def _refuse_locked_time(user: Person, project: Project) -> None:
    """Refuse that locked time becomes another client's."""
    days = TimeEntry.objects.filter(project=project).order_by("day").values_list("day", flat=True)
    refuse_locked(user, *days[:1])


def _refuse_other_currency(entries: TimeEntryQuerySet, field: str) -> None:
    """Refuse that money that is counted already becomes money of another currency."""
    if entries.filter(rate_cents__gt=0).exists():
        sentence = _("Time is valued in this currency already. Make a new client for another one.")
        raise ValidationError({field: sentence})


def _project_taken(project: Project) -> ValidationError:
    name = {"name": project.name, "client": project.client}
    if project.client is None:
        sentence = _("There is a project “%(name)s” without a client already.") % name
    else:
        sentence = _("%(client)s has a project “%(name)s” already.") % name
    return ValidationError({"name": sentence + " " + _("Choose another name.")})


def _client_named(user: Person, name: str) -> Client:
    """The client of that name, in upper or lower case; made where there is none."""
    client = Client.objects.filter(name__iexact=name).first()
    try:
        client = client or create_client(user, name, Client().currency)
    except ValidationError as error:
        raise ValidationError({"new_client": error.messages}) from error
    if client.archived:
        sentence = _("“%(name)s” is an archived client. Restore it on the page of clients first.")
        raise ValidationError({"new_client": sentence % {"name": client.name}})
    return client


def _refuse_taken(client: Client) -> None:
    """Refuse a name that another client has in upper or lower case."""
    if Client.objects.filter(name__iexact=client.name).exclude(pk=client.pk).exists():
        raise _client_taken(client)


def _save_client(client: Client) -> None:
    client.clean_fields()
    _save(client, _client_taken(client))


def _client_taken(client: Client) -> ValidationError:
    sentence = _("There is a client “%(name)s” already. Choose another name.")
    return ValidationError({"name": sentence % {"name": client.name}})


def _save_task(task: Task) -> None:
    """Save it, unless the project has another one of that name."""
    task.clean_fields()
    sentence = _("This project has a task “%(name)s” already. Choose another name.")
    taken = ValidationError({"name": sentence % {"name": task.name}})
    others = Task.objects.filter(project=task.project_id, name=task.name)
    if others.exclude(pk=task.pk).exists():
        raise taken
    _save(task, taken)


def _saved_tag(tag: Tag) -> Tag:
    tag.clean_fields()
    if "," in tag.name:
        raise ValidationError({"name": _("Commas separate tags: a name cannot hold one.")})
    sentence = _("There is a tag “%(name)s” already. Choose another name.")
    taken = ValidationError({"name": sentence % {"name": tag.name}})
    if Tag.objects.filter(name__iexact=tag.name).exclude(pk=tag.pk).exists():
        raise taken
    _save(tag, taken)
    return tag


def _save(row: models.Model, taken: ValidationError) -> None:
    """Save; what the database refuses was made by somebody else since it was looked for."""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise taken from error


def _set_members(project: Project, members: set[Any]) -> bool:
    """Make them the project's only members; returns whether that changes anything."""
    memberships = Membership.objects.filter(project=project)
    there = set(memberships.values_list("user", flat=True))
    memberships.filter(user__in=there - members).delete()
    Membership.objects.bulk_create(
        Membership(project=project, user_id=pk) for pk in members - there
    )
    return there != members


def _values(project: Project) -> dict[str, Any]:
    return {
        field.attname: getattr(project, field.attname) for field in project._meta.concrete_fields
    }


def _told(project: Project) -> dict[str, bool]:
    return {"has_client": project.client_id is not None}


def _tidy(name: str) -> str:
    return " ".join(name.split())
