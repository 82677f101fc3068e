"""The calendar: entries at their times, made, moved and stretched there.

The page sends what it shows, a day and a minute of that day's clock. Where clocks change, this
holds: what is moved takes as long as before; what is stretched keeps its other end to the second;
of a time that comes twice it is the one nearer to where that end was; one that is skipped is
refused.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from tracking import services
from tracking.agenda import FULL_DAY, agenda_of
from tracking.clockface import time_of_day
from tracking.decorators import PersonRequest, person_required
from tracking.models import TimeEntry, local_day
from tracking.people import manages
from tracking.responses import CHANGED, done
from tracking.services.rules import named
from tracking.spans import DAY, moment, week_of
from tracking.templatetags.durations import hours

YEARS = range(1970, 3000)  # that the calendar turns over; entries have fewer


@require_safe
@person_required
def calendar(request: PersonRequest) -> HttpResponse:
    """A week or a day of one's own; managers may look at somebody else's (`person`)."""
    return _page(request)


@require_POST
@person_required
def calendar_new(request: PersonRequest) -> HttpResponse:
    """Make an entry of a stretch of one day; what it is about is asked next."""
    form = StretchForm(request.POST)
    try:
        times = form.times(ZoneInfo(request.user.time_zone))
        entry = services.create_entry(request.user, started_at=times[0], ended_at=times[1])
    except ValidationError as error:
        return _refused(request, error)
    address = resolve_url("entry_edit", entry.pk)
    if not request.htmx:
        return redirect(address)
    response = done(request, _("Entered: %(entry)s.") % {"entry": named(entry)})
    response["HX-Trigger"] = json.dumps({CHANGED: None, "calendar-made": {"address": address}})
    return response


@require_POST
@person_required
def calendar_move(request: PersonRequest, pk: int) -> HttpResponse:
    """Put an entry of one's own, or one of its ends, at another time."""
    entry = TimeEntry.objects.of(request.user).filter(pk=pk).first()
    if entry is None:
        raise Http404
    form = MoveForm(request.POST)
    try:
        times = form.times(entry, ZoneInfo(request.user.time_zone))
        version = form.cleaned_data["version"]
        changed = services.update_entry(request.user, pk, version, **times)
    except TimeEntry.DoesNotExist:
        raise Http404 from None  # deleted meanwhile
    except ValidationError as error:
        return _refused(request, error)
    said = {"entry": named(changed), "time": hours(changed.duration)}
    return done(request, _("Saved: %(entry)s, %(time)s.") % said, to="calendar")


# --- what is sent ------------------------------------------------------------------------------


def _shown_day(day: date) -> None:
    if day.year not in YEARS:
        raise ValidationError(_("This day lies outside of the calendar."))


class DayField(forms.DateField):
    """A day as scripts write it, yyyy-mm-dd."""

    def __init__(self) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], validators=[_shown_day])


class MinuteField(forms.IntegerField):
    """A minute of a day's clock; 1440 is its end."""

    def __init__(self) -> None:
        super().__init__(min_value=0, max_value=FULL_DAY)


class SentForm(forms.Form):
    """What the page's script sends: nobody has typed it, so what is wrong with it is one thing."""

    day = DayField()

    def checked(self) -> dict[str, Any]:
        """The values. Raises `ValidationError` where they are none."""
        if not self.is_valid():
            raise ValidationError(_("The page is out of date. Reload it and try again."))
        return self.cleaned_data


