"""The cells of a timesheet on the page.

They are written here and not by a template: a week has hundreds of them, for which the template
language would take longer than all else that the page does.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.shortcuts import resolve_url
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from tracking.markup import fill
from tracking.models import Deletion
from tracking.templatetags.durations import hours
from tracking.timesheet import Cell, Row, Work

READ = '<td data-day="{}">{}</td>'
RUNNING = (
    '<td data-day="{}" class="week-now"><a class="week-running" href="{}" title="{}">'
    '<span data-elapsed="{}" data-minutes>{}</span></a></td>'
)
FIELD = (
    '<td data-day="{}"><input id="{}" name="{}" value="{}" placeholder=" " enterkeyhint="next"'
    ' aria-label="{}, {}"{}></td>'
)
REFUSED = ' data-shows="{}" aria-invalid="true" aria-describedby="{}-error"'


@dataclass
class Typed:
    """What was typed into a cell, and what came of it."""

    work: Work
    day: date
    was: timedelta  # what the cell showed
    text: str
    error: str = ""
    error_of_day: bool = False  # it can be mended among the entries of that day
    deletion: Deletion | None = None

    @property
    def changed(self) -> bool:
        """Whether it is not what the cell showed."""
        return self.text.strip() != (hours(self.was) if self.was else "")


@dataclass(frozen=True)
class Field:
    """A cell: its time, and what was typed into it if that was refused."""

    row: Row
    index: int  # of its day
    cell: Cell
    typed: Typed | None = None

    @property
    def id(self) -> str:
        """Its id on the page."""
        return f"cell-{self.row.key}-{self.index}"

    @property
    def name(self) -> str:
        """Its name in the form, which tells what it showed."""
        return f"c.{self.row.key}.{self.cell.day.isoformat()}.{self.cell.seconds}"

    @property
    def value(self) -> str:
        """What its field shows."""
        return self.typed.text if self.typed else self.cell.text


def fields_of(row: Row, refused: Iterable[Typed] = ()) -> list[Field]:
    """The fields of a row, with what was refused of what was typed into them."""
    typed = {one.day: one for one in refused if one.work == row.work}
    return [Field(row, index, cell, typed.get(cell.day)) for index, cell in enumerate(row.cells)]


def day_names(days: Iterable[date]) -> list[str]:
    """The days as the names of fields say them: Monday 23 November."""
    return [date_format(day, _("l j F")) for day in days]


def written(fields: Iterable[Field], days: list[str], focus: int | None = None) -> SafeString:
    """The cells of a row to type into; the one of that index has the focus."""
    return format_html_join(
        "", "{}", ((_written(field, days[field.index], focus),) for field in fields)
    )


def read(fields: Iterable[Field]) -> SafeString:
    """The cells of a row as numbers."""
    return format_html_join("", READ, ((field.index, field.cell.text) for field in fields))


# --- parts -------------------------------------------------------------------------------------


def _written(field: Field, day: str, focus: int | None) -> SafeString:
    if field.cell.running:
        return _running(field)
    more = fill(REFUSED, field.cell.text, field.id) if field.typed else SafeString()
    if field.index == focus:
        more += SafeString(" autofocus")
    return fill(FIELD, field.index, field.id, field.name, field.value, field.row.label, day, more)


def _running(field: Field) -> SafeString:
    """The time so far, with the way to the entries of the day: it is not typed over."""
    day, title = field.cell.day.isoformat(), _("The timer is running")
    address = f"{resolve_url('entries')}?since={day}&until={day}"
    text = field.cell.text or "0:00"
    return fill(RUNNING, field.index, address, title, field.cell.seconds, text)
