"""A row of an entry, as every list of entries shows it.

It is written here and not by a template: a page has dozens of rows, for which the template language
would take longer than all else that the page does.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from django import template
from django.conf import settings
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext as _

from tracking.board import Row
from tracking.clockface import time_of_day
from tracking.markup import fill
from tracking.models import TimeEntry
from tracking.templatetags.durations import clock, iso, seconds

register = template.Library()

NOTHING = SafeString()

ROW = (
    '<li class="entry{running}" id="entry-{pk}" hx-target="this" hx-select="unset"'
    ' hx-swap="outerHTML"{first}>{select}<div class="entry-what">'
    '<p class="entry-description">{description}</p>'
    '<p class="entry-project">{project} {tags} {billable}</p></div>'
    '<p class="entry-times">{times}</p>'
    '<p class="entry-duration"><time datetime="{iso}"{elapsed}>{clock}</time></p>{actions}</li>'
)
SELECT = (
    '<label class="entry-select"><input class="form-check-input" type="checkbox" name="entry"'
    ' value="{}" form="bulk" autocomplete="off"{} aria-label="{}"></label>'
)
DESCRIPTION = (
    '<a class="entry-edit" href="{0}{1}" hx-get="{0}" data-analytics-feature="entry_edit"'
    ' title="{2}">{3}</a>'
)
PROJECT = (
    '<svg class="dot" viewBox="0 0 10 10" aria-hidden="true" focusable="false">'
    '<circle cx="5" cy="5" r="5" fill="{}"/></svg><span class="project-name">{}</span>{}'
)
TAG = '<span class="entry-tag">{}</span>'
BILLABLE = (
    '<span class="entry-billable" title="{0}"><svg class="icon" role="img" aria-label="{0}"'
    ' focusable="false"><use href="#icon-billable"/></svg></span>'
)
TIMES = (
    '<time datetime="{}">{}</time><span aria-hidden="true"> – </span>'
    '<span class="visually-hidden">{}</span> {}'
)
END = '<time datetime="{}">{}</time>{}'
DAYS_LATER = '<span class="days-later" title="{}">+{}</span>'
ACTIONS = '<div class="entry-actions">{}{}</div>'
CONTINUE = (
    '<button class="entry-action" type="submit" form="entry-actions" formaction="{address}"'
    ' hx-post="{address}" hx-disabled-elt="this" data-analytics-feature="entry_continue"'
    ' aria-label="{label}"><svg class="icon" aria-hidden="true" focusable="false">'
    '<use href="#icon-play"/></svg></button>'
)
MENU = (
    '<details class="menu"><summary class="entry-action" aria-label="{label}">'
    '<svg class="icon" aria-hidden="true" focusable="false"><use href="#icon-more"/></svg>'
    '</summary><div class="menu-items"><a href="{address}{query}" hx-get="{address}">{edit}</a>'
    '{duplicate}<a href="{address}split/{query}" hx-get="{address}split/"'
    ' data-analytics-feature="entry_split">{split}</a><button class="menu-danger" type="submit"'
    ' form="entry-actions" formaction="{address}delete/" hx-post="{address}delete/"'
    ' hx-disabled-elt="this">{delete}</button></div></details>'
)
DUPLICATE = (
    '<button type="submit" form="entry-actions" formaction="{0}duplicate/"'
    ' hx-post="{0}duplicate/" hx-disabled-elt="this">{1}</button>'
)


@dataclass(frozen=True)
class Place:
    """The list in which rows stand: what may be done there, and what all its rows say alike."""

    own: bool
    may_change: bool
    selected: Collection[int] | None  # None where rows cannot be selected
    query: SafeString  # with the page to come back to
    words: dict[str, str]
    entries: str  # addresses to which the key of an entry is added
    again: str


@register.simple_tag
def entry_rows(
    rows: Iterable[Row],
    next: str,
    *,
    own: bool = True,
    may_change: bool = True,
    selected: Collection[int] | None = None,
    first: bool = False,
) -> SafeString:
    """Rows with what may be done with their entries; `next` is the page to come back to.

    With `selected` they can be selected, and those of these keys are. `first` marks the first row
    of a page. The page needs `tracking/entry_actions.html` once, whose form the buttons send.
    """
    query = fill("?next={}", quote(next))
    entries, again = reverse("entries"), reverse("timer_continue", args=[0]).removesuffix("0/")
    place = Place(own, may_change, selected, query, _words(get_language()), entries, again)
    marked = ((row, first and index == 0) for index, row in enumerate(rows))
    return SafeString("\n".join(_row(row, place, mark) for row, mark in marked))


@register.simple_tag
def entry_project(entry: TimeEntry) -> SafeString:
    """Project, task and client of an entry, with the project's colour."""
    if entry.project is None:
        return SafeString(_words(get_language())["no_project"])
    return fill(PROJECT, entry.project.color, entry.project.name, beside_project(entry))


