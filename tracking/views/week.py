"""The week as a timesheet: one types the hours of a project and task into their day.

Each cell is saved by itself, also where a browser without script sends the whole grid: what is
refused stands beside its cell as it was typed, everything else is saved.
"""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from tracking.cells import Field, Typed, day_names, fields_of, read, written
from tracking.decorators import PersonRequest, person_required
from tracking.forms import WorkForm
from tracking.models import Project, Task, TimeEntry, local_day
from tracking.offers import Offer, offer_of
from tracking.people import Person, manages
from tracking.responses import done, say
from tracking.services import timesheet as services
from tracking.spans import DAY
from tracking.templatetags.durations import hours
from tracking.timesheet import Cell, Row, Sheet, Work, key_of, sheet_of
from tracking.typed import parse_duration

# `c.12-34.2026-11-23.5400`: project and task (0 for none), day, and the seconds that it showed.
NAME = re.compile(
    r"c\.(?P<project>[0-9]{1,18})-(?P<task>[0-9]{1,18})"
    r"\.(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})\.(?P<was>[0-9]{1,9})"
)
FIRST_YEAR, LAST_YEAR = date.min.year + 2, date.max.year - 2
ZERO = re.compile(r"0{1,9}(?:[:.,]0{1,9}){0,2}\s?(?:h|std\.?|m|min\.?)?", re.IGNORECASE)


class RowForm(WorkForm):
    """The project and task of a row that is to be added."""

    def __init__(
        self, user: Person, data: Mapping[str, Any] | None = None, *, offer: Offer | None = None
    ) -> None:
        super().__init__(user, data, offer=offer, prefix_of_ids="row")
        del self.fields["description"], self.fields["tags"]


# --- pages -------------------------------------------------------------------------------------


@require_safe
@person_required
def week(request: PersonRequest, day: str = "") -> HttpResponse:
    """The week around a day, this week without one; managers read that of `?person=`, too."""
    person = _person(request)
    return _page(request, _day(day) if day else _today(person), person)


@require_POST
@person_required
def week_cell(request: PersonRequest) -> HttpResponse:
    """Save the cells that were changed: one of them from the script, else all of the form."""
    day = _day(request.POST.get("day", ""))
    cells = _saved(request)
    if request.htmx:
        return _cell(request, cells)
    if refused := _refused(cells):
        return _page(request, day, request.user, refused=refused)
    return done(request, _("The week is saved."), to=_address(day))


@require_POST
@person_required
def week_rows(request: PersonRequest) -> HttpResponse:
    """Copy the rows of the week before, without their time."""
    day = _day(request.POST.get("day", ""))
    refused = _refused(_saved(request))
    rows = services.copy_rows(request.user, day)
    sentence = ngettext("%d row copied.", "%d rows copied.", rows) % rows
    say(request, sentence if rows else _("The week before has no other rows."))
    return _goes_on(request, day, refused)


@require_POST
@person_required
def week_add_row(request: PersonRequest) -> HttpResponse:
    """Add a row without time; what is typed next is its time."""
    day = _day(request.POST.get("day", ""))
    refused = _refused(_saved(request))
    form = RowForm(request.user, request.POST)
    if not form.is_valid():
        return _page(request, day, request.user, refused=refused, form=form)
    try:
        work = services.add_row(request.user, day, **form.cleaned_data)
    except ValidationError as error:
        form.add_error(None, error)
        return _page(request, day, request.user, refused=refused, form=form)
    return _goes_on(request, day, refused, f"?row={key_of(work)}")


@require_POST
@person_required
def week_remove_row(request: PersonRequest) -> HttpResponse:
    """Take a row without time away."""
    day = _day(request.POST.get("day", ""))
    named = re.fullmatch(r"([0-9]{1,18})-([0-9]{1,18})", request.POST.get("row", ""))
    if named is None:
        raise Http404
    work = (int(named[1]) or None, int(named[2]) or None)
    refused = _refused(_saved(request))
    if not services.remove_row(request.user, day, work):
        say(request, _("The row has time by now, so it stays."))
    return _goes_on(request, day, refused, "?row=removed")


# --- what was asked for ------------------------------------------------------------------------


def _person(request: PersonRequest) -> Any:
    """Whose week it is: the person's own, or for managers that of `?person=`."""
    named = request.GET.get("person", "")
    if not named or named == str(request.user.pk):
        return request.user
    if not manages(request.user):
        raise Http404
    try:
        found = get_user_model().objects.filter(pk=UUID(named)).first()
    except ValueError:
        found = None
    if found is None:
        raise Http404
    return found


def _today(person: Person) -> date:
    return local_day(timezone.now(), person.time_zone)


