"""Which column holds what, in the detailed reports of Toggl and Clockify, old ones and new.

Both vendors have changed their columns over the years and let people choose some of them, so a
column is found by its name, in upper or lower case, wherever it stands:

    Toggl     User,Email,Client,Project,Task,Description,Billable,Start date,Start time,End date,
              End time,Duration,Tags,Amount (EUR)
              later: Description,Duration,Member,Email,Project,Tags,Start date,Start time,
              Stop date,Stop time, those that were chosen
    Clockify  Project,Client,Description,Task,User,Group,Email,Tags,Billable,Start Date,Start Time,
              End Date,End Time,Duration (h),Duration (decimal),Billable Rate (EUR),
              Billable Amount (EUR),Date of creation
              later also: Type, Invoiced, Invoice ID; its template for imports has no end
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from tracking.models import Import

FIELDS: Mapping[str, Sequence[str]] = {  # the column that stands first counts
    "email": ("email", "e-mail"),
    "client": ("client",),
    "project": ("project",),
    "task": ("task",),
    "description": ("description",),
    "billable": ("billable",),
    "start_date": ("start date",),
    "start_time": ("start time",),
    "end_date": ("end date", "stop date"),
    "end_time": ("end time", "stop time"),
    "duration": ("duration", "duration (h)", "duration (decimal)"),
    "tags": ("tags", "tag"),
    "type": ("type",),
}
COLUMNS = {name: field for field, names in FIELDS.items() for name in names}
MEMBER = ("user", "member")
UNUSED = {
    *(*MEMBER, "group", "groups", "date of creation", "invoiced", "invoice id"),
    *("duration (h)", "duration (decimal)"),  # those that say the same again
}
MONEY = ("amount", "rate", "billable rate", "billable amount", "cost", "cost rate", "profit")
OF_CLOCKIFY = ("duration (", "billable rate", "billable amount", "group", "date of creation")
SHOWN = 40  # characters of a column's name


@dataclass(frozen=True)
class Layout:
    """What a header says: whose file it is, where each field stands, what is not read."""

    source: str
    columns: Mapping[str, int]
    width: int
    left_out: Sequence[str]
    money: bool  # whether there are amounts, which do not count here
    member: int | None  # where people's names stand


def known(header: Sequence[str]) -> int:
    """How many of these are columns of the two vendors."""
    return len({COLUMNS[name] for name in map(_plain, header) if name in COLUMNS})


def layout_of(header: Sequence[str]) -> Layout:
    """The layout of a file with this header. Raises `ValidationError` where it is of neither."""
    names = [_plain(name) for name in header]
    if known(header) < 2:
        raise ValidationError(
            _(
                "The first line names no columns of Toggl or Clockify. Export the detailed report"
                " as CSV, in English, and choose that file."
            )
        )
    if twice := next((name for name in names if name in COLUMNS and names.count(name) > 1), None):
        raise ValidationError(_("The column “%(name)s” stands there twice.") % {"name": twice})
    columns = {
        field: names.index(next(each for each in spellings if each in names))
        for field, spellings in FIELDS.items()
        if any(each in names for each in spellings)
    }
    if missing := _missing(columns):
        raise ValidationError(
            _(
                "The column %(names)s is missing. Export the detailed report as CSV, in English:"
                " the other reports do not say when work began."
            )
            % {"names": missing}
        )
    clockify = any(name.startswith(OF_CLOCKIFY) for name in names)
    return Layout(
        source=Import.Source.CLOCKIFY if clockify else Import.Source.TOGGL,
        columns=columns,
        width=len(names),
        left_out=[
            original.strip()[:SHOWN]
            for original, name in zip(header, names, strict=True)
            if name and name not in COLUMNS and name not in UNUSED and not _is_money(name)
        ],
        money=any(map(_is_money, names)),
        member=next((names.index(name) for name in MEMBER if name in names), None),
    )


def _missing(columns: Mapping[str, int]) -> str:
    for field in ("start_date", "start_time"):
        if field not in columns:
            return _("“%(text)s”") % {"text": FIELDS[field][0].capitalize()}
    if "duration" not in columns and not {"end_date", "end_time"} <= columns.keys():
        return _("“End date” and “End time”, or “Duration”,")
    return ""


def _plain(name: str) -> str:
    return " ".join(name.lower().split())


def _is_money(name: str) -> bool:
    return name.partition(" (")[0] in MONEY