class StretchForm(SentForm):
    """A stretch of a day, in minutes of its clock."""

    start = MinuteField()
    end = MinuteField()

    def times(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Start and end. Raises `ValidationError`, also for times that the clock skips."""
        sent = self.checked()
        start, end = (_reading(sent["day"], sent[name]) for name in ("start", "end"))
        return moment(*start, zone), moment(*end, zone)


class MoveForm(SentForm):
    """Where an entry goes (its start), or which of its ends goes where."""

    minute = MinuteField()
    part = forms.ChoiceField(choices=[(name, name) for name in ("entry", "start", "end")])
    version = forms.IntegerField(min_value=0)

    def times(self, entry: TimeEntry, zone: ZoneInfo) -> dict[str, datetime]:
        """The times that change. Raises `ValidationError`, also for a running timer."""
        sent = self.checked()
        if entry.ended_at is None:
            raise ValidationError(
                _("This timer is running. Stop it first, or change its start in the timer bar.")
            )
        if sent["part"] == "end":
            return {"ended_at": _moved(entry.ended_at, sent["day"], sent["minute"], zone)}
        start = _moved(entry.started_at, sent["day"], sent["minute"], zone)
        if sent["part"] == "start":
            return {"started_at": start}
        return {"started_at": start, "ended_at": start + (entry.ended_at - entry.started_at)}


def _reading(day: date, minute: int) -> tuple[date, time]:
    """A minute of a day as day and time; the end of a day is the start of the next."""
    days, minute = divmod(minute, FULL_DAY)
    return day + days * DAY, time(*divmod(minute, 60))


def _moved(old: datetime, day: date, minute: int, zone: ZoneInfo) -> datetime:
    """The moment of a reading, nearest to the old one where it comes twice.

    The old one's seconds stay where it only goes to another day.
    """
    new_day, at = _reading(day, minute)
    shown = old.astimezone(zone)
    if (at.hour, at.minute) == (shown.hour, shown.minute):
        at = shown.time()
    readings = [moment(new_day, at, zone, fold) for fold in (0, 1)]
    return min(readings, key=lambda each: abs(each - old))


# --- what is shown -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Turn:
    """Which days are shown, and where the buttons lead."""

    day: date
    days: list[date]
    week: list[date]  # around the day
    view: str  # week or day; on a phone both show the day
    today: date

    @property
    def step(self) -> timedelta:
        """How far the buttons turn."""
        return timedelta(len(self.days))

    @property
    def before(self) -> date:
        """A day of what comes before."""
        return self.day - self.step

    @property
    def after(self) -> date:
        """A day of what comes next."""
        return self.day + self.step

    @property
    def day_before(self) -> date:
        """The day before, for phones."""
        return self.day - DAY

    @property
    def day_after(self) -> date:
        """The next day, for phones."""
        return self.day + DAY


def _turn(request: PersonRequest, person: Any) -> Turn:
    """What the address asks for; nonsense is today's week."""
    today = day = local_day(timezone.now(), person.time_zone)
    with suppress(ValueError):
        asked = date.fromisoformat(request.GET.get("day", ""))
        day = asked if asked.year in YEARS else today
    week = week_of(day, request.user.week_start)
    if request.GET.get("view") == "day":
        return Turn(day, [day], week, "day", today)
    return Turn(day, week, week, "week", today)


def _person(request: PersonRequest) -> Any:
    """Whose calendar it is. 404 for whoever may not see that person's time."""
    wanted = request.GET.get("person", "")
    if wanted in ("", str(request.user.pk)):
        return request.user
    if not manages(request.user):
        raise Http404
    people = get_user_model()._default_manager
    try:
        return people.get(pk=wanted)
    except (people.model.DoesNotExist, ValidationError, ValueError, OverflowError):
        raise Http404 from None


def _page(request: PersonRequest, status: int = 200) -> HttpResponse:
    person = _person(request)
    turn = _turn(request, person)
    context = {
        "person": person,
        "own": person == request.user,
        "turn": turn,
        "agenda": agenda_of(person, turn.days),
        "hours": _hours(),
        "here": f"{resolve_url('calendar')}?{request.GET.urlencode()}".rstrip("?"),
    }
    return render(request, "tracking/calendar.html", context, status=status)


def _hours() -> list[tuple[str, str]]:
    """The hours at the side: where each stands, and how the person reads it."""
    noon = datetime(2000, 1, 1, tzinfo=ZoneInfo("UTC"))
    with timezone.override("UTC"):
        return [
            (f"at-h{hour} at-m0", time_of_day(noon + timedelta(hours=hour)))
            for hour in range(1, 24)
        ]


def _refused(request: PersonRequest, error: ValidationError) -> HttpResponse:
    """Say why nothing was changed, and show how things stand now."""
    messages.error(request, " ".join(error.messages))
    if not request.htmx:
        return _page(request, status=422)
    response = render(request, "tracking/done.html", status=422)
    response["HX-Reswap"] = "none"
    if isinstance(error, services.ChangedElsewhereError):
        response["HX-Trigger"] = CHANGED
    return response
