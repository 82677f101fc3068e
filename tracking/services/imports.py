"""What people do with files of Toggl and Clockify: read, check chunk by chunk, import all at once.

Each step is a transaction of its own, and nothing runs between requests: whoever leaves the page,
or loses the server to a power cut, goes on where it was. The last step writes everything in one
transaction, or nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import IO, Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections, transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

import analytics
from tracking.importing.files import records, text_of
from tracking.importing.layouts import known, layout_of
from tracking.importing.lines import (
    WORK,
    Reader,
    Row,
    billable_of,
    both_days,
    key_of,
    span_of,
)
from tracking.importing.targets import Place, Targets
from tracking.models import Import, ImportChunk, Project, Rate, TimeEntry, local_day
from tracking.people import Person, administers
from tracking.services.locks import locked_until
from tracking.services.rules import ChangedElsewhereError, named, refuse_times

CHUNK = 2_000  # lines
CHUNK_LENGTH = 1_000_000  # characters, where lines are long
KEPT_FOR = timedelta(days=1)  # what nobody has finished
MOST_OPEN = 5  # of a person's, each with as many lines as a file may have
SENTENCES = 100  # different ones that are kept; of the others there is the number of lines
RANGES = 12  # of lines that a sentence names
NAMES = 50  # of what is new that the preview names


def read(user: Person, file: IO[bytes], name: str, time_zone: str) -> Import:
    """Keep a file's lines, to be checked. Returns the import.

    `time_zone` is the IANA name of the zone of its times. Raises `ValidationError` with a sentence
    for what cannot be read; then nothing is kept.
    """
    clear()
    Import.objects.filter(pk__in=_open_ones(user)[MOST_OPEN - 1 :]).delete()
    with text_of(file) as (text, encoding):
        found = records(text, known)
        _line, header = next(found, (1, []))
        layout = layout_of(header)
        reader = Reader(layout.columns, layout.width, layout.member)
        made = Import.objects.create(
            user_id=user.pk,
            file_name=name[-100:],
            source=layout.source,
            state=Import.State.READING,
            time_zone=time_zone,
            lines=0,
            notes={
                "encoding": encoding,
                "money": layout.money,
                "left_out": list(layout.left_out)[:NAMES],
            },
        )
        try:
            rows = (reader.row(line, record) for line, record in found)
            # Each chunk by itself: reading takes a while, in which others want to write.
            for number, chunk in enumerate(_chunks(rows)):
                ImportChunk.objects.create(of=made, number=number, lines=len(chunk), rows=chunk)
                made.lines += len(chunk)
            if not made.lines:
                raise ValidationError(_("This file has a header, but no lines below it."))
            reader.refuse_several()
            order = reader.order()
        except BaseException:
            made.delete()
            raise
    made.month_first = order == "month"
    made.state = Import.State.ASKING if order == "ask" else Import.State.CHECKING
    made.save()
    return made


def decide(user: Person, pk: UUID, *, month_first: bool) -> None:
    """Say whether the month stands first in its dates. Raises `Import.DoesNotExist`."""
    waiting = Import.objects.filter(user_id=user.pk, pk=pk)
    waiting.get()
    waiting.filter(state=Import.State.ASKING).update(
        month_first=month_first, state=Import.State.CHECKING
    )


def check_next(user: Person, pk: UUID) -> None:
    """Check some lines more; with the last ones the import is ready for its preview.

    Two who do so at once do the same twice, which harms nothing. Raises `Import.DoesNotExist`.
    """
    made = Import.objects.get(user_id=user.pk, pk=pk)
    if made.state != Import.State.CHECKING:
        return
    chunk = made.chunks.filter(result__isnull=True).first()
    if chunk is not None:
        checked = _Checked(Targets(user), made)
        for values in chunk.rows:
            checked.add(Row(*values))
        kept = checked.rows()
        # Only here others have to wait.
        waiting = ImportChunk.objects.filter(pk=chunk.pk, result__isnull=True)
        waiting.update(rows=kept, result=checked.result())
    if not made.chunks.filter(result__isnull=True).exists():
        _preview(made)


def progress(made: Import) -> int:
    """How many of its lines are checked."""
    done = made.chunks.exclude(result__isnull=True).aggregate(lines=Sum("lines"))["lines"]
    return int(done or 0)


def first_lines(made: Import, number: int) -> list["_Kept"]:
    """The first of the checked lines that will become entries."""
    found: list[_Kept] = []
    for rows in made.chunks.exclude(result__isnull=True).values_list("rows", flat=True).iterator():
        found += map(_Kept._make, rows[: number - len(found)])
        if len(found) >= number:
            break
    return found


def undecided_date(made: Import) -> tuple[str, date, date]:
    """A date of an import that asks, and what it means with the day first and the month first."""
    for rows in made.chunks.values_list("rows", flat=True).iterator():
        for row in (Row(*values) for values in rows):
            if (days := both_days(row)) is not None:
                return row.start_date, *days
    raise AssertionError("it would not ask")


def apply(user: Person, pk: UUID) -> Import:
    """Import all of it in one transaction; returns the import, with what was made.

    Raises `Import.DoesNotExist`, and `ChangedElsewhereError` where lines are wrong by now: then
    nothing is imported, and its result says which.
    """
    made = Import.objects.get(user_id=user.pk, pk=pk)
    if made.state != Import.State.CHECKED or made.result["wrong"]:
        return made
    try:
        batch = _Batch(user, made)
    except ImportChunk.DoesNotExist:  # another tab has imported it meanwhile
        return Import.objects.get(user_id=user.pk, pk=pk)
    try:
        made = _write_all(batch)
    except (_WrongError, IntegrityError) as error:
        if batch.problems.lines:
            made.result.update(batch.problems.result())
            made.save(update_fields=["result"])
        raise ChangedElsewhereError(
            _("Something was changed here since the file was checked. Nothing was imported.")
        ) from error
    made.chunks.all().delete()  # what stays where this fails is cleared later
    return made


def discard(user: Person, pk: UUID) -> None:
    """Throw an import away that is not done. Raises `Import.DoesNotExist`."""
    made = Import.objects.get(user_id=user.pk, pk=pk)
    Import.objects.filter(pk=made.pk).exclude(state=Import.State.DONE).delete()


def _open_ones(user: Person) -> list[UUID]:
    """The keys of what a person has not finished, the latest first."""
    mine = Import.objects.filter(user_id=user.pk).exclude(state=Import.State.DONE)
    return list(mine.order_by("-made_at").values_list("pk", flat=True))


def clear() -> None:
    """Remove what nobody has finished for a day, whosever it is, and the lines of what is done."""
    open_ones = Import.objects.exclude(state=Import.State.DONE)
    old = open_ones.filter(made_at__lt=timezone.now() - KEPT_FOR)
    if old.exists():  # to look takes no lock
        old.delete()
    left = ImportChunk.objects.filter(of__state=Import.State.DONE)
    if left.exists():
        left.delete()


# --- reading and checking ----------------------------------------------------------------------


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    length = 0
    for row in rows:
        chunk.append(row)
        length += sum(map(len, row[2:]))
        if len(chunk) >= CHUNK or length >= CHUNK_LENGTH:
            yield chunk
            chunk, length = [], 0
    if chunk:
        yield chunk


@dataclass
class _Problems:
    """What is wrong with which lines: sentences, each with its lines as ranges."""

    lines: int = 0
    sentences: dict[str, list[list[int]]] = field(default_factory=dict)

    def add(self, line: int, sentence: str) -> None:
        """Note what is wrong with a line; lines come in order."""
        self.lines += 1
        if sentence not in self.sentences and len(self.sentences) >= SENTENCES:
            return
        self.join(sentence, [[line, line]])

    def join(self, sentence: str, ranges: Iterable[Sequence[int]]) -> None:
        """Add ranges of lines; neighbours become one."""
        there = self.sentences.setdefault(sentence, [])
        for first, last in ranges:
            if there and there[-1][1] + 1 == first:
                there[-1][1] = last
            else:
                there.append([first, last])

    def result(self) -> dict[str, Any]:
        """As JSON."""
        errors = [[sentence, sorted(ranges)] for sentence, ranges in self.sentences.items()]
        return {"wrong": self.lines, "errors": sorted(errors, key=lambda error: error[1])}


class _WrongError(Exception):
    """Lines are wrong: what was written is taken back."""


@dataclass(frozen=True)
class _Line:
    """A checked line: of whom, from when to when, and its key."""

    row: Row
    person: Any
    start: datetime
    end: datetime
    billable: bool | None
    key: UUID

    def kept(self) -> "_Kept":
        """What of it is kept."""
        row = self.row
        return _Kept(
            row.line,
            str(self.person.pk),
            int(self.start.timestamp()),
            int(self.end.timestamp()),
            self.billable,
            self.key.hex,
            *(row.client, row.project, row.task, row.description, row.tags),
        )


class _Kept(NamedTuple):
    """A checked line as a list that is JSON; start and end are seconds since 1970."""

    line: int
    person: str
    start: int
    end: int
    billable: bool | None
    key: str
    client: str
    project: str
    task: str
    description: str
    tags: Sequence[str]

    def row(self) -> Row:
        """The row, as far as it says where the line belongs."""
        return Row(self.line, 1, **{name: getattr(self, name) for name in WHERE})


WHERE = ("client", "project", "task", "description", "tags")


class _Checked:
    """The lines of a chunk, checked one after the other."""

    def __init__(self, targets: Targets, made: Import) -> None:
        self.targets, self.made = targets, made
        self.zone = ZoneInfo(made.time_zone)
        self.problems = _Problems()
        self.lines: list[_Line] = []
        self.breaks = 0

    def add(self, row: Row) -> None:
        """Check a line as far as that needs no other one."""
        if row.type not in WORK:
            self.breaks += 1
            return
        try:
            self.lines.append(self._line(row))
        except ValidationError as error:
            self.problems.add(row.line, " ".join(error.messages))

    def _line(self, row: Row) -> _Line:
        if not row.start_date and not row.start_time:
            raise ValidationError(_("It has no start, or other columns than the first line names."))
        person = self.targets.person_of(row.email)
        start, end = span_of(row, self.zone, self.made.month_first)
        key = key_of(row, person.pk, self.made.month_first)
        return _Line(row, person, start, end, billable_of(row), key)

    def rows(self) -> list[_Kept]:
        """What will be made of the lines that are not here already, as JSON."""
        there = _there(line.key for line in self.lines)
        self.already = sum(line.key in there for line in self.lines)
        new = [line for line in self.lines if line.key not in there]
        self.right = [line for line in new if self._fits(line)]
        return [line.kept() for line in self.right]

    def _fits(self, line: _Line) -> bool:
        try:
            refuse_times(line.start, line.end)
            self.targets.refuse_locked(local_day(line.start, line.person.time_zone))
            self.targets.place(line.row)
        except ValidationError as error:
            self.problems.add(line.row.line, " ".join(error.messages))
            return False
        return True

    def result(self) -> dict[str, Any]:
        """What the chunk adds to the preview, as JSON."""
        people: dict[str, int] = {}
        for line in self.right:
            people[str(line.person.pk)] = people.get(str(line.person.pk), 0) + 1
        return {
            **self.problems.result(),
            "already": self.already,
            "breaks": self.breaks,
            "entries": len(self.right),
            "seconds": sum(int((line.end - line.start).total_seconds()) for line in self.right),
            "first": min((line.start.timestamp() for line in self.right), default=None),
            "last": max((line.start.timestamp() for line in self.right), default=None),
            "people": people,
            "new": self.targets.new.names(),
        }


def _there(keys: Iterable[UUID]) -> set[UUID]:
    """Those of the keys that entries have."""
    found = TimeEntry.objects.filter(imported__in=list(keys)).values_list("imported", flat=True)
    return {key for key in found if key is not None}


def _preview(made: Import) -> None:
    """Sum up what the chunks found."""
    results: list[Any] = list(made.chunks.values_list("result", flat=True))
    problems = _Problems()
    for result in results:
        problems.lines += result["wrong"]
        for sentence, ranges in result["errors"]:
            if sentence in problems.sentences or len(problems.sentences) < SENTENCES:
                problems.join(sentence, ranges)
    if not problems.lines:
        _refuse_overlaps(made, problems)
    people: dict[str, int] = {}
    for result in results:
        for person, entries in result["people"].items():
            people[person] = people.get(person, 0) + entries
    sums = ("already", "breaks", "entries", "seconds")
    summary = {
        **problems.result(),
        **{name: sum(result[name] for result in results) for name in sums},
        "first": min((r["first"] for r in results if r["entries"]), default=None),
        "last": max((r["last"] for r in results if r["entries"]), default=None),
        "people": people,
        "new": {kind: _union(results, kind) for kind in ("clients", "projects", "tasks", "tags")},
    }
    checking = Import.objects.filter(pk=made.pk, state=Import.State.CHECKING)
    checking.update(state=Import.State.CHECKED, result=summary)


def _union(results: Sequence[Mapping[str, Any]], kind: str) -> dict[str, Any]:
    """How many are new, and the names of the first ones. Two chunks may want the same."""
    names = {name.lower(): name for result in results for name in result["new"][kind]}
    return {"count": len(names), "names": sorted(names.values(), key=str.lower)[:NAMES]}


# --- overlapping times, where they are refused --------------------------------------------------


def _refuse_overlaps(made: Import, problems: _Problems) -> None:
    if settings.OVERLAPPING_ENTRIES == "allow":
        return
    lines: dict[str, list[tuple[int, int, int]]] = {}
    for chunk in made.chunks.iterator(chunk_size=1):
        for kept in map(_Kept._make, chunk.rows):
            lines.setdefault(kept.person, []).append((kept.start, kept.end, kept.line))
    wrong = [each for person, spans in lines.items() for each in _overlaps(person, sorted(spans))]
    for line, sentence in sorted(wrong):
        problems.add(line, sentence)


def _overlaps(person: str, spans: Sequence[tuple[int, int, int]]) -> Iterator[tuple[int, str]]:
    """The lines of somebody (sorted by start) that overlap with others, or with entries."""
    last = ends = ended_by = 0
    first, until = _moment(spans[0][0]), _moment(max(end for _start, end, _line in spans))
    there = list(
        TimeEntry.objects.filter(user_id=person, started_at__lt=until)
        .exclude(ended_at__lte=first)
        .order_by("started_at")
        .only("description", "started_at", "ended_at")
    )
    for start, end, line in spans:
        while last < len(there) and _before(there[last], start):
            last += 1
        if start < ends:
            yield line, _("It overlaps with line %(line)d.") % {"line": ended_by}
        elif last < len(there) and there[last].started_at.timestamp() < end:
            sentence = _("It overlaps with %(entry)s.") % {"entry": named(there[last])}
            yield line, sentence
        if end > ends:
            ends, ended_by = end, line


def _before(entry: TimeEntry, start: int) -> bool:
    return entry.ended_at is not None and entry.ended_at.timestamp() <= start


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# --- importing ----------------------------------------------------------------------------------


class _Batch:
    """The entries of an import, made ready before its transaction: only to write holds others up.

    Of 100,000 lines, the most that a file has, that takes some 100 MB.
    """

    def __init__(self, user: Person, made: Import) -> None:
        self.user, self.made = user, made
        self.problems = _Problems()
        self.targets = Targets(user)
        self.people = _people(made)
        self.rows: list[tuple[TimeEntry, Place, list[Any]]] = []
        self.already = 0
        for number in made.chunks.values_list("number", flat=True):
            rows = made.chunks.values_list("rows", flat=True).get(number=number)
            self._add([_Kept(*values) for values in rows])

    def _add(self, lines: Sequence[_Kept]) -> None:
        there = _there(UUID(line.key) for line in lines)
        database = connections[DEFAULT_DB_ALIAS]  # looked up once: these are many
        for line in lines:
            if UUID(line.key) in there:
                self.already += 1
            elif (place := self._place(line)) is not None:
                entry = self._entry(line, place)
                self.rows.append((entry, place, _values(entry, database)))

    def _place(self, line: _Kept) -> Place | None:
        """Where it belongs, as things are by now."""
        try:
            person = self.people.get(line.person)
            if person is None:
                raise ValidationError(_("This person is not here any more."))
            if person.pk != self.user.pk and not administers(self.user):
                raise ValidationError(_("Only an admin imports the time of others."))
            self.targets.refuse_locked(local_day(_moment(line.start), person.time_zone))
            return self.targets.place(line.row())
        except ValidationError as error:
            self.problems.add(line.line, " ".join(error.messages))
            return None

    def _entry(self, line: _Kept, place: Place) -> TimeEntry:
        person = self.people[line.person]
        billable = place.project is not None and place.project.billable
        return TimeEntry(
            user_id=person.pk,
            description=line.description,
            billable=billable if line.billable is None else line.billable,
            started_at=_moment(line.start),
            ended_at=_moment(line.end),
            day=local_day(_moment(line.start), person.time_zone),
            seconds=line.end - line.start,
            imported=UUID(line.key),
        )

    def write(self) -> None:
        """Write all of it, within a transaction of the caller's."""
        self.targets.make()
        rates = _Rates()
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            for rows in _parts(self.rows):
                for entry, place, values in rows:
                    cents = rates.cents(entry.user_id, place.project, entry.day)
                    project = place.project and place.project.pk
                    values[-3:] = [project, place.task and place.task.pk, cents]
                keys = dict(_insert(cursor, INSERT, [values for _, _, values in rows], RETURNING))
                tagged = [
                    (tag.pk, keys[values[0]]) for _, place, values in rows for tag in place.tags
                ]
                _insert(cursor, TAG, tagged)


