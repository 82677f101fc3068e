"""The entries of a day of the calendar, by time.

They are written here and not by a template, as rows of entries are: a full week has many. What
moves one carries its times on the wall.
"""

from datetime import date, datetime

from django import template
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from tracking.agenda import Block, Day
from tracking.clockface import time_of_day
from tracking.markup import fill
from tracking.templatetags.durations import clock, hours, seconds
from tracking.templatetags.entries import NOTHING, beside_project, described

register = template.Library()

BLOCKS = '<ol class="cal-blocks">{}</ol>'
BLOCK = '<li class="cal-block {place}{classes}"{first} data-entry="{pk}"{data}>{entry}{edges}</li>'
GROWS = ' data-grows="{}"'
MOVES = ' data-version="{}" data-start="{}" data-end="{}"'
READ = '<div class="cal-entry">{}</div>'
EDIT = '<a class="cal-entry" id="{}" href="{}{}/?next={}" draggable="false" data-edit>{}</a>'
TIMER = '<a class="cal-entry" id="{}" href="#timer" draggable="false" data-timer>{}</a>'
INSIDE = (
    '<svg class="cal-mark" viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true"'
    ' focusable="false"><rect width="1" height="1" fill="{color}"/></svg> '
    '<span class="cal-what">{what}</span><span class="visually-hidden">, </span> '
    '<span class="cal-times"><span class="cal-clock">{start}<span aria-hidden="true">–</span>'
    '<span class="visually-hidden"> {to} </span>{end}<span class="visually-hidden">, </span>'
    "</span> {duration}</span>"
    '<span class="visually-hidden">, </span> <span class="cal-where">{where}</span>'
)
DURATION = '<span class="cal-duration">{}</span>'
ELAPSED = '<span class="cal-duration" data-elapsed="{}">{}</span>'
EDGES = {
    "start": SafeString('<span class="cal-edge cal-edge-start" data-edge="start"></span>'),
    "end": SafeString('<span class="cal-edge cal-edge-end" data-edge="end"></span>'),
}


@register.simple_tag
def calendar_blocks(column: Day, next: str, *, own: bool, chosen: date) -> SafeString:
    """The entries of a day; `next` is the page to come back to, quoted.

    One's own can be moved. Those that begin on the `chosen` day are the page's first rows.
    """
    written = (
        _block(block, column, next, own=own, first=block.begins and column.day == chosen)
        for block in column.blocks
    )
    return fill(BLOCKS, SafeString("\n".join(written)))


# --- parts -------------------------------------------------------------------------------------


def _block(block: Block, column: Day, next: str, *, own: bool, first: bool) -> SafeString:
    entry, inside = block.entry, _inside(block)
    data, shown, edges = NOTHING, fill(READ, inside), ""
    key = f"block-{entry.pk}-{column.day:%Y-%m-%d}"
    if not block.ended:
        data = fill(GROWS, block.top)
        shown = fill(TIMER, key, inside) if own else shown
    elif own:
        data = fill(MOVES, entry.version, block.wall_start, block.wall_end)
        shown = fill(EDIT, key, reverse("entries"), entry.pk, next, inside)
        edges = _edges(block)
    return fill(
        BLOCK,
        place=block.place,
        classes=_classes(block),
        first=" data-first-row" if first else "",
        pk=entry.pk,
        data=data,
        entry=shown,
        edges=edges,
    )


def _classes(block: Block) -> str:
    running = "" if block.ended else " cal-running"
    goes_on = "" if block.begins else " cal-goes-on"
    goes_over = " cal-goes-over" if block.ended and not block.ends else ""
    return running + goes_on + goes_over


def _edges(block: Block) -> SafeString:
    """The ends of the entry that lie within the day, which can be drawn."""
    return fill(
        "{}{}",
        EDGES["start"] if block.begins else NOTHING,
        EDGES["end"] if block.ends else NOTHING,
    )


def _inside(block: Block) -> SafeString:
    """What the block says."""
    entry, project = block.entry, block.entry.project
    duration = fill(DURATION, hours(block.duration))
    if not block.ended:
        duration = fill(ELAPSED, seconds(block.duration), clock(block.duration))
    return fill(
        INSIDE,
        color=project.color if project else "currentColor",
        what=described(entry),
        start=_reading(entry.started_at, here=block.begins),
        to=_("to"),
        end=_reading(entry.ended_at, here=block.ends) if entry.ended_at else _("now"),
        duration=duration,
        where=f"{project.name}{beside_project(entry)}" if project else _("No project"),
    )


def _reading(moment: datetime, *, here: bool) -> str:
    """A time of day, with its day where that is not `here`."""
    read = time_of_day(moment)
    return read if here else f"{date_format(localtime(moment), 'D')} {read}"
