"""A person's week as a grid: rows of project and task, columns of days."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, Min, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from tracking import spans
from tracking.models import Project, Task, TimeEntry, TimesheetRow, local_day
from tracking.people import Person
from tracking.templatetags.durations import hours

Work = tuple[int | None, int | None]  # keys of project and task
NOTHING: Work = (None, None)


@dataclass(frozen=True)
class Cell:
    """The time of one row on one day."""

    day: date
    total: timedelta = timedelta()
    entries: int = 0
    running: bool = False  # the timer runs here: the time grows

    @property
    def text(self) -> str:
        """The time as its field shows it; nothing where there is none."""
        return hours(self.total) if self.total else ""

    @property
    def seconds(self) -> int:
        """The time in seconds, by which it shows whether it was changed elsewhere."""
        return int(self.total.total_seconds())


@dataclass(frozen=True)
class Row:
    """A project and task, with the times of seven days."""

    project: Project | None
    task: Task | None
    cells: list[Cell]

    @property
    def key(self) -> str:
        """The row's name on the page."""
        return key_of(self.work)

    @property
    def label(self) -> str:
        """The row as the names of its fields say it."""
        if self.project is None:
            return _("No project")
        return f"{self.project} · {self.task}" if self.task else str(self.project)

    @property
    def work(self) -> Work:
        """Keys of project and task."""
        return (self.project.pk if self.project else None, self.task.pk if self.task else None)

    @property
    def total(self) -> timedelta:
        """The row's time of the week."""
        return sum((cell.total for cell in self.cells), timedelta())

    @property
    def running(self) -> bool:
        """Whether the timer runs in it: its sum grows."""
        return any(cell.running for cell in self.cells)


@dataclass(frozen=True)
class Day:
    """A column, with its sum."""

    date: date
    total: timedelta
    is_today: bool
    running: bool  # the sum grows


@dataclass(frozen=True)
class Sheet:
    """A person's week as it stood at one moment; a running timer counts."""

    days: list[Day]
    rows: list[Row]

    @property
    def total(self) -> timedelta:
        """The week's time."""
        return sum((day.total for day in self.days), timedelta())

    @property
    def running(self) -> bool:
        """Whether the timer counts for this week: its sum grows."""
        return any(day.running for day in self.days)

    def row(self, work: Work) -> Row | None:
        """The row of that work, if it is there."""
        return next((row for row in self.rows if row.work == work), None)


def key_of(work: Work) -> str:
    """Project and task as one word: `12-34`, with 0 for none."""
    return "-".join(str(pk or 0) for pk in work)


def sheet_of(user: Person, day: date, now: datetime | None = None) -> Sheet:
    """The week of a person around a day, from their own first day of it.

    An entry counts for the day that it keeps (`TimeEntry.day`). At most four queries. Raises
    `ValidationError` for a year without every week.
    """
    now = now or timezone.now()
    days = spans.week_of(day, user.week_start)
    cells = _cells(user, days, now)
    works = {work for work, _day in cells} | _kept(user, days)
    rows = _rows(works, cells, days)
    today = local_day(now, user.time_zone)
    columns = zip(days, *(row.cells for row in rows), strict=True)
    return Sheet([_column(each, cells, each == today) for each, *cells in columns], rows)


def works_of(user: Person, day: date) -> set[Work]:
    """Project and task of each row of the week around a day."""
    days = spans.week_of(day, user.week_start)
    entries = TimeEntry.objects.of(user).filter(day__range=(days[0], days[-1]))
    return set(entries.order_by().values_list("project", "task").distinct()) | _kept(user, days)


# --- parts -------------------------------------------------------------------------------------


def _cells(user: Person, days: list[date], now: datetime) -> dict[tuple[Work, date], Cell]:
    """The cells that have entries: summed by the database, with the running timer until now."""
    sums = (
        TimeEntry.objects.of(user)
        .filter(day__range=(days[0], days[-1]))
        .order_by()
        .values_list("project", "task", "day")
        .annotate(
            spent=Sum("seconds"),
            entries=Count("pk"),
            running_since=Min("started_at", filter=Q(ended_at=None)),
        )
    )
    return {
        ((project, task), day): Cell(
            day,
            timedelta(seconds=seconds or 0) + _since(started_at, now),
            entries,
            running=started_at is not None,
        )
        for project, task, day, seconds, entries, started_at in sums
    }


def _since(started_at: datetime | None, now: datetime) -> timedelta:
    """How long a timer has run; nothing without one."""
    return TimeEntry(started_at=started_at).duration_at(now) if started_at else timedelta()


def _kept(user: Person, days: list[date]) -> set[Work]:
    """Rows that were added or copied. They stay where the person's week starts on another day."""
    rows = TimesheetRow.objects.filter(user_id=user.pk, week__range=(days[0], days[-1]))
    return set(rows.values_list("project", "task"))


def _rows(
    works: Iterable[Work], cells: dict[tuple[Work, date], Cell], days: list[date]
) -> list[Row]:
    """By client and project, which holds still while one types; without project last."""
    keys = list(works)
    projects = Project.objects.select_related("client").in_bulk([p for p, _t in keys if p])
    tasks = Task.objects.in_bulk([t for _p, t in keys if t])
    rows = [
        Row(
            projects[project] if project else None,
            tasks[task] if task else None,
            [cells.get(((project, task), day), Cell(day)) for day in days],
        )
        for project, task in keys
    ]
    return sorted(rows, key=_order)


def _column(day: date, cells: Iterable[Cell], is_today: bool) -> Day:
    total = sum((cell.total for cell in cells), timedelta())
    return Day(day, total, is_today, any(cell.running for cell in cells))


def _order(row: Row) -> tuple[bool, bool, str, str, str, Work]:
    project, task = row.project, row.task
    client = project.client if project else None
    return (
        project is None,
        client is None,
        client.name.casefold() if client else "",
        project.name.casefold() if project else "",
        task.name.casefold() if task else "",
        tuple(pk or 0 for pk in row.work),  # type: ignore[return-value]  # two of them
    )