def _insert(
    cursor: Any, head: str, rows: Sequence[Sequence[Any]], returning: str = ""
) -> list[tuple[Any, ...]]:
    """Insert rows, many with one statement; returns what the statements return."""
    found: list[tuple[Any, ...]] = []
    width = len(rows[0]) if rows else 1
    row = f"({', '.join(['%s'] * width)})"
    many = PARAMETERS // width
    for start in range(0, len(rows), many):
        part = rows[start : start + many]
        statement = f"{head} VALUES {', '.join([row] * len(part))}{returning}"
        cursor.execute(statement, [value for values in part for value in values])
        if returning:
            found += cursor.fetchall()
    return found


@transaction.atomic
def _write_all(batch: _Batch) -> Import:
    """Write a batch and record it. Raises `_WrongError` where that is not right any more."""
    made = Import.objects.select_for_update().get(pk=batch.made.pk)
    if made.state != Import.State.CHECKED:  # somebody has pressed the button twice
        return made
    if settings.OVERLAPPING_ENTRIES != "allow":
        _hold(batch.people)
        _refuse_overlaps(made, batch.problems)
    if batch.problems.lines:
        raise _WrongError
    batch.write()
    if not administers(batch.user) and batch.targets.locked_until != locked_until():
        raise _WrongError  # locked while it was written
    entries = len(batch.rows)
    seconds = sum(entry.seconds or 0 for entry, _place, _values in batch.rows)
    already = made.result["already"] + batch.already
    made.result.update(entries=entries, seconds=seconds, already=already)
    made.state = Import.State.DONE
    made.save(update_fields=["state", "result"])
    told = {"source": made.source, "rows": entries}
    analytics.track_event(batch.user.pk, "import.completed", told)
    return made


