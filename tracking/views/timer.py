"""The dashboard and the timer bar, which stands on every page."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from tracking import services
from tracking.board import board_of, week_of
from tracking.decorators import PersonRequest, person_required
from tracking.forms import StartForm, TimerChangeForm, WorkForm, has_seen
from tracking.models import Deletion, TimeEntry
from tracking.once import first_time, forget_first_time
from tracking.responses import CHANGED, done, next_page
from tracking.templatetags.durations import clock

ONCE_FOR = 10  # seconds in which a start that is sent again is taken for a double click


@require_safe
@vary_on_headers("HX-Request")
@person_required
def dashboard(request: PersonRequest) -> HttpResponse:
    """Today's entries and this week; the timer stands above, as everywhere."""
    context = {"board": board_of(request.user), "week": week_of(request.user)}
    return render(request, "tracking/dashboard.html", context)


@require_safe
@person_required
def timer(request: PersonRequest) -> HttpResponse:
    """The timer bar: alone for htmx, else a page with it."""
    return _bar(request)


@require_POST
@person_required
def timer_start(request: PersonRequest) -> HttpResponse:
    """Start a timer, or say beside the field why not."""
    form = StartForm(request.user, request.POST)
    if not form.is_valid():
        return _bar(request, form=form)
    if not first_time(request, ONCE_FOR):
        return done(request, _("This timer was started already."))
    try:
        services.start_timer(request.user, instead="instead" in request.POST, **form.cleaned_data)
    except ValidationError as error:
        forget_first_time(request)
        form.add_error(None, _known(form, error))
        return _bar(request, form=form)
    return done(request, _("Timer started."))


@require_POST
@person_required
def timer_continue(request: PersonRequest, pk: int) -> HttpResponse:
    """Start a timer for the same work as an earlier entry."""
    if not first_time(request, ONCE_FOR):
        return done(request, _("This timer was started already."))
    try:
        services.continue_entry(request.user, pk)
    except TimeEntry.DoesNotExist:
        return done(request, _("This entry is not there any more."))
    except ValidationError as error:
        forget_first_time(request)
        return done(request, " ".join(error.messages))
    return done(request, _("Timer started."))


@require_POST
@person_required
def timer_stop(request: PersonRequest) -> HttpResponse:
    """Stop the timer, now or at the last activity. If none runs, the next page shows that."""
    at_last_activity = request.POST.get("at") == "last-activity"
    stopped = services.stop_timer(request.user, at_last_activity=at_last_activity)
    if stopped is None:
        return done(request, _("No timer was running."))
    return done(request, _("Timer stopped after %(time)s.") % {"time": clock(stopped.duration)})


@require_POST
@person_required
def timer_change(request: PersonRequest) -> HttpResponse:
    """Change what the running timer is about and when it started."""
    entry = _running(request)
    if entry is None:
        return _nothing_to_change(request)
    form = TimerChangeForm(request.user, request.POST, entry=entry)
    if not form.is_valid():
        return _bar(request, change=form)
    try:
        _change(request, form)
    except ValidationError as error:
        form.add_error(None, _known(form, error))
        if isinstance(error, services.ChangedElsewhereError):
            now = _running(request)
            if now is None:
                return _nothing_to_change(request)
            has_seen(form, now.version)
        return _bar(request, change=form)
    return done(request, _("Timer changed."))


@require_POST
@person_required
def timer_discard(request: PersonRequest) -> HttpResponse:
    """Throw the running timer away; it can be undone."""
    deletion = services.discard_timer(request.user)
    if deletion is None:
        return done(request, _("No timer was running."))
    return done(request, _("Timer discarded."), undo=deletion)


@require_POST
@person_required
def timer_keep(request: PersonRequest) -> HttpResponse:
    """A timer that seemed forgotten goes on."""
    services.keep_timer(request.user)
    return done(request, _("The timer goes on."))


@require_POST
@person_required
def timer_activity(request: PersonRequest) -> HttpResponse:
    """The person is at work: nothing to show, or the question what becomes of the timer."""
    if services.note_activity(request.user):
        return _bar(request)
    return HttpResponse(status=204)


@require_POST
@person_required
def undo(request: PersonRequest, pk: Any) -> HttpResponse:
    """Bring back what was deleted."""
    try:
        back = services.restore(request.user, pk)
    except ValidationError as error:
        return done(request, " ".join(error.messages), undo=Deletion(pk=pk))
    if back:
        return done(request, _("It is back."))
    return done(request, _("This cannot be undone any more."))


@require_safe
@person_required
def work_options(request: PersonRequest) -> HttpResponse:
    """Every project that the person may choose, as options of a select, for htmx."""
    form = WorkForm(request.user, {"project": "more"})
    return render(request, "tracking/work_options.html", {"form": form})


def _running(request: PersonRequest) -> TimeEntry | None:
    return TimeEntry.objects.of(request.user).filter(ended_at=None).shown().first()


def _change(request: PersonRequest, form: TimerChangeForm) -> None:
    """Save what a valid form says; tags that it made go where it is refused."""
    work = dict(form.cleaned_data)
    with transaction.atomic():
        work["tags"] = services.tags_named(work["tags"], form.entry)
        services.update_timer(request.user, work.pop("version"), **work)


def _nothing_to_change(request: PersonRequest) -> HttpResponse:
    """The timer was stopped elsewhere: what was typed stands where the next one is started."""
    form = StartForm(request.user, request.POST)
    form.add_error(None, _("No timer is running any more. Your change was not saved."))
    response = _bar(request, form=form)
    response["HX-Trigger"] = CHANGED
    return response


def _known(form: WorkForm, error: ValidationError) -> ValidationError:
    """The error, with what belongs to no field of the form's said above it."""
    if not hasattr(error, "error_dict"):
        return error
    names = {"started_at": "start"}
    fields = {names.get(name, name): e for name, e in error.error_dict.items()}
    return ValidationError(
        {name if name in form.fields else "__all__": e for name, e in fields.items()}
    )


def _bar(request: PersonRequest, **forms: WorkForm) -> HttpResponse:
    """The timer bar with forms as they were sent; 422 where they have errors."""
    status = 422 if any(form.errors for form in forms.values()) else 200
    if request.method == "GET" and not request.htmx:
        return redirect(next_page(request, "dashboard"))
    template = "tracking/timer_bar.html" if request.htmx else "tracking/timer_page.html"
    return render(request, template, {"timer_forms": forms}, status=status)