def _day(text: str) -> date:
    """The day of an address or a hidden field, in the one way in which we write it."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Http404 from None
    # Away from both ends of the calendar: there are weeks before and after it.
    if day.isoformat() != text or not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Http404
    return day


def _typed(data: QueryDict) -> list[Typed]:
    """What the fields of cells hold; their names are not for people to change."""
    cells = []
    for name, text in data.items():
        if not name.startswith("c."):
            continue
        if not (named := NAME.fullmatch(name)):
            raise Http404
        work = (int(named["project"]) or None, int(named["task"]) or None)
        was = timedelta(seconds=int(named["was"]))
        cells.append(Typed(work, _day(named["day"]), was, str(text)))
    return cells


def _saved(request: PersonRequest) -> list[Typed]:
    """Save the cells that were changed; without the script every button sends all of them."""
    cells = _typed(request.POST)
    for typed in cells:
        if typed.changed:
            _save(request.user, typed)
    for typed in cells:
        if typed.deletion is not None:
            _say_deleted(request, typed)
    return cells


def _refused(cells: list[Typed]) -> list[Typed]:
    return [typed for typed in cells if typed.error]


def _save(user: Any, typed: Typed) -> None:
    """Save a cell, or note on it what is wrong."""
    project, task = _project_and_task(user, typed.work)
    try:
        total = _sum(typed.text)
    except ValidationError as error:
        typed.error = " ".join(error.messages)
        return
    try:
        typed.deletion = services.set_cell(
            user, project=project, task=task, day=typed.day, was=typed.was, total=total
        )
    except ValidationError as error:
        typed.error, typed.error_of_day = " ".join(error.messages), True


def _project_and_task(user: Person, work: Work) -> tuple[Project | None, Task | None]:
    """Project and task of a cell: such as the person sees, or has time of already."""
    project = task = None
    if work[0]:
        project = Project.objects.filter(pk=work[0]).first()
        seen = Project.objects.visible_to(user).filter(pk=work[0])
        spent = TimeEntry.objects.of(user).filter(project=work[0])
        if project is None or not (seen.exists() or spent.exists()):
            raise Http404
    if work[1]:
        task = Task.objects.filter(pk=work[1], project=project).first()
        if task is None:
            raise Http404
    return project, task


def _sum(text: str) -> timedelta:
    """The time that was typed; none where the field is empty or says 0."""
    text = text.strip()
    return timedelta() if not text or ZERO.fullmatch(text) else parse_duration(text)


def _say_deleted(request: PersonRequest, typed: Typed) -> None:
    sentence = _("%(time)s on %(day)s removed.") % {
        "time": hours(typed.was),
        "day": date_format(typed.day, _("l, j F")),
    }
    say(request, sentence, undo=typed.deletion)


# --- what is answered --------------------------------------------------------------------------


def _address(day: date) -> str:
    return resolve_url("week_of", day.isoformat())


def _goes_on(
    request: PersonRequest, day: date, refused: list[Typed], query: str = ""
) -> HttpResponse:
    """The week after an action; where cells were refused, with what was typed into them."""
    if refused:
        return _page(request, day, request.user, refused=refused)
    return redirect(f"{_address(day)}{query}")


def _page(
    request: PersonRequest,
    day: date,
    person: Any,
    *,
    refused: list[Typed] | None = None,
    form: RowForm | None = None,
) -> HttpResponse:
    """The page of a week; 422 where cells were refused or the form has errors."""
    sheet = sheet_of(person, day)
    mine = person.pk == request.user.pk
    refused = refused or []
    shown, fresh = _shown(sheet, day, refused), request.GET.get("row", "")
    offer = offer_of(request.user)  # which the form has in common with the timer bar
    if mine and form is None:
        form = RowForm(request.user, offer=offer)
    context = {
        "sheet": sheet,
        "rows": _lines(sheet, refused, mine=mine, focus=(fresh, shown)),
        "person": person,
        "mine": mine,
        "of_person": "" if mine else f"?person={person.pk}",
        "day": day,
        "shown": shown,
        "this": any(each.is_today for each in sheet.days),
        "address": _address(day),
        "before": day - 7 * DAY,
        "after": day + 7 * DAY,
        "offer": offer,
        "form": form,
        "fresh": fresh,
    }
    bad = bool(refused or (form and form.errors))
    return render(request, "tracking/week.html", context, status=422 if bad else 200)


def _lines(
    sheet: Sheet, refused: list[Typed], *, mine: bool, focus: tuple[str, int]
) -> list[tuple[Row, SafeString, list[Field]]]:
    """Each row with its cells, and with those of them that were refused."""
    days = day_names(day.date for day in sheet.days)
    lines = []
    for row in sheet.rows:
        fields = fields_of(row, refused)
        focused = focus[1] if row.key == focus[0] else None
        cells = written(fields, days, focused) if mine else read(fields)
        lines.append((row, cells, [field for field in fields if field.typed]))
    return lines


def _shown(sheet: Sheet, day: date, refused: list[Typed]) -> int:
    """The column that a phone shows: that of the first error, else of the day asked for."""
    first = min((typed.day for typed in refused), default=day)
    return next((i for i, each in enumerate(sheet.days) if each.date == first), 0)


def _cell(request: PersonRequest, cells: list[Typed]) -> HttpResponse:
    """What changes on the page by one cell: sums, toasts, and the sentence that refuses it."""
    if len(cells) != 1:
        raise Http404
    typed = cells[0]
    sheet = sheet_of(request.user, typed.day)
    row = sheet.row(typed.work)
    if row is None:  # all its time went meanwhile, and nobody keeps it
        project, task = _project_and_task(request.user, typed.work)
        row = Row(project, task, [Cell(day.date) for day in sheet.days])
    index = next(i for i, day in enumerate(sheet.days) if day.date == typed.day)
    field = fields_of(row, [typed] if typed.error else [])[index]
    context = {"sheet": sheet, "row": row, "field": field, "day": sheet.days[index]}
    status = 422 if typed.error else 200
    response = render(request, "tracking/week_cell.html", context, status=status)
    shows = {"name": field.name, "text": field.cell.text, "refused": bool(typed.error)}
    return trigger_client_event(response, "week-cell", shows)
