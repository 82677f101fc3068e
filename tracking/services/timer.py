"""What people do with their timer: start, stop, change, continue, discard, keep."""

from datetime import datetime, timedelta
from typing import cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

import analytics
from tracking.models import Deletion, TimeEntry
from tracking.people import Person
from tracking.services.entries import apply, remove
from tracking.services.rules import (
    ChangedElsewhereError,
    TimerBusyError,
    What,
    about,
    completed,
    filled_in,
    named,
    refuse_overlap,
    refuse_times,
    refuse_what,
)

TRIES = 10  # each round of a race has a winner: this many starts at once all get their turn
ACTIVITY_STEP = timedelta(minutes=1)  # activity is written down no more often


def start_timer(user: Person, *, instead: bool = False, **what: object) -> TimeEntry:
    """Start a timer now; the person's running one stops at the same instant.

    `what` is `rules.What`: description, project, task, tags, billable; a task brings its project
    along, a project whether it is billable. Returns the running entry. Raises `ValidationError`,
    with a sentence per field, for a description that is too long, a project that is archived or
    not the person's, and a task that is done or belongs to another project, and where one runs
    already and `SECOND_TIMER` is `refuse`, unless it is to start `instead`; `TimerBusyError` if
    others keep starting timers.
    """
    given = completed(cast(What, what))
    refuse_what(user, given)
    for _try in range(TRIES):
        try:
            with transaction.atomic():
                return _replace_running(user, given, instead=instead)
        except IntegrityError:
            continue  # another request started one first: stop that one, in a fresh transaction
    raise TimerBusyError(_("Your timer was changed elsewhere at the same moment. Try again."))


def continue_entry(user: Person, pk: int) -> TimeEntry:
    """Start a timer for the same work as an entry of the person's.

    Raises `TimeEntry.DoesNotExist`, and what `start_timer` raises.
    """
    entry = TimeEntry.objects.of(user).shown().get(pk=pk)
    return start_timer(
        user,
        description=entry.description,
        project=entry.project,
        task=entry.task,
        tags=list(entry.tags.all()),
        billable=entry.billable,
    )


@transaction.atomic
def stop_timer(user: Person, *, at_last_activity: bool = False) -> TimeEntry | None:
    """Stop the person's timer now, or when they were last seen.

    Returns the finished entry, or None if no timer was running.
    """
    running = lock_running(user)
    if running is not None:
        moment = last_activity(running) if at_last_activity else timezone.now()
        _stop(running, max(moment, running.started_at))
    return running


@transaction.atomic
def update_timer(
    user: Person, version: int, *, started_at: datetime | None = None, **what: object
) -> TimeEntry:
    """Change the running timer: what it is about (`rules.What`), and when it started.

    Raises `ChangedElsewhereError` if it was stopped or changed since `version`, `ValidationError`
    with a sentence per field for what no entry may have.
    """
    running = lock_running(user)
    if running is None:
        raise ChangedElsewhereError(_("No timer is running any more. Your change was not saved."))
    if running.version != version:
        raise ChangedElsewhereError(
            _("The timer was changed elsewhere. Check what it says now, then change it again.")
        )
    given = completed(cast(What, what))
    refuse_what(user, given, running)
    if started_at is not None and started_at != running.started_at:
        refuse_times(started_at, None)
        running.started_at = started_at
        refuse_overlap(running)
    running.active_at = timezone.now()
    apply(user, running, given)
    analytics.track_event(running.user_id, "time_entry.updated", about(running))
    return running


@transaction.atomic
def discard_timer(user: Person) -> Deletion | None:
    """Throw the running timer away. Returns what undoes it, or None if no timer was running."""
    running = lock_running(user)
    if running is None:
        return None
    properties = about(running)
    deletion = remove(user, [running])
    analytics.track_event(user.pk, "timer.discarded", properties)
    return deletion


# --- timers that were forgotten ----------------------------------------------------------------


def last_activity(entry: TimeEntry) -> datetime:
    """When the person was last seen while the timer ran."""
    return max(entry.active_at or entry.started_at, entry.started_at)


def idle_since(entry: TimeEntry, now: datetime | None = None) -> datetime | None:
    """Since when a running timer's person was not seen, if that is for too long; else None."""
    if not settings.IDLE_TIMEOUT_MINUTES or not entry.running:
        return None
    seen = last_activity(entry)
    limit = timedelta(minutes=settings.IDLE_TIMEOUT_MINUTES)
    return seen if (now or timezone.now()) - seen >= limit else None


def keep_timer(user: Person) -> None:
    """The person says that they were at work all the time."""
    TimeEntry.objects.of(user).filter(ended_at=None).update(active_at=timezone.now())


def note_activity(user: Person) -> bool:
    """Remember that the person was seen; returns whether their timer is forgotten meanwhile.

    Of a forgotten timer nothing is remembered: it is for the person to say what becomes of it.
    """
    running = TimeEntry.objects.of(user).filter(ended_at=None)
    entry = running.first()
    if entry is None:
        return False
    now = timezone.now()
    if idle_since(entry, now):
        return True
    if now - last_activity(entry) >= ACTIVITY_STEP:
        seen_before = Q(active_at=None) | Q(active_at__lt=now)
        running.filter(seen_before, pk=entry.pk).update(active_at=now)
    return False


# --- parts -------------------------------------------------------------------------------------


def _replace_running(user: Person, what: What, *, instead: bool) -> TimeEntry:
    running = lock_running(user)
    now = timezone.now()  # read after waiting for the lock: nothing starts before it may
    if running is not None:
        if settings.SECOND_TIMER == "refuse" and not instead:
            raise ValidationError(
                _("A timer is running already: %(entry)s. Stop it first.")
                % {"entry": named(running)}
            )
        now = max(now, running.started_at)
        _stop(running, now)
    entry = TimeEntry(started_at=now, active_at=now)
    entry.user = user  # type: ignore[assignment]  # the user model stands a floor away
    refuse_overlap(entry)
    apply(user, entry, what)
    analytics.track_event(entry.user_id, "timer.started", filled_in(entry))
    return entry


def lock_running(user: Person) -> TimeEntry | None:
    """The person's running timer, locked until the transaction ends."""
    return TimeEntry.objects.select_for_update().of(user).filter(ended_at=None).first()


def _stop(entry: TimeEntry, moment: datetime) -> None:
    entry.ended_at = moment
    entry.save(update_fields=["ended_at"])
    analytics.track_event(entry.user_id, "timer.stopped", about(entry))
