"""Which days are locked, for the pages that mark them."""

from datetime import date

from django import template

from tracking.services import locks

register = template.Library()


@register.simple_tag
def locked_until() -> date | None:
    """The last day that is locked; None where nothing is. One query: ask once a page."""
    return locks.locked_until()