def _people(made: Import) -> dict[str, Any]:
    """For whom entries are made, by their keys as text."""
    found = get_user_model()._default_manager.filter(pk__in=list(made.result["people"]))
    return {str(person.pk): person for person in found}


def _hold(people: Mapping[str, Any]) -> None:
    """Hold the people's rows: whoever enters time for them, too, waits their turn."""
    rows = get_user_model()._default_manager.select_for_update()
    list(rows.filter(pk__in=list(people)).order_by("pk").values_list("pk"))


LATER = ("project", "task", "rate_cents")  # known only within the transaction
COLUMNS: list[Any] = [
    *(TimeEntry._meta.get_field(name) for name in ("imported", "user")),
    *(
        field
        for field in TimeEntry._meta.concrete_fields
        if field.name not in ("id", "imported", "user", *LATER)
    ),
    *(TimeEntry._meta.get_field(name) for name in LATER),
]
# By Django's own ways, 50,000 entries with tags hold SQLite's lock several times as long.
TABLE, TAGS = TimeEntry._meta.db_table, TimeEntry.tags.through._meta.db_table
INSERT = f"INSERT INTO {TABLE} ({', '.join(field.column for field in COLUMNS)})"
RETURNING = " RETURNING imported, id"
TAG = f"INSERT INTO {TAGS} (tag_id, timeentry_id)"
PARAMETERS = 900  # of a statement; each SQLite takes so many


def _values(entry: TimeEntry, database: Any) -> list[Any]:
    """What the database keeps of an entry, in the order of `COLUMNS`."""
    return [field.get_db_prep_save(getattr(entry, field.attname), database) for field in COLUMNS]


def _parts(rows: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


class _Rates:
    """The rates that apply, asked for once for each person on each project."""

    def __init__(self) -> None:
        self.known: dict[tuple[Any, int | None], list[tuple[date, int]]] = {}

    def cents(self, person: Any, project: Project | None, day: date) -> int | None:
        """Cents per hour of somebody's time on a day; None where there is no rate."""
        key = (person, None if project is None else project.pk)
        if key not in self.known:
            client = None if project is None else project.client_id
            rates = Rate.objects.applying(user=person, project=key[1], client=client, day=date.max)
            self.known[key] = list(rates.values_list("since", "cents"))
        return next((cents for since, cents in self.known[key] if since <= day), None)