def beside_project(entry: TimeEntry) -> str:
    """What follows the name of an entry's project: its task and the project's client."""
    client = entry.project.client if entry.project else None
    return "".join(f" · {each.name}" for each in (entry.task, client) if each)


def described(entry: TimeEntry) -> str:
    """The description of an entry, or that there is none."""
    if entry.description:
        return entry.description
    return fill('<span class="missing">{}</span>', _words(get_language())["nothing"])


# --- parts -------------------------------------------------------------------------------------


def _row(row: Row, place: Place, first: bool) -> SafeString:
    entry, words = row.entry, place.words
    what = entry.description or words["nothing"]
    address = fill("{}{}/", place.entries, entry.pk)
    may_change = place.may_change and not entry.running
    select = elapsed = actions = NOTHING
    description = described(entry)
    if may_change:
        description = fill(DESCRIPTION, address, place.query, words["edit"], description)
        select = _select(entry, what, place)
    if entry.running:
        elapsed = fill(' data-elapsed="{}"', seconds(row.duration))
    if place.own or may_change:
        actions = _actions(entry, what, address, place)
    return fill(
        ROW,
        running=" entry-running" if entry.running else "",
        pk=entry.pk,
        first=" data-first-row" if first else "",
        select=select,
        description=description,
        project=entry_project(entry),
        tags=SafeString("".join(fill(TAG, tag.name) for tag in entry.tags.all())),
        billable=fill(BILLABLE, words["billable"]) if entry.billable else NOTHING,
        times=_times(row, words),
        iso=iso(row.duration),
        elapsed=elapsed,
        clock=clock(row.duration),
        actions=actions,
    )


def _select(entry: TimeEntry, what: str, place: Place) -> SafeString:
    if place.selected is None:
        return NOTHING
    checked = " checked" if entry.pk in place.selected else ""
    return fill(SELECT, entry.pk, checked, place.words["select"] % {"what": what})


def _times(row: Row, words: dict[str, str]) -> SafeString:
    entry, end = row.entry, words["now"]
    if entry.ended_at is not None:
        later = NOTHING
        if row.days_later:
            day = date_format(localtime(entry.ended_at), _("l, j F"))
            later = fill(DAYS_LATER, day, row.days_later)
        end = fill(END, entry.ended_at.isoformat(), time_of_day(entry.ended_at), later)
    start = entry.started_at
    return fill(TIMES, start.isoformat(), time_of_day(start), words["to"], end)


def _actions(entry: TimeEntry, what: str, address: SafeString, place: Place) -> SafeString:
    """What may be done with a finished entry; its words name it to whom the row is read out."""
    again = menu = NOTHING
    words = place.words
    if place.own and not entry.running:
        label = words["continue"] % {"what": what}
        again = fill(CONTINUE, address=f"{place.again}{entry.pk}/", label=label)
    if place.may_change and not entry.running:
        may_overlap = settings.OVERLAPPING_ENTRIES == "allow"
        menu = fill(
            MENU,
            address=address,
            query=place.query,
            label=words["more"] % {"what": what},
            duplicate=fill(DUPLICATE, address, words["duplicate"]) if may_overlap else "",
            edit=words["edit"],
            split=words["split"],
            delete=words["delete"],
        )
    return fill(ACTIONS, again, menu)


@lru_cache
def _words(_language: str | None) -> dict[str, str]:
    """What rows say, in the active language; what stands as it is, is escaped once for all."""
    fixed = {
        "no_project": _("No project"),
        "billable": _("Billable"),
        "to": _("to"),
        "now": _("now"),
        "edit": _("Edit"),
        "duplicate": _("Duplicate"),
        "split": _("Split…"),
        "delete": _("Delete"),
    }
    return {
        **{name: escape(words) for name, words in fixed.items()},
        "nothing": _("No description"),
        "select": _("Select “%(what)s”"),
        "continue": _("Continue “%(what)s”"),
        "more": _("More for “%(what)s”"),
    }
