"""What people do with entries: enter by hand, change, duplicate, split, delete and restore."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, cast
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import BigIntegerField, F
from django.utils import timezone
from django.utils.translation import gettext as _

import analytics
from tracking.models import Deletion, Project, Tag, Task, TimeEntry
from tracking.people import Person
from tracking.services.locks import refuse_locked
from tracking.services.rates import revalue
from tracking.services.rules import (
    MOST_TAGS,
    ChangedElsewhereError,
    What,
    about,
    completed,
    refuse_overlap,
    refuse_times,
    refuse_what,
)

UNDO_FOR = timedelta(days=1)  # so long a deletion can be undone
MOST = 500  # entries that are changed at once


def create_entry(
    user: Person, *, started_at: datetime, ended_at: datetime, **what: object
) -> TimeEntry:
    """Enter time by hand; `what` is `rules.What`. Returns the entry.

    Raises `ValidationError` with a sentence per field (also `started_at`, `ended_at`).
    """
    given = completed(cast(What, what))
    refuse_what(user, given)
    refuse_times(started_at, ended_at)
    entry = TimeEntry(started_at=started_at, ended_at=ended_at)
    entry.user = user  # type: ignore[assignment]  # the user model stands a floor away
    with transaction.atomic():
        refuse_overlap(entry)
        apply(user, entry, given)
        analytics.track_event(user.pk, "time_entry.created", about(entry))
    return entry


@transaction.atomic
def update_entry(
    user: Person,
    pk: int,
    version: int,
    *,
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
    **what: object,
) -> TimeEntry:
    """Change a finished entry; only what is given changes. Returns the entry.

    Raises `TimeEntry.DoesNotExist` where it is not the person's to change,
    `ChangedElsewhereError` where it was changed since `version`, `ValidationError` with a
    sentence per field.
    """
    entry = _locked(user, pk)
    if entry.version != version:
        raise ChangedElsewhereError(
            _("This entry was changed elsewhere. Check what it says now, then change it again.")
        )
    refuse_locked(user, entry.day)
    given = completed(cast(What, what))
    refuse_what(user, given, entry)
    times = (started_at or entry.started_at, ended_at or entry.ended_at)
    if times != (entry.started_at, entry.ended_at):
        refuse_times(*times)
        entry.started_at, entry.ended_at = times
        refuse_overlap(entry)
    apply(user, entry, given)
    analytics.track_event(user.pk, "time_entry.updated", about(entry))
    return entry


@transaction.atomic
def duplicate_entry(user: Person, pk: int) -> TimeEntry:
    """Make an entry of the same work and times. Returns the new one.

    Raises `TimeEntry.DoesNotExist`, and `ValidationError` where entries must not overlap, and for
    a project or task that takes no new time any more.
    """
    entry = _finished(user, pk)
    refuse_what(user, What(project=entry.project, task=entry.task))
    copy = _like(entry)
    refuse_overlap(copy)
    apply(user, copy, What(tags=list(entry.tags.all())))
    analytics.track_event(user.pk, "time_entry.duplicated", about(copy))
    return copy


@transaction.atomic
def split_entry(user: Person, pk: int, version: int, at: datetime) -> tuple[TimeEntry, TimeEntry]:
    """Cut an entry in two at an aware moment within it. Returns both, which sum to the whole.

    The moment is moved by less than a second, so that the first part has whole seconds: cut off,
    the fractions of two parts would be a second that is lost. Raises `TimeEntry.DoesNotExist`,
    `ChangedElsewhereError`, and `ValidationError` for a moment that does not lie within the entry.
    """
    first = _finished(user, pk)
    if first.version != version:
        raise ChangedElsewhereError(_("This entry was changed elsewhere. Nothing was split."))
    refuse_locked(user, first.day)
    assert first.ended_at is not None
    at = at.replace(microsecond=first.started_at.microsecond)
    if not first.started_at < at < first.ended_at:
        raise ValidationError({"at": _("Choose a time between start and end of the entry.")})
    second = _like(first)
    second.started_at = at
    first.ended_at = at
    apply(user, first, What())
    apply(user, second, What(tags=list(first.tags.all())))
    analytics.track_event(user.pk, "time_entry.split", {"parts": 2})
    return first, second


@transaction.atomic
def delete_entries(user: Person, pks: Iterable[int]) -> Deletion | None:
    """Delete entries that are the person's to delete; the others are left out.

    Returns what undoes it, or None if nothing was there to delete.
    """
    entries = _several(user, pks)
    if not entries:
        return None
    refuse_locked(user, *(entry.day for entry in entries))
    told = [about(entry) for entry in entries]
    deletion = remove(user, entries)
    if len(told) == 1:
        analytics.track_event(user.pk, "time_entry.deleted", told[0])
    else:
        _track_several(user, "delete", len(told))
    return deletion


@transaction.atomic
def change_entries(
    user: Person,
    pks: Iterable[int],
    *,
    action: Literal["move", "tag", "billable"],
    project: Project | None = None,
    task: Task | None = None,
    tags: Sequence[Tag] = (),
    billable: bool = False,
) -> int:
    """Change several entries: `move` to a project and task, `tag` adds tags, `billable` sets it.

    Returns how many were changed. Raises `ValidationError` for what no entry may have.
    """
    what: dict[str, What] = {
        "move": completed(What(project=project, task=task)),
        "tag": What(),
        "billable": What(billable=billable),
    }
    refuse_what(user, what[action])
    entries = _several(user, pks)
    refuse_locked(user, *(entry.day for entry in entries))
    if action == "tag":
        _add_tags(entries, tags)
    moved = [entry.pk for entry in entries if entry.project_id != (project and project.pk)]
    changed = TimeEntry.objects.filter(pk__in=[entry.pk for entry in entries])
    changed.update(version=F("version") + 1, **what[action])
    if action == "move":
        revalue(TimeEntry.objects.filter(pk__in=moved))
    if entries:
        _track_several(user, action, len(entries))
    return len(entries)


def restore(user: Person, deletion: UUID) -> int:
    """Undo a deletion of the person's; returns the number of entries that are back.

    0 where it was undone already or is too old. A timer that was running runs again, unless
    another one does: then it is back as finished, at the moment at which it was deleted. Raises
    `ValidationError` where entries must not overlap and another one has its time by now, and for
    time that was locked since.
    """
    try:
        return _restore(user, deletion)
    except IntegrityError:  # another timer was started at this very moment: now it is seen
        return _restore(user, deletion)


# --- parts -------------------------------------------------------------------------------------


def apply(user: Person, entry: TimeEntry, what: What) -> None:
    """Put on the entry what is given, and save it. Raises `ValidationError` on a locked day."""
    for name in ("description", "project", "task", "billable"):
        if name in what:
            setattr(entry, name, what[name])
    entry.follow()
    refuse_locked(user, entry.day)
    entry.save()
    if "tags" in what:
        entry.tags.set(what["tags"])


def _locked(user: Person, pk: int) -> TimeEntry:
    return TimeEntry.objects.changeable_by(user).select_for_update().get(pk=pk)


def _finished(user: Person, pk: int) -> TimeEntry:
    return (
        TimeEntry.objects.changeable_by(user).select_for_update().get(pk=pk, ended_at__isnull=False)
    )


def _several(user: Person, pks: Iterable[int]) -> list[TimeEntry]:
    wanted = {pk for pk in pks if pk <= BigIntegerField.MAX_BIGINT}  # a key beyond is nobody's
    if len(wanted) > MOST:
        raise ValidationError(
            _("At most %(most)d entries are changed at once. Choose fewer.") % {"most": MOST}
        )
    entries = TimeEntry.objects.changeable_by(user).select_for_update().order_by("pk")
    entries = entries.filter(pk__in=wanted, ended_at__isnull=False)
    return list(entries.prefetch_related("tags"))


def _add_tags(entries: Sequence[TimeEntry], tags: Sequence[Tag]) -> None:
    for entry in entries:
        if len({*entry.tags.all(), *tags}) > MOST_TAGS:
            raise ValidationError({"tags": _("An entry carries at most %d tags.") % MOST_TAGS})
    _tag({entry.pk: [tag.pk for tag in tags] for entry in entries})


def _tag(tags: Mapping[int, Iterable[int]]) -> None:
    """Add tags, by the keys of entries and tags, in one statement."""
    through = TimeEntry.tags.through
    pairs = [through(timeentry_id=pk, tag_id=tag) for pk, keys in tags.items() for tag in keys]
    through._default_manager.bulk_create(pairs, ignore_conflicts=True)


def _track_several(user: Person, action: str, entries: int) -> None:
    properties = {"action": action, "entries": entries}
    analytics.track_event(user.pk, "time_entries.bulk_updated", properties)


def _like(entry: TimeEntry) -> TimeEntry:
    """A new entry of the same work and times, not saved. It keeps the rate, too."""
    like = TimeEntry(
        user_id=entry.user_id,
        project_id=entry.project_id,
        task_id=entry.task_id,
        description=entry.description,
        billable=entry.billable,
        started_at=entry.started_at,
        ended_at=entry.ended_at,
    )
    like.keep_rate_of(entry)
    return like


def remove(user: Person, entries: Sequence[TimeEntry]) -> Deletion:
    """Delete entries and keep what brings them back; what is too old to come back goes."""
    now = timezone.now()
    Deletion.objects.filter(deleted_at__lt=now - UNDO_FOR).delete()
    kept = [_kept(entry) for entry in entries]
    deletion = Deletion.objects.create(user_id=user.pk, deleted_at=now, entries=kept)
    TimeEntry.objects.filter(pk__in=[entry.pk for entry in entries]).delete()
    return deletion


def _kept(entry: TimeEntry) -> dict[str, Any]:
    """An entry as JSON, to the microsecond."""
    fields = {
        field.attname: None if value is None else field.value_to_string(entry)
        for field in TimeEntry._meta.concrete_fields
        for value in [getattr(entry, field.attname)]
    }
    return {"fields": fields, "tags": [tag.pk for tag in entry.tags.all()]}


@transaction.atomic
def _restore(user: Person, deletion: UUID) -> int:
    found = Deletion.objects.select_for_update().filter(pk=deletion, user_id=user.pk).first()
    if found is None or found.deleted_at < timezone.now() - UNDO_FOR:
        return 0
    _revive(user, found)
    found.delete()
    return len(found.entries)


def _revive(user: Person, deletion: Deletion) -> None:
    """Bring back what was deleted, in as many statements however many entries."""
    kept = [(_entry_of(each["fields"]), each["tags"]) for each in deletion.entries]
    entries = [entry for entry, _tags in kept]
    _forget_what_is_gone(entries)
    _finish_second_timers(entries, deletion.deleted_at)
    refuse_locked(user, *(entry.day for entry in entries if not entry.running))
    for entry in entries:
        refuse_overlap(entry)
    _release_imports(entries)
    TimeEntry.objects.bulk_create(entries)  # day, rate and version are as they were
    there = set(Tag.objects.values_list("pk", flat=True))
    _tag({entry.pk: there.intersection(tags) for entry, tags in kept})


def _entry_of(fields: Mapping[str, Any]) -> TimeEntry:
    """The entry that `_kept` wrote, not saved."""
    return TimeEntry(
        **{
            field.attname: None if value is None else field.to_python(value)
            for field in TimeEntry._meta.concrete_fields
            for value in [fields.get(field.attname)]
        }
    )


def _forget_what_is_gone(entries: Sequence[TimeEntry]) -> None:
    """Projects and tasks that were deleted since."""
    wanted = {entry.project_id for entry in entries if entry.project_id}
    projects = set(Project.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    tasks = set(Task.objects.filter(project__in=projects).values_list("pk", "project"))
    for entry in entries:
        if entry.project_id not in projects:
            entry.project_id = None
            entry.value()
        if (entry.task_id, entry.project_id) not in tasks:
            entry.task_id = None


def _release_imports(entries: Sequence[TimeEntry]) -> None:
    """Another entry stands for a line that was imported anew since."""
    keys = [entry.imported for entry in entries if entry.imported]
    taken = set(TimeEntry.objects.filter(imported__in=keys).values_list("imported", flat=True))
    for entry in entries:
        if entry.imported in taken:
            entry.imported = None


def _finish_second_timers(entries: Sequence[TimeEntry], deleted_at: datetime) -> None:
    """A timer whose person has another one by now ended as it was deleted."""
    for entry in entries:
        if entry.running and TimeEntry.objects.filter(user=entry.user_id, ended_at=None).exists():
            entry.ended_at = max(deleted_at, entry.started_at)
            entry.seconds = int(entry.duration.total_seconds())
