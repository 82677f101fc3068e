"""Reports: what is asked of the time that people spent, and its sums.

Two queries add up all that a report shows: one by day, one by the groups. They read the finished
entries that the viewer may see; a running timer counts once it is stopped.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from operator import itemgetter
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, DateField, F, Func, Q, Sum
from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from tracking.models import Project, TimeEntry, TimeEntryQuerySet, default_currency
from tracking.money import money_of, worth_of
from tracking.people import Person, manages
from tracking.report_names import NONE, Thing, named
from tracking.rounding import Rounding
from tracking.spans import week_of

TIMES = ("day", "week", "month")
GROUPS = ("client", "project", "task", "tag", "person", "billable", *TIMES)
Keys = tuple[Any, ...]  # primary keys; None stands for entries that have none of it


@dataclass(frozen=True)
class Question:
    """What a report asks for. Empty keys: no filter."""

    viewer: Person
    first: date
    last: date  # this day counts
    clients: Keys = ()
    projects: Keys = ()
    tasks: Keys = ()
    tags: Keys = ()
    people: Keys = ()
    billable: bool | None = None
    groups: tuple[str, ...] = ("project",)  # one or two of GROUPS
    rounding: Rounding = field(default_factory=Rounding)
    query: str = ""  # canonical, as in the report's address

    @property
    def days(self) -> int:
        """How many days it asks for."""
        return (self.last - self.first).days + 1

    @property
    def shows_money(self) -> bool:
        """Whether the viewer may see what time is worth, and whose it is."""
        return manages(self.viewer)

    def entries(self) -> TimeEntryQuerySet:
        """The finished entries that are asked for and that the viewer may see, each once."""
        entries = TimeEntry.objects.visible_to(self.viewer)
        wanted = Q(day__range=(self.first, self.last), seconds__isnull=False)
        for lookup, keys in (
            ("project__client", self.clients),
            ("project", self.projects),
            ("task", self.tasks),
            ("user", self.people),
        ):
            wanted &= among(lookup, keys)
        if self.billable is not None:
            wanted &= Q(billable=self.billable)
        if self.tags:
            tagged = TimeEntry.tags.through.objects.values("timeentry")
            of_tags = Q(pk__in=tagged.filter(tag__in=[key for key in self.tags if key is not None]))
            wanted &= of_tags | ~Q(pk__in=tagged) if None in self.tags else of_tags
        return entries.filter(wanted)


def among(lookup: str, keys: Keys) -> Q:
    """Whether a column has one of the keys; without any, always."""
    if not keys:
        return Q()
    named = Q((f"{lookup}__in", [key for key in keys if key is not None]))
    return named | Q((f"{lookup}__isnull", True)) if None in keys else named


# --- sums ----------------------------------------------------------------------------------------


Counted = tuple[int, int, int, int, int]  # entries; seconds: raw, rounded, billable; cents


@dataclass(slots=True)
class Sums:
    """What entries add up to. Time counts as it is rounded; without a rounding that is the raw."""

    entries: int = 0
    raw: int = 0  # seconds
    seconds: int = 0  # as they are rounded
    billable: int = 0  # of these
    cents: dict[str, int] = field(default_factory=dict)  # by currency; of managers' reports only

    def add(self, counted: Counted, currency: str) -> None:
        """Count a row of the database, in whose currency its money is."""
        entries, raw, seconds, billable, cents = counted
        self.entries += entries
        self.raw += raw
        self.seconds += seconds
        self.billable += billable
        if cents:
            self.cents[currency] = self.cents.get(currency, 0) + cents

    def merge(self, others: "Sums") -> None:
        """Count other sums, too."""
        for name in ("entries", "raw", "seconds", "billable"):
            setattr(self, name, getattr(self, name) + getattr(others, name))
        for currency, cents in others.cents.items():
            self.cents[currency] = self.cents.get(currency, 0) + cents

    @property
    def raw_time(self) -> timedelta:
        """Before any rounding."""
        return timedelta(seconds=self.raw)

    @property
    def time(self) -> timedelta:
        """As it is rounded."""
        return timedelta(seconds=self.seconds)

    @property
    def billable_time(self) -> timedelta:
        """What of it is billable."""
        return timedelta(seconds=self.billable)

    @property
    def other(self) -> int:
        """The seconds that are not billable."""
        return self.seconds - self.billable

    @property
    def other_time(self) -> timedelta:
        """What of it is not billable."""
        return timedelta(seconds=self.other)

    @property
    def money(self) -> list[str]:
        """What it is worth, an amount for each currency, as people write it."""
        return [money_of(cents, currency) for currency, cents in sorted(self.cents.items())]


@dataclass(frozen=True)
class Row:
    """What the entries of a group add up to, with those of the second group within."""

    group: str  # of GROUPS
    key: Any  # of what it groups by: a primary key, None, a bool, the first day of a time
    name: str
    beside: str  # a project's client, a task's project
    color: str  # a project's
    sums: Sums
    share: float  # percent of the time of the whole report
    query: str  # of the entries behind it
    rows: list["Row"]
    more: int  # rows of the second group that are not among them
    more_query: str  # of the report that shows them all


@dataclass(frozen=True)
class Bar:
    """A day, week or month of the chart over time, as far as the report covers it."""

    first: date
    last: date
    name: str
    sums: Sums
    query: str  # of the entries behind it


@dataclass(frozen=True)
class Summary:
    """What a report shows."""

    question: Question
    totals: Sums  # of everything, each entry once
    rows: list[Row]  # those of the page
    count: int  # of all rows
    page: int
    pages: int
    shares: list[Row]  # the longest of all rows, and what the others come to, without key
    step: str  # of the bars: day, week or month
    bars: list[Bar]

    @property
    def has_money(self) -> bool:
        """Whether money is to be seen."""
        return self.question.shows_money

    @property
    def several_times(self) -> bool:
        """Whether an entry may stand in several rows, so that these add up to more than all."""
        return "tag" in self.question.groups


ROWS, ROWS_WITHIN = 50, 10  # on a page
MOST_GROUPS = 200_000  # of a report; each is kept in memory for a moment, so many take some 100 MB
SHARES = 10  # bars of the chart of shares, but for that of all others
WEEK = timedelta(6)  # to its last day
MOST_DAYS, MOST_WEEKS = 31, 26 * 7  # days of a report whose bars are days, or weeks


def summary_of(question: Question, page: int | None = None) -> Summary:
    """What a report shows: the rows of a page, or with None all of them and all within them.

    Rows stand by their time, the longest first; days, weeks and months in their order. Two queries
    over the entries, a third where tags part the rows; one for the names of each group, and one
    where money is shown. Raises `ValidationError` for more groups than `MOST_GROUPS`, such as every
    task on every day of years.
    """
    # By tags an entry counts for each of them: only the days tell what all is worth.
    by_tag = "tag" in question.groups
    by_day = _by_day(_counted(question, ("day",), worth=by_tag))
    tree = _tree(_counted(question, question.groups))
    if question.groups[1:] == ("tag",):  # which add up to more than the row in which they stand
        once = _tree(_counted(question, question.groups[:1]))
        tree = {key: (once.get(key, both)[0], both[1]) for key, both in tree.items()}
    of_groups = [(key, sums) for key, (sums, _within) in tree.items()]
    totals = sum_of(by_day.values() if by_tag else (sums for _key, sums in of_groups))
    ordered = _ordered(question.groups[0], of_groups)
    pages = max(1, -(-len(ordered) // ROWS))
    if page is not None:
        page = min(max(page, 1), pages)
        ordered = ordered[ROWS * (page - 1) : ROWS * page]
    writer = _Writer(question, totals, page and ROWS_WITHIN)
    longest = _by_time(of_groups)
    writer.name(ordered, longest[:SHARES], tree)
    step = step_of(question)
    return Summary(
        question=question,
        totals=totals,
        rows=writer.rows(ordered, tree),
        count=len(tree),
        page=page or 1,
        pages=pages if page else 1,
        shares=writer.shares(longest),
        step=step,
        bars=_bars(question, step, by_day),
    )


def totals_by_day(question: Question) -> dict[date, Sums]:
    """What the entries of each day that has any add up to; one query."""
    return _by_day(_counted(question, ("day",)))


def entries_page(
    question: Question, by_day: Mapping[date, Sums], start: int, count: int
) -> TimeEntryQuerySet:
    """So many entries from a place in the list, the latest first; of their days alone.

    To skip a hundred thousand rows the database would read them all: the days tell how many
    entries there are, so that only those of a few days are read.
    """
    days, skipped, seen = [], 0, 0
    for day in sorted(by_day, reverse=True):
        entries = by_day[day].entries
        if seen + entries > start:
            days.append(day)
        else:
            skipped += entries
        seen += entries
        if seen >= start + count:
            break
    place = start - skipped
    ordered = question.entries().filter(day__in=days).order_by("-day", "-started_at", "-pk")
    return ordered[place : place + count]


def sum_of(every: Iterable[Sums]) -> Sums:
    """What several sums come to."""
    total = Sums()
    for sums in every:
        total.merge(sums)
    return total


def step_of(question: Question) -> str:
    """What a bar of the chart over time is: a day, a week or a month."""
    if question.days <= MOST_DAYS:
        return "day"
    return "week" if question.days <= MOST_WEEKS else "month"


# --- queries -------------------------------------------------------------------------------------


class MonthOf(Func):
    """The first day of the month of a day, by the database itself.

    Django's own functions call back into Python for each row of SQLite.
    """

    output_field = DateField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """As SQLite has it."""
        template = "(substr(%(expressions)s, 1, 8) || '01')"  # quicker than its functions of dates
        return super().as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """As PostgreSQL has it."""
        template = "date_trunc('month', %(expressions)s)::date"
        return super().as_sql(compiler, connection, template=template, **context)


class WeekOf(Func):
    """The first day of the week of a day; weeks start as `date.weekday()` counts."""

    output_field = DateField()

    def __init__(self, day: str, week_start: int) -> None:
        super().__init__(day, start=int(week_start))

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """As SQLite has it, whose Sunday is 0: a week that starts on Monday ends on it."""
        template = "date(%(expressions)s, 'weekday %(start)s', '-6 days')"
        return super().as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """As PostgreSQL has it, whose ISO Monday is 1."""
        since = "mod(extract(isodow from %(expressions)s)::int + 6 - %(start)s, 7)"
        template = f"(%(expressions)s - {since})"
        return super().as_sql(compiler, connection, template=template, **context)


COLUMNS = {
    "client": "project",  # whose client it is
    "project": "project",
    "task": "task",
    "tag": "tags",
    "person": "user",
    "billable": "billable",
    "day": "day",
}


def _column(group: str, viewer: Person) -> Any:
    match group:
        case "week":
            return WeekOf("day", viewer.week_start)
        case "month":
            return MonthOf("day")
    return F(COLUMNS[group])


def _homes() -> dict[int | None, tuple[int | None, str]]:
    """Of each project its client and its currency. To join them to each entry takes longer."""
    currency = default_currency()
    rows = Project.objects.order_by().values_list("pk", "client", "client__currency")
    return {None: (None, currency), **{pk: (client, own or currency) for pk, client, own in rows}}


def _counted(
    question: Question, groups: tuple[str, ...], *, worth: bool = True
) -> Iterator[tuple[Keys, str, Counted]]:
    """Of groups of entries their keys, their currency and their sums; of the same keys several.

    What they are `worth` is only counted for who may see it. One query over the entries, and one of
    the projects where their clients or currencies tell entries apart.
    """
    worth = worth and question.shows_money
    homes = _homes() if worth or "client" in groups else {}
    currencies = {currency for _client, currency in homes.values()}
    columns = {f"group{place}": _column(one, question.viewer) for place, one in enumerate(groups)}
    if len(currencies) > 1 and worth:
        columns["home"] = F("project")
    entries = question.entries().order_by().annotate(**columns)
    if "tag" in groups:  # of an entry's tags only those that were asked for
        entries = entries.filter(among(f"group{groups.index('tag')}", question.tags))
    sums = _sums(question, worth=worth)
    found = entries.values(*columns).annotate(**sums).values_list(*columns, *sums)
    kept, clients = len(columns), {place for place, one in enumerate(groups) if one == "client"}
    (currency, *_others) = currencies or [""]
    # Not by `iterator()`: for a cursor PostgreSQL plans as if only the first rows were wanted.
    rows = list(found[: MOST_GROUPS + 1])
    if len(rows) > MOST_GROUPS:
        raise ValidationError(
            _("This report has too many rows to add up. Choose a shorter time or fewer groups.")
        )
    for row in rows:
        count, raw, rounded, billable, *cents = row[kept:]
        keys = tuple(
            homes.get(key, homes[None])[0] if place in clients else key
            for place, key in enumerate(row[: len(groups)])
        )
        yield (
            keys,
            homes.get(row[kept - 1], homes[None])[1] if "home" in columns else currency,
            (count, raw, rounded, billable or 0, int(cents[0] or 0) if cents else 0),
        )


def _sums(question: Question, *, worth: bool) -> dict[str, Any]:
    """What the database adds up."""
    seconds, billable = question.rounding.in_sql(), Q(billable=True)
    sums: dict[str, Any] = {
        "count": Count("*"),
        "raw": Sum("seconds"),
        "rounded": Sum(seconds) if question.rounding.rounds else F("raw"),
        "of_billable": Sum(seconds, filter=billable),
    }
    return {**sums, "cents": Sum(worth_of(seconds), filter=billable)} if worth else sums


# --- rows ----------------------------------------------------------------------------------------

Keyed = Sequence[tuple[Any, Sums]]
Tree = dict[Any, tuple[Sums, dict[Any, Sums]]]  # by key: the sums, and those within


def _tree(counted: Iterable[tuple[Keys, str, Counted]]) -> Tree:
    tree: Tree = {}
    for keys, currency, sums in counted:
        if keys[0] not in tree:
            tree[keys[0]] = (Sums(), {})
        of_group, within = tree[keys[0]]
        of_group.add(sums, currency)
        if len(keys) > 1:
            within.setdefault(keys[1], Sums()).add(sums, currency)
    return tree


def _by_day(counted: Iterable[tuple[Keys, str, Counted]]) -> dict[date, Sums]:
    return {day: sums for day, (sums, _within) in _tree(counted).items()}


def _ordered(group: str, found: Iterable[tuple[Any, Sums]]) -> list[tuple[Any, Sums]]:
    """Times in their order, all else by the time spent."""
    if group in TIMES:
        return sorted(found, key=itemgetter(0))
    return _by_time(found)


def _by_time(found: Iterable[tuple[Any, Sums]]) -> list[tuple[Any, Sums]]:
    """The longest first."""
    return sorted(found, key=lambda one: (-one[1].seconds, -one[1].raw, str(one[0])))


class _Writer:
    """Makes rows of sums: names them, and says where the entries behind them are."""

    def __init__(self, question: Question, totals: Sums, most_within: int | None) -> None:
        self.question, self.totals, self.most_within = question, totals, most_within
        self.first, self.second = (*question.groups, "")[:2]
        self.links = _Links(question)

    def name(self, shown: Keyed, longest: Keyed, tree: Tree) -> None:
        """Learn the names of what is shown, and what of the second group is."""
        self.within = {
            key: _ordered(self.second, tree[key][1].items())[: self.most_within]
            for key, _sums in shown
        }
        firsts = {key for key, _sums in [*shown, *longest]}
        seconds = {key for one in self.within.values() for key, _sums in one}
        self.names = {
            self.first: _names(self.first, firsts),
            self.second: _names(self.second, seconds),
        }

    def rows(self, ordered: Keyed, tree: Tree) -> list[Row]:
        """The rows of the first group with those of the second."""
        return [self._with_rows(key, sums, len(tree[key][1])) for key, sums in ordered]

    def shares(self, longest: Keyed) -> list[Row]:
        """The longest, and what all others come to."""
        rows = [
            self._row(self.first, key, sums, self.links.to({self.first: key}))
            for key, sums in longest[:SHARES]
        ]
        if others := longest[SHARES:]:
            sums = sum_of(sums for _key, sums in others)
            rows.append(self._row("", None, sums, self.question.query))
        return rows

    def _with_rows(self, key: Any, sums: Sums, count: int) -> Row:
        within, links = self.within[key], self.links
        rows = [
            self._row(self.second, one, of_one, links.to({self.first: key, self.second: one}))
            for one, of_one in within
        ]
        into = links.into(self.first, key, self.second) if count > len(rows) else ""
        own = links.to({self.first: key})
        return self._row(
            self.first, key, sums, own, rows=rows, more=count - len(rows), more_query=into
        )

    def _row(self, group: str, key: Any, sums: Sums, query: str, **within: Any) -> Row:
        thing = self.names[group].get(key) if group else Thing(None, _("All others"))
        thing = thing or Thing(key, name_of_time(group, key))
        share = 100 * sums.seconds / self.totals.seconds if self.totals.seconds else 0.0
        return Row(
            group=group,
            key=key,
            name=thing.name,
            beside=thing.beside,
            color=thing.color,
            sums=sums,
            share=share,
            query=query,
            **{"rows": [], "more": 0, "more_query": "", **within},
        )


def _names(group: str, keys: Collection[Any]) -> Mapping[Any, Thing]:
    if group in ("", *TIMES):
        return {}
    if group == "billable":
        return {True: Thing(True, _("Billable")), False: Thing(False, _("Not billable"))}
    return named(group, keys)


def name_of_time(step: str, first: date) -> str:
    """A day, the week that begins on a day, or its month, as people write it."""
    match step:
        case "day":
            return date_format(first, _("D, j M Y"))
        case "week":
            return f"{date_format(first, _('j M'))} – {date_format(first + WEEK, _('j M Y'))}"
    return date_format(first, _("F Y"))


# --- the chart over time -------------------------------------------------------------------------


def _bars(question: Question, step: str, by_day: Mapping[date, Sums]) -> list[Bar]:
    """A bar for each day, week or month of the report, those without any time, too."""
    start, links, bars = question.first, _Links(question), []
    while start <= question.last:
        end = min(end_of(step, start, question.viewer.week_start), question.last)
        sums = Sums()
        for days in range((end - start).days + 1):
            if found := by_day.get(start + timedelta(days)):
                sums.merge(found)
        query = links.to({"day": start}, until=end)
        bars.append(Bar(start, end, _name_of_bar(step, start, end), sums, query))
        start = end + timedelta(1)
    return bars


def end_of(step: str, day: date, week_start: int) -> date:
    """The last day of the day, week or month in which a day lies."""
    match step:
        case "day":
            return day
        case "week":
            return week_of(day, week_start)[-1]
    return (day.replace(day=1) + timedelta(31)).replace(day=1) - timedelta(1)


def _name_of_bar(step: str, first: date, last: date) -> str:
    match step:
        case "day":
            return date_format(first, _("D, j M"))
        case "week":
            return f"{date_format(first, _('j M'))} – {date_format(last, _('j M'))}"
    return date_format(first, _("M Y"))


# --- addresses -----------------------------------------------------------------------------------


class _Links:
    """Queries of narrower reports: those of the entries behind a figure."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.kept: dict[tuple[str, ...], str] = {}

    def to(self, keys: Mapping[str, Any], until: date | None = None) -> str:
        """Of the entries that have these keys; a day may stand for all up to another one."""
        said = [self._kept(tuple(keys))]
        times = [(group, key) for group, key in keys.items() if group in TIMES]
        said += [_said(group, key) for group, key in keys.items() if group not in TIMES]
        if times:
            said.append(self._period(times, until))
        return "&".join(filter(None, said))

    def into(self, group: str, key: Any, second: str) -> str:
        """Of the report of one group's entries by the second group alone."""
        kept = QueryDict(self.to({group: key}), mutable=True)
        kept["by"] = second
        kept.pop("then", None)
        return kept.urlencode()

    def _period(self, times: list[tuple[str, date]], until: date | None) -> str:
        """The days that all of these times cover, within those of the report."""
        ends = [end_of(step, day, self.question.viewer.week_start) for step, day in times]
        first = max(self.question.first, *(day for _step, day in times))
        last = min(self.question.last, *([until] if until else ends))
        return f"since={first.isoformat()}&until={last.isoformat()}"

    def _kept(self, groups: tuple[str, ...]) -> str:
        """The report's own query without what these groups say anew."""
        if groups not in self.kept:
            query = QueryDict(self.question.query, mutable=True)
            for name in groups:
                for one in ("range", "since", "until") if name in TIMES else (name,):
                    query.pop(one, None)
            self.kept[groups] = query.urlencode()
        return self.kept[groups]


def _said(group: str, key: Any) -> str:
    if group == "billable":
        return "billable=yes" if key else "billable=no"
    return f"{group}={NONE if key is None else key}"
