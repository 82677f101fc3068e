"""A row of an entry, as every list of entries shows it."""

from collections.abc import Collection
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from django import template
from django.conf import settings
from django.urls import reverse
from django.utils.translation import get_language, gettext as _

from tracking.board import Row

register = template.Library()


@register.inclusion_tag("tracking/entry_row.html")
def entry_row(
    row: Row,
    next: str,
    *,
    own: bool = True,
    may_change: bool = True,
    selectable: bool = False,
    selected: Collection[int] = (),
    first: bool = False,
) -> dict[str, Any]:
    """A row with what may be done with its entry; `next` is the page to come back to.

    The page needs `tracking/entry_actions.html` once, whose form the row's buttons send.
    """
    entry, words = row.entry, _words(get_language())
    what = entry.description or words["nothing"]
    may_change = may_change and not entry.running
    return {
        "row": row,
        "entry": entry,
        "words": words,
        # Composed here for the sake of speed: of all that a page of rows does, finding the
        # addresses and words of each row anew would take the most time.
        "address": f"{reverse('entries')}{entry.pk}/",
        "query": f"?next={quote(next)}",
        "select": words["select"] % {"what": what},
        "continue": words["continue"] % {"what": what},
        "more": words["more"] % {"what": what},
        "own": own,
        "may_change": may_change,
        "may_overlap": settings.OVERLAPPING_ENTRIES == "allow",
        "selectable": selectable and may_change,
        "selected": entry.pk in selected,
        "first": first,
    }


@lru_cache
def _words(_language: str | None) -> dict[str, str]:
    """What rows say, in the active language."""
    return {
        "nothing": _("No description"),
        "select": _("Select “%(what)s”"),
        "continue": _("Continue “%(what)s”"),
        "more": _("More for “%(what)s”"),
        "billable": _("Billable"),
        "to": _("to"),
        "now": _("now"),
        "edit": _("Edit"),
        "duplicate": _("Duplicate"),
        "split": _("Split…"),
        "delete": _("Delete"),
    }
