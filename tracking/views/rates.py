"""Rates: which there are, and who changes one is told before which time it revalues."""

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render, resolve_url
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from tracking import services
from tracking.decorators import PersonRequest, manager_required
from tracking.models import Client, Project, Rate, local_day
from tracking.money import money_of
from tracking.rate_forms import LEVELS, NAMED, RateFilterForm, RateForm, named_in, said
from tracking.responses import done
from tracking.services.rates import Level, Revaluation

PER_PAGE = 50


@dataclass(frozen=True)
class Row:
    """A rate of the list."""

    rate: Rate
    name: str
    amount: str
    state: str  # now, later or over
    query: str  # of the address that sets another one of its level


@require_safe
@manager_required
def rates(request: PersonRequest) -> HttpResponse:
    """The rates by level, fifty on a page; of `?project=`, `?client=` or `?person=` alone."""
    today = _today(request)
    form = RateFilterForm(request.GET, today)
    found = form.narrowed(Rate.objects.select_related("user", "project__client", "client"))
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "groups": _groups(page, today),
        "named": [named for named in form.named.values() if named is not None],
        "query": _query(Level(*(form.named[name] for name in ("person", "project", "client")))),
        "none_at_all": not page and not Rate.objects.exists(),
    }
    return render(request, "tracking/rates.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@manager_required
def rate_new(request: PersonRequest) -> HttpResponse:
    """Set a rate: what it revalues is shown (`preview`) before it is done (`seen`)."""
    if request.method != "POST" or "again" in request.POST:
        given = request.POST if request.method == "POST" else request.GET
        start: dict[str, Any] = {name: given.get(name) for name in (*NAMED, "amount")}
        start["since"] = given.get("since") or _today(request)
        return _form(request, RateForm(request.user, initial=start))
    form = RateForm(request.user, request.POST)
    if not form.is_valid():
        return _form(request, form)
    told = form.cleaned_data
    change = (request.user, form.level(), told["since"], told["amount"])
    try:
        if not (seen := request.POST.get("seen")):
            return _confirm_set(request, form, services.preview_set(*change))
        services.set_rate(*change, seen=seen)
    except services.ChangedElsewhereError as error:
        return _confirm_set(request, form, services.preview_set(*change), error)
    except ValidationError as error:
        form.refuse(error)
        return _form(request, form)
    return done(request, _("The rate is set."), to=_list_of(form.level()))


@require_http_methods(["GET", "HEAD", "POST"])
@manager_required
def rate_delete(request: PersonRequest, pk: int) -> HttpResponse:
    """Delete a rate, after what that revalues was shown."""
    rate = get_object_or_404(
        Rate.objects.select_related("user", "project__client", "client"), pk=pk
    )
    level = Level(rate.user, rate.project, rate.client)
    context: dict[str, Any] = {
        "name": said(level),
        "amount": _amount(rate.cents, level),
        "since": rate.since,
        "deletes": True,
        "back": _list_of(level),
    }
    try:
        seen = request.POST.get("seen")
        if request.method != "POST" or not seen:
            return _confirm(request, services.preview_delete(request.user, pk), **context)
        services.delete_rate(request.user, pk, seen=seen)
    except services.ChangedElsewhereError as error:
        found = services.preview_delete(request.user, pk)
        return _confirm(request, found, error, **context)
    except Rate.DoesNotExist:  # deleted at this very moment
        raise Http404 from None
    return done(request, _("The rate is deleted."), to=_list_of(level))


# --- parts -------------------------------------------------------------------------------------


def _today(request: PersonRequest) -> date:
    return local_day(timezone.now(), request.user.time_zone)


def _groups(page: Page, today: date) -> list[tuple[str, list[Row]]]:
    """The rates of a page under the names of their levels."""
    shown: list[Any] = list(page)
    return [
        (LEVELS[rank], [_row(rate, today) for rate in of_rank])
        for rank, of_rank in groupby(shown, lambda rate: rate.rank)
    ]


def _row(rate: Any, today: date) -> Row:
    level = Level(rate.user, rate.project, rate.client)
    state = "later" if rate.since > today else "now" if rate.since == rate.latest else "over"
    return Row(rate, said(level), _amount(rate.cents, level), state, _query(level))


def _amount(cents: int, level: Level) -> str:
    """The amount, with its currency where all time that it is for has the same."""
    of: Project | Client | None = level.project or level.client
    return money_of(cents, of.currency if of else "").strip()


def _query(level: Level) -> str:
    """A level as addresses name it."""
    rows = {"project": level.project, "person": level.user, "client": level.client}
    return urlencode({name: row.pk for name, row in rows.items() if row is not None})


def _list_of(level: Level) -> str:
    """The list of the rates of what this level names."""
    return f"{resolve_url('rates')}?{_query(level)}".rstrip("?")


def _form(request: PersonRequest, form: RateForm) -> HttpResponse:
    named = named_in(form.data if form.is_bound else form.initial)
    level = Level(named["person"], named["project"], named["client"])
    context = {"form": form, "back": _list_of(level)}
    return render(request, "tracking/rate_form.html", context, status=422 if form.errors else 200)


def _confirm_set(
    request: PersonRequest,
    form: RateForm,
    found: Revaluation,
    error: ValidationError | None = None,
) -> HttpResponse:
    level, told = form.level(), form.cleaned_data
    before = level.rates().filter(since=told["since"]).first()
    context: dict[str, Any] = {
        "name": said(level),
        "amount": _amount(told["amount"], level),
        "since": told["since"],
        "before": _amount(before.cents, level) if before else "",
        "sent": [(name, request.POST.get(name, "")) for name in (*NAMED, "amount", "since")],
        "back": _list_of(level),
    }
    return _confirm(request, found, error, **context)


def _confirm(
    request: PersonRequest,
    found: Revaluation,
    error: ValidationError | None = None,
    **context: Any,
) -> HttpResponse:
    """What will be revalued, and the button that does it."""
    context |= {"found": found, "error": " ".join(error.messages) if error else ""}
    status = 422 if error else 200
    return render(request, "tracking/rate_confirm.html", context, status=status)
