"""Locking time, for admins: up to which day nobody else changes anything."""

from datetime import date, timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tracking import services
from tracking.decorators import PersonRequest, manager_required
from tracking.models import Lock, local_day
from tracking.people import administers
from tracking.project_forms import name_of
from tracking.rate_forms import LockForm
from tracking.responses import done

SHOWN = 50  # of the history


@require_http_methods(["GET", "HEAD", "POST"])
@manager_required
def lock(request: PersonRequest) -> HttpResponse:
    """Up to which day time is locked, who did it when; lock it, or open all with `open=1`."""
    if not administers(request.user):
        raise PermissionDenied
    if request.method == "POST" and "open" in request.POST:
        services.lock(request.user, None)
        return done(request, _("No time is locked any more."), to="lock")
    form = LockForm(
        request.POST if request.method == "POST" else None,
        initial={"until": _proposed(request)},
    )
    if form.is_bound and form.is_valid():
        try:
            made = services.lock(request.user, form.cleaned_data["until"])
        except ValidationError as error:
            form.refuse(error)
        else:
            assert made.until is not None
            sentence = _("Time up to %(day)s is locked.") % {"day": date_format(made.until)}
            return done(request, sentence, to="lock")
    return _page(request, form)


def _proposed(request: PersonRequest) -> date:
    """The end of last month, if no later day is locked."""
    today = local_day(timezone.now(), request.user.time_zone)
    return max(today.replace(day=1) - timedelta(days=1), services.locked_until() or date.min)


def _page(request: PersonRequest, form: LockForm) -> HttpResponse:
    locks = list(Lock.objects.select_related("user")[:SHOWN])
    context = {
        "form": form,
        "until": locks[0].until if locks else None,
        "history": [(each, name_of(each.user) if each.user else "") for each in locks],
    }
    return render(request, "tracking/lock.html", context, status=422 if form.errors else 200)
