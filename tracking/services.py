"""What people do with their timer: one use case, one function, one transaction.

Each records its event in the same transaction, so that neither exists without the other.
"""

from datetime import datetime
from typing import Any, Protocol

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

import analytics
from tracking.models import DESCRIPTION_LENGTH, Project, Task, TimeEntry

TRIES = 10  # each round of a race has a winner: this many starts at once all get their turn


class Person(Protocol):
    """What the time tracker needs of the user model."""

    pk: Any
    time_zone: str


class TimerBusyError(ValidationError):
    """The timer was changed elsewhere again and again while it was being started."""


def start_timer(
    user: Person, *, description: str = "", project: Project | None = None, task: Task | None = None
) -> TimeEntry:
    """Start a timer now; the person's running one stops at the same instant.

    A task brings its project along. Returns the running entry. Raises `ValidationError`, with a
    sentence per field, for a description that is too long, an archived project, and a task that
    is done or belongs to another project; `TimerBusyError` if others keep starting timers.
    """
    project = project or (task.project if task else None)
    description = description.strip()
    _refuse_invalid(description, project, task)
    for _try in range(TRIES):
        try:
            with transaction.atomic():
                return _replace_running(user, description, project, task)
        except IntegrityError:
            continue  # another request started one first: stop that one, in a fresh transaction
    raise TimerBusyError(_("Your timer was changed elsewhere at the same moment. Try again."))


@transaction.atomic
def stop_timer(user: Person) -> TimeEntry | None:
    """Stop the person's timer now. Returns the finished entry, or None if no timer was running."""
    running = _lock_running(user)
    if running is not None:
        _stop(running, max(timezone.now(), running.started_at))
    return running


def _refuse_invalid(description: str, project: Project | None, task: Task | None) -> None:
    problems: dict[str, str] = {}
    if len(description) > DESCRIPTION_LENGTH:
        problems["description"] = _(
            "The description has %(length)d characters; at most %(most)d fit. Shorten it."
        ) % {"length": len(description), "most": DESCRIPTION_LENGTH}
    if project is not None and not project.active:
        problems["project"] = _("“%(name)s” is archived. Choose another project.") % {
            "name": project.name
        }
    if task is not None and project is not None and task.project_id != project.pk:
        problems["task"] = _("“%(task)s” is no task of “%(project)s”. Choose another task.") % {
            "task": task.name,
            "project": project.name,
        }
    elif task is not None and task.done:
        problems["task"] = _("“%(name)s” is done. Choose another task.") % {"name": task.name}
    if problems:
        raise ValidationError(problems)


def _replace_running(
    user: Person, description: str, project: Project | None, task: Task | None
) -> TimeEntry:
    running = _lock_running(user)
    now = timezone.now()  # read after waiting for the lock: nothing starts before it may
    if running is not None:
        now = max(now, running.started_at)
        _stop(running, now)
    entry = TimeEntry(description=description, project=project, task=task, started_at=now)
    entry.user = user  # type: ignore[assignment]  # the user model stands a floor away
    entry.save(force_insert=True)
    analytics.track_event(entry.user_id, "timer.started", _filled_in(entry))
    return entry


def _lock_running(user: Person) -> TimeEntry | None:
    return TimeEntry.objects.select_for_update().filter(user_id=user.pk, ended_at=None).first()


def _stop(entry: TimeEntry, moment: datetime) -> None:
    entry.ended_at = moment
    entry.save(update_fields=["ended_at"])
    seconds = int(entry.duration.total_seconds())
    properties = {"duration_seconds": seconds, **_filled_in(entry)}
    analytics.track_event(entry.user_id, "timer.stopped", properties)


def _filled_in(entry: TimeEntry) -> dict[str, bool]:
    return {
        "has_description": bool(entry.description),
        "has_project": entry.project_id is not None,
        "has_task": entry.task_id is not None,
    }
