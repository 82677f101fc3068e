"""The rules that every entry keeps, however it comes about; each is refused with a sentence."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict, cast

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, Value
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from tracking.clockface import time_of_day
from tracking.models import DESCRIPTION_LENGTH, Project, Tag, Task, TimeEntry
from tracking.people import Person
from tracking.typed import AHEAD, EARLIEST, LONGEST


class What(TypedDict, total=False):
    """What an entry is about."""

    description: str
    project: Project | None
    task: Task | None
    tags: Sequence[Tag]
    billable: bool


class TimerBusyError(ValidationError):
    """The timer was changed elsewhere again and again while it was being started."""


class ChangedElsewhereError(ValidationError):
    """An entry was changed or deleted since the page that changes it was made."""


def completed(what: What) -> What:
    """What follows from it added: a task's project, a project's being billable."""
    done = cast(What, dict(what))
    if "description" in done:
        done["description"] = done["description"].strip()
    task, project = done.get("task"), done.get("project")
    if task is not None and project is None:
        done["project"] = project = task.project
    if "project" in done:
        done.setdefault("task", None)  # a task never stays behind
    if "billable" not in done and "project" in done:
        done["billable"] = project is not None and project.billable
    return done


def refuse_what(user: Person, what: What, before: TimeEntry | None = None) -> None:
    """Refuse a description that is too long, and what is archived, done or not the person's.

    What an entry had `before` it may keep. Raises `ValidationError` with a sentence per field.
    """
    problems: dict[str, str] = {}
    description = what.get("description", "")
    if len(description) > DESCRIPTION_LENGTH:
        problems["description"] = _(
            "The description has %(length)d characters; at most %(most)d fit. Shorten it."
        ) % {"length": len(description), "most": DESCRIPTION_LENGTH}
    project, task = what.get("project"), what.get("task")
    kept = before is not None and project is not None and before.project_id == project.pk
    if project is not None and not kept and (sentence := _project_closed(user, project)):
        problems["project"] = sentence
    if task is not None and (sentence := _task_closed(project, task, before)):
        problems["task"] = sentence
    if problems:
        raise ValidationError(problems)


def _project_closed(user: Person, project: Project) -> str:
    name = {"name": project.name}
    if not project.active:
        return _("“%(name)s” is archived. Choose another project.") % name
    if not Project.objects.visible_to(user).filter(pk=project.pk).exists():
        return _("You are no member of this project. Choose another project.")
    return ""


def _task_closed(project: Project | None, task: Task, before: TimeEntry | None) -> str:
    if project is None or task.project_id != project.pk:
        return _("“%(task)s” is no task of “%(project)s”. Choose another task.") % {
            "task": task.name,
            "project": project.name if project else _("No project"),
        }
    if task.done and (before is None or before.task_id != task.pk):
        return _("“%(name)s” is done. Choose another task.") % {"name": task.name}
    return ""


def refuse_times(started_at: datetime, ended_at: datetime | None) -> None:
    """Refuse moments that can only be a slip, and lengths of nothing or more than a day.

    Raises `ValidationError` for the field `started_at` or `ended_at`. Both are aware.
    """
    now = timezone.now()
    if timezone.localdate(started_at) < EARLIEST or started_at > now + AHEAD:
        raise ValidationError(
            {"started_at": _("Choose a day from the year 2000 to a year from now.")}
        )
    if ended_at is None:
        if started_at > now:
            raise ValidationError({"started_at": _("A running timer cannot start in the future.")})
        return
    if ended_at <= started_at:
        raise ValidationError({"ended_at": _("The end must come after the start.")})
    if ended_at - started_at > LONGEST:
        raise ValidationError(
            {"ended_at": _("An entry has at most 24 hours. Make one for each day.")}
        )


def refuse_overlap(entry: TimeEntry) -> None:
    """Where the installation does not allow it: refuse times that another entry has, and name it.

    A running timer has the time until now. Holds the person's row until the transaction ends: two
    tabs take turns.
    """
    if settings.OVERLAPPING_ENTRIES == "allow":
        return
    get_user_model().objects.select_for_update().filter(pk=entry.user_id).first()
    others = TimeEntry.objects.filter(user_id=entry.user_id).exclude(pk=entry.pk)
    now, ends_later = timezone.now(), Q(ended_at__gt=entry.started_at)
    if entry.started_at < now:
        ends_later |= Q(ended_at=None)
    clash = others.filter(ends_later, started_at__lt=entry.ended_at or now)
    if (other := clash.order_by("started_at").first()) is not None:
        raise ValidationError(
            {
                "started_at": _("This overlaps with %(entry)s. Change the times of one of them.")
                % {"entry": named(other)}
            }
        )


def named(entry: TimeEntry) -> str:
    """An entry as a sentence names it, in the zone that is active."""
    return _("“%(what)s” (%(day)s, %(start)s–%(end)s)") % {
        "what": entry,
        "day": date_format(timezone.localtime(entry.started_at), _("j F")),
        "start": time_of_day(entry.started_at),
        "end": time_of_day(entry.ended_at) if entry.ended_at else _("now"),
    }


TAG_LENGTH, MOST_TAGS = 50, 20


def tags_named(names: Sequence[str], before: TimeEntry | None = None) -> list[Tag]:
    """The tags of these names, made where there are none; upper and lower case are one.

    Raises `ValidationError` for the field `tags`: too many, too long, or archived ones, if not an
    entry had them `before`.
    """
    if len(names) > MOST_TAGS:
        raise ValidationError({"tags": _("An entry carries at most %d tags.") % MOST_TAGS})
    kept = set(before.tags.all()) if before else set()
    tags = {tag.pk: tag for tag in map(_tag_named, names)}
    for tag in tags.values():
        if tag.archived and tag not in kept:
            sentence = _("The tag “%(name)s” is archived. Choose another one.")
            raise ValidationError({"tags": sentence % {"name": tag.name}})
    return list(tags.values())


def _tag_named(name: str) -> Tag:
    if len(name) > TAG_LENGTH:
        raise ValidationError(
            {"tags": _("A tag has at most %(most)d characters.") % {"most": TAG_LENGTH}}
        )
    # As the database compares them: its idea of upper and lower case decides what is one.
    same = Tag.objects.alias(lower=Lower("name")).filter(lower=Lower(Value(name)))
    if (tag := same.first()) is not None:
        return tag
    try:
        with transaction.atomic():
            return Tag.objects.create(name=name)
    except IntegrityError:  # somebody else made it at this moment
        return same.get()


def filled_in(entry: TimeEntry) -> dict[str, bool]:
    """Which of an entry's fields are filled in, for its events."""
    return {
        "has_description": bool(entry.description),
        "has_project": entry.project_id is not None,
        "has_task": entry.task_id is not None,
    }


def about(entry: TimeEntry) -> dict[str, Any]:
    """What the events of an entry tell: its length, and what is filled in."""
    return {"duration_seconds": int(entry.duration.total_seconds()), **filled_in(entry)}
