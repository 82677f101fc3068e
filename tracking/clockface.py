"""Times of day as the person of the request reads them: 17:30 or 5:30 p.m."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from tracking.people import Person

_hours_24: ContextVar[bool] = ContextVar("hours_24", default=True)


@contextmanager
def clockface(*, hours_24: bool) -> Iterator[None]:
    """For the time of the block, times read like this."""
    token = _hours_24.set(hours_24)
    try:
        yield
    finally:
        _hours_24.reset(token)


def time_of_day(moment: datetime) -> str:
    """The time of an aware moment in the active zone."""
    return date_format(timezone.localtime(moment), "H:i" if _hours_24.get() else "g:i a")


def day_and_time(moment: datetime) -> str:
    """Day and time of an aware moment in the active zone; today's is only the time."""
    local = timezone.localtime(moment)
    if local.date() == timezone.localdate():
        return time_of_day(moment)
    day = date_format(local, _("D, j F"))
    return f"{day}, {time_of_day(moment)}"


def as_typed(moment: datetime, user: Person) -> str:
    """The time of day of a local moment as a person would type it; `parse_time` reads it back."""
    if getattr(user, "hours_24", True):
        return f"{moment:%H:%M}"
    return f"{moment.hour % 12 or 12}:{moment:%M} {'am' if moment.hour < 12 else 'pm'}"


class ClockfaceMiddleware:
    """Times as the signed-in person has chosen in their preferences."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle the request with that clockface."""
        with clockface(hours_24=getattr(request.user, "hours_24", True)):
            return self.get_response(request)
