"""What people do in a timesheet: type the time of a day, add and copy rows."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _, ngettext

from tracking.models import Deletion, Project, Task, TimeEntry, TimesheetRow
from tracking.people import Person
from tracking.services.entries import create_entry, delete_entries, update_entry
from tracking.services.rules import ChangedElsewhereError, What, completed, refuse_what
from tracking.spans import DAY, day_bounds, moment, week_of
from tracking.templatetags.durations import hours
from tracking.timesheet import Work, works_of

WORK_BEGINS = time(9)  # of a day without any entry, in the person's time zone
HOUR = timedelta(hours=1)


@transaction.atomic
def set_cell(
    user: Person,
    *,
    project: Project | None,
    task: Task | None,
    day: date,
    was: timedelta,
    total: timedelta,
) -> Deletion | None:
    """Make the person's time for a project and task on a day sum to `total`.

    Without an entry it makes one (`free_start`), a single entry keeps its start and gets another
    end, of several the last one takes the difference. Nothing (`timedelta()`) deletes them all;
    the row stays. Returns what undoes a deletion, else None. Raises `ChangedElsewhereError` where
    the time is not what it `was`, `ValidationError` where a timer runs, where several entries
    cannot take the difference, and what the services of entries raise.
    """
    _take_turns(user)
    entries = list(
        TimeEntry.objects.of(user)
        .filter(project=project, task=task, day=day)
        .select_for_update()
        .order_by("started_at", "pk")
    )
    if any(entry.running for entry in entries):
        raise ValidationError(_("The timer is running here. Stop it, then change the time."))
    now = sum((timedelta(seconds=entry.seconds or 0) for entry in entries), timedelta())
    if now != was:
        raise ChangedElsewhereError(
            _("This time was changed elsewhere: it is %(now)s now. Save again to replace it.")
            % {"now": hours(now)}
        )
    if total and not entries:
        start = free_start(user, day, total)
        create_entry(user, started_at=start, ended_at=start + total, project=project, task=task)
    elif total:
        _stretch(user, entries, total - now)
    else:
        return _clear(user, entries)
    return None


def free_start(user: Person, day: date, length: timedelta) -> datetime:
    """When (UTC) time that was typed for a day starts: after all other entries of that day.

    Without any at `WORK_BEGINS`. Where it would run past midnight it ends with the latest free
    time that holds it. Raises `ValidationError` where there is none; where entries may overlap,
    it ends at midnight then. A day has 23 or 25 hours where the clock changes on it.
    """
    zone = ZoneInfo(user.time_zone)
    begin, end = day_bounds(day, zone)
    if length > end - begin:
        raise ValidationError(
            ngettext(
                "This day has only %(hours)d hour.",
                "This day has only %(hours)d hours.",
                (end - begin) // HOUR,
            )
            % {"hours": (end - begin) // HOUR}
        )
    gaps = _free(user, begin, end)
    last = gaps[-1] if gaps and gaps[-1][1] == end else (end, end)
    first = moment(day, WORK_BEGINS, zone) if last[0] == begin else last[0]
    if first + length <= end:
        return first
    for start, stop in reversed(gaps):
        if stop - start >= length:
            return stop - length
    if settings.OVERLAPPING_ENTRIES == "allow":
        return end - length
    raise ValidationError(
        _("There is no free time of %(length)s on this day.") % {"length": hours(length)}
    )


@transaction.atomic
def add_row(user: Person, day: date, *, project: Project | None, task: Task | None) -> Work:
    """Put a row without time into the person's week around a day; returns its key.

    A task brings its project along. What is there already stays as it is. Raises
    `ValidationError` with a sentence per field for what no entry may be about.
    """
    given = completed(What(project=project, task=task))
    refuse_what(user, given)
    _take_turns(user)
    project = given["project"]
    work = (project.pk if project else None, task.pk if task else None)
    _keep(user, day, [work])
    return work


@transaction.atomic
def copy_rows(user: Person, day: date) -> int:
    """Put the rows of the week before into the person's week around a day, without time.

    What is archived or done meanwhile stays behind. Returns how many rows were new.
    """
    _take_turns(user)
    works = works_of(user, day - 7 * DAY)
    projects = {project for project, _task in works if project}
    open_projects = set(
        Project.objects.open_to(user).filter(pk__in=projects).values_list("pk", flat=True)
    )
    tasks = {task for _project, task in works if task}
    open_tasks = set(Task.objects.filter(done=False, pk__in=tasks).values_list("pk", flat=True))
    return _keep(
        user,
        day,
        [
            (project, task)
            for project, task in works
            if project in {None, *open_projects} and task in {None, *open_tasks}
        ],
    )


@transaction.atomic
def remove_row(user: Person, day: date, work: Work) -> bool:
    """Take a row that was added or copied out of the person's week; rows with time stay.

    Returns whether it is gone.
    """
    _of_week(user, day).filter(project=work[0], task=work[1]).delete()
    return work not in works_of(user, day)


# --- parts -------------------------------------------------------------------------------------


def _take_turns(user: Person) -> None:
    """Hold the person's row: of two tabs that type at once, one sees what the other did."""
    get_user_model().objects.select_for_update().filter(pk=user.pk).first()


def _stretch(user: Person, entries: list[TimeEntry], difference: timedelta) -> None:
    """Let the last entry end later or earlier."""
    last = entries[-1]
    length = timedelta(seconds=last.seconds or 0) + difference
    if not difference:
        return
    if length <= timedelta():
        raise ValidationError(
            _("Several entries make up this time: change them on the day."), "several"
        )
    update_entry(user, last.pk, last.version, ended_at=last.started_at + length)


def _clear(user: Person, entries: list[TimeEntry]) -> Deletion | None:
    if not entries:
        return None
    first = entries[0]
    _keep(user, first.day, [(first.project_id, first.task_id)], though_there=True)
    return delete_entries(user, [entry.pk for entry in entries])


def _free(user: Person, begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The times between two moments at which the person has no entry, in order.

    A running timer takes all that comes after its start, until the day ends.
    """
    ends_later = Q(ended_at__gt=begin)
    if begin < timezone.now():
        ends_later |= Q(ended_at=None)
    taken = (
        TimeEntry.objects.of(user)
        .filter(ends_later, started_at__lt=end)
        .order_by("started_at")
        .values_list("started_at", "ended_at")
    )
    gaps, free_from = [], begin
    for start, stop in taken:
        if start > free_from:
            gaps.append((free_from, start))
        free_from = max(free_from, min(stop or end, end))
    if free_from < end:
        gaps.append((free_from, end))
    return gaps


def _of_week(user: Person, day: date) -> QuerySet[TimesheetRow]:
    days = week_of(day, user.week_start)
    return TimesheetRow.objects.filter(user_id=user.pk, week__range=(days[0], days[-1]))


def _keep(user: Person, day: date, works: Iterable[Work], *, though_there: bool = False) -> int:
    """Keep rows that the week has not yet; with `though_there` also such as have time."""
    there = (
        set(_of_week(user, day).values_list("project", "task"))
        if though_there
        else works_of(user, day)
    )
    week = week_of(day, user.week_start)[0]
    new = [
        TimesheetRow(user_id=user.pk, week=week, project_id=project, task_id=task)
        for project, task in works
        if (project, task) not in there
    ]
    TimesheetRow.objects.bulk_create(new)
    return len(new)
