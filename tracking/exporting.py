"""Time entries and reports as tables to be exported.

Entries may be any number: they are read in chunks, and forgotten once written. Each chunk is a
statement of its own. A cursor that stays open would not do: on PostgreSQL it is made up wholly
before its first row (`WITH HOLD`), on SQLite it keeps the log of writes from being cleared. An
entry that is changed meanwhile stands there as it was or as it is then.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.db.models import CharField, Exists, OuterRef, Q
from django.db.models.functions import Cast
from django.utils.translation import gettext as _, gettext_lazy

from tracking.models import Project, Task, TimeEntry, default_currency, in_money
from tracking.money import HOUR, worth
from tracking.project_forms import name_of
from tracking.report_forms import GROUP_LABELS
from tracking.reports import TIMES, Question, Row, Summary, Sums
from tracking.rounding import Rounding
from tracking.spreadsheets import Cell, Plain, Table, again

CHUNK = 10_000  # entries; those of a day that is cut are read again, by smaller ones oftener
FIELDS = (
    *("pk", "user_text", "project", "task", "day_text", "start_text", "end_text"),
    *("description", "billable", "seconds", "rate_cents", "tagged"),
)
PK, USER, PROJECT, TASK, DAY = range(5)  # places in FIELDS
TAGGED = -1
# Both databases write days and moments (UTC) as ISO 8601 does. Python reads that several times as
# quickly as Django makes values of these columns, which took a third of the time of an export.
TEXTS = {
    "user_text": Cast("user", CharField()),
    "day_text": Cast("day", CharField()),
    "start_text": Cast("started_at", CharField()),
    "end_text": Cast("ended_at", CharField()),
    # To ask for the tags of entries that have none takes as long as to ask for those of the others.
    "tagged": Exists(TimeEntry.tags.through.objects.filter(timeentry=OuterRef("pk"))),
}


def entries_table(question: Question) -> Table:
    """The entries of a report with every column, by day, as far as the viewer may see them.

    Times are of the viewer's zone, once as people read them and once as ISO 8601 with the offset.
    Only managers get rates and amounts, which are of the rounded time. Call it while the viewer's
    language is active; the rows are read as they are asked for.
    """
    headings = _headings(question.viewer.time_zone)
    if question.shows_money:
        headings += [_("Rate"), _("Amount"), _("Currency")]
    return Table(_("Time entries"), headings, _rows(question, in_words(question.rounding)))


def report_table(summary: Summary) -> Table:
    """The table of a report: a row for each innermost group, and last what they are together.

    Of an entry with several tags the time stands in several rows, in the last one once. Managers
    get an amount for each currency.
    """
    question, rounded = summary.question, in_words(summary.question.rounding)
    currencies = sorted(summary.totals.cents) if question.shows_money else []
    names = [heading for group in question.groups for heading in _group_headings(group)]
    headings = [
        *names,
        *(_("Entries"), _("Seconds"), _("Duration"), _("Hours")),
        *(_("Rounded seconds"), _("Rounded hours"), _("Rounding"), _("Billable hours")),
        *(_("Amount (%(currency)s)") % {"currency": currency} for currency in currencies),
    ]

    def line(names: list[Cell], sums: Sums) -> list[Cell]:
        return [
            *names,
            *(sums.entries, sums.raw, sums.raw_time, sums.raw / HOUR),
            *(sums.seconds, sums.seconds / HOUR, rounded, sums.billable / HOUR),
            *(in_money(sums.cents.get(currency, 0)) for currency in currencies),
        ]

    rows: list[list[Cell]] = []
    for row in summary.rows:
        name = _group_cells(row)
        within = [line([*name, *_group_cells(one)], one.sums) for one in row.rows]
        rows += within or [line(name, row.sums)]
    rows.append(line([_("Total"), *[None] * (len(names) - 1)], summary.totals))
    return Table(_("Report"), headings, rows)


def in_words(rounding: Rounding) -> str:
    """How time was rounded."""
    ways = {
        "none": _("not rounded"),
        "up": _("up to %(minutes)d min"),
        "down": _("down to %(minutes)d min"),
        "nearest": _("to the nearest %(minutes)d min"),
    }
    return ways[rounding.way] % {"minutes": rounding.minutes}


# --- parts -------------------------------------------------------------------------------------


BESIDE = {"project": gettext_lazy("Client"), "task": gettext_lazy("Project")}


def _group_headings(group: str) -> list[str]:
    """What names the things of a group; projects and tasks go by two names."""
    return [str(GROUP_LABELS[group]), *([str(BESIDE[group])] if group in BESIDE else [])]


def _group_cells(row: Row) -> list[Cell]:
    """The name of a group. A time is its first day, by which it can be sorted."""
    name = row.key if row.group in TIMES else row.name
    return [name, *([row.beside] if row.group in BESIDE else [])]


def _headings(time_zone: str) -> list[str]:
    zone = {"zone": time_zone}
    return [
        *(_("ID"), _("Day"), _("Person"), _("Client"), _("Project"), _("Task")),
        *(_("Description"), _("Tags"), _("Billable")),
        *(_("Start (%(zone)s)") % zone, _("End (%(zone)s)") % zone),
        *(_("Start (ISO 8601)"), _("End (ISO 8601)")),
        *(_("Seconds"), _("Duration"), _("Hours")),
        *(_("Rounded seconds"), _("Rounded hours"), _("Rounding")),
    ]


def _rows(question: Question, rounded: str) -> Iterator[list[Cell]]:
    zone, rounding = ZoneInfo(question.viewer.time_zone), question.rounding
    names = Names()
    for chunk in _chunks(question):
        names.learn(chunk)
        tags = _tags([entry[PK] for entry in chunk if entry[TAGGED]])
        for entry in chunk:
            pk, user, project, task, day, start, end, text, billable, seconds, rate, _tagged = entry
            start, end = _moment(start).astimezone(zone), _moment(end).astimezone(zone)
            iso = [Plain(moment.isoformat(timespec="seconds")) for moment in (start, end)]
            project_name, client, currency = names.projects[project]
            counted = rounding.seconds(seconds)
            row = [
                *(
                    pk,
                    _day(day),
                    names.people[user],
                    client,
                    project_name,
                    names.tasks[task],
                ),
                *(text, tags.get(pk, ""), billable),
                *(start, end, *iso),
                *(seconds, _length(seconds), seconds / HOUR),
                *(counted, counted / HOUR, rounded),
            ]
            if question.shows_money:
                cents = worth(counted, rate) if billable else 0
                row += [None if rate is None else _money(rate), _money(cents), currency]
            yield row


def _chunks(question: Question) -> Iterator[list[tuple[Any, ...]]]:
    """The fields of entries by day and key, each chunk beginning after the one before.

    It asks from that day on: with a second bound beside the first day that was asked for, SQLite
    would look through all days before it.
    """
    found = list(_fields(question)[:CHUNK])
    while found:
        yield found
        if len(found) < CHUNK:
            return
        pk, day = found[-1][PK], date.fromisoformat(found[-1][DAY])
        rest = _fields(replace(question, first=day))
        found = list(rest.filter(Q(day__gt=day) | Q(pk__gt=pk))[:CHUNK])


def _fields(question: Question) -> Any:
    return question.entries().order_by("day", "pk").annotate(**TEXTS).values_list(*FIELDS)


_day = again(date.fromisoformat)
_length = again(lambda seconds: timedelta(seconds=seconds))
_money = again(in_money)


def _moment(text: str) -> datetime:
    """The moment of a column of times, as the database writes it, to the second."""
    return datetime.fromisoformat(f"{text[:19]}+00:00")


def _tags(keys: Iterable[int]) -> dict[int, str]:
    """The names of tags by entry; entries without any are left out."""
    through = TimeEntry.tags.through.objects.filter(timeentry__in=keys)
    tagged = through.order_by("timeentry", "tag__name").values_list("timeentry", "tag__name")
    return {
        pk: ", ".join(name for _pk, name in names) for pk, names in groupby(tagged, itemgetter(0))
    }


class Names:
    """What things are called, by key as in FIELDS; asked for once, and only of what comes up."""

    def __init__(self) -> None:
        self.people: dict[str, str] = {}
        self.projects: dict[int | None, tuple[str, str, str]] = {None: ("", "", default_currency())}
        self.tasks: dict[int | None, str] = {None: ""}

    def learn(self, chunk: Iterable[tuple[Any, ...]]) -> None:
        """Ask for the names that these entries need besides."""
        if new := {entry[USER] for entry in chunk} - self.people.keys():
            users = get_user_model()._default_manager
            texts = {users.model._meta.pk.to_python(text): text for text in new}
            found = users.filter(pk__in=texts)
            self.people |= {texts[person.pk]: name_of(person) for person in found}
        if new := {entry[PROJECT] for entry in chunk} - self.projects.keys():
            for project in Project.objects.filter(pk__in=new).select_related("client"):
                client = project.client.name if project.client else ""
                self.projects[project.pk] = (project.name, client, project.currency)
        if new := {entry[TASK] for entry in chunk} - self.tasks.keys():
            self.tasks |= dict(Task.objects.filter(pk__in=new).values_list("pk", "name"))
