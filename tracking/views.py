"""Pages of the time tracker. What happens is decided in `services`; views speak HTTP only."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from tracking import services
from tracking.board import board_of
from tracking.decorators import PersonRequest, person_required
from tracking.forms import TimerForm
from tracking.templatetags.durations import clock


@require_safe
@vary_on_headers("HX-Request")
@person_required
def dashboard(request: PersonRequest) -> HttpResponse:
    """The timer and today's entries; for htmx only that part of the page."""
    return _show(request, TimerForm())


@require_POST
@person_required
def timer_start(request: PersonRequest) -> HttpResponse:
    """Start a timer, or say beside the field why not."""
    form = TimerForm(request.POST)
    if not form.is_valid():
        return _show(request, form, status=422)
    try:
        services.start_timer(request.user, **form.cleaned_data)
    except ValidationError as error:
        form.add_error(None, error)
        return _show(request, form, status=422)
    return _done(request, _("Timer started."))


@require_POST
@person_required
def timer_stop(request: PersonRequest) -> HttpResponse:
    """Stop the timer. If none runs any more, the page that follows shows that."""
    stopped = services.stop_timer(request.user)
    if stopped is None:
        return _done(request, _("No timer was running."))
    return _done(request, _("Timer stopped after %(time)s.") % {"time": clock(stopped.duration)})


def _done(request: PersonRequest, sentence: str) -> HttpResponse:
    if request.htmx:
        return _show(request, TimerForm(), announcement=sentence)
    messages.success(request, sentence)
    return redirect("dashboard")


def _show(
    request: PersonRequest, form: TimerForm, *, announcement: str = "", status: int = 200
) -> HttpResponse:
    template = "tracking/board_swap.html" if request.htmx else "tracking/dashboard.html"
    context = {"board": board_of(request.user), "form": form, "announcement": announcement}
    return render(request, template, context, status=status)
