"""Reports: sums of the time spent, the entries behind them, and reports under a name."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.template.loader import render_to_string
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

import analytics
from tracking.board import Row, row_of
from tracking.decorators import PersonRequest, person_required
from tracking.models import SavedReport, TimeEntry, default_currency
from tracking.money import money_of, worth
from tracking.project_forms import name_of
from tracking.report_forms import GROUP_LABELS, ReportForm
from tracking.reports import Question, entries_page, sum_of, summary_of, totals_by_day
from tracking.saved_reports import SaveForm, saved_reports
from tracking.templatetags.entries import described

PER_PAGE = 50  # entries
SHARE_TITLES = {
    "client": gettext_lazy("For which clients was the time spent?"),
    "project": gettext_lazy("On which projects was the time spent?"),
    "task": gettext_lazy("On which tasks was the time spent?"),
    "tag": gettext_lazy("Under which tags does the time stand?"),
    "person": gettext_lazy("Who spent the time?"),
    "billable": gettext_lazy("How much of the time is billable?"),
    "day": gettext_lazy("Which days took the most time?"),
    "week": gettext_lazy("Which weeks took the most time?"),
    "month": gettext_lazy("Which months took the most time?"),
}


@require_safe
@person_required
def reports(request: PersonRequest) -> HttpResponse:
    """The sums that the address asks for, as a table and as charts."""
    return _page(request, ReportForm(request.user, request.GET))


@require_safe
@person_required
def report_entries(request: PersonRequest) -> HttpResponse:
    """The entries behind a figure, with what all of them come to."""
    form = ReportForm(request.user, request.GET)
    context = _context(request, form)
    if form.refusal:
        return render(request, "tracking/report_entries.html", context, status=422)
    question = form.question()
    by_day = totals_by_day(question)
    totals = sum_of(by_day.values())
    page = Paginator(range(totals.entries), PER_PAGE).get_page(request.GET.get("page"))
    shown = entries_page(question, by_day, PER_PAGE * (page.number - 1), PER_PAGE)
    context |= {
        "question": question,
        "totals": totals,
        "page": page,
        "rows": [_row(entry, question) for entry in shown.shown().select_related("user")],
    }
    _tell(request, question)
    return render(request, "tracking/report_entries.html", context)


@require_POST
@person_required
def report_save(request: PersonRequest) -> HttpResponse:
    """Keep a report under a name; of one's own the name may be had again, once that is said."""
    save = SaveForm(request.user, request.POST)
    if not save.is_valid():
        query = QueryDict(save.data.get("query", "").replace("\0", ""))
        return _page(request, ReportForm(request.user, query), save=save, status=422)
    report = save.save()
    messages.success(request, _("Saved as “%(name)s”.") % {"name": report.name})
    to = f"{resolve_url('reports')}?{report.query}"
    return HttpResponseClientRedirect(to) if request.htmx else redirect(to)


@require_POST
@person_required
def report_delete(request: PersonRequest, pk: int) -> HttpResponse:
    """Delete a report of one's own; the message can save it again."""
    report = get_object_or_404(SavedReport, user_id=request.user.pk, pk=pk)
    report.delete()
    messages.success(
        request, render_to_string("tracking/report_undo.html", {"report": report}, request)
    )
    return redirect(f"{resolve_url('reports')}?{report.query}")


# --- parts ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EntryRow:
    """An entry as the list behind a figure shows it, on its own person's clock."""

    entry: TimeEntry
    person: str
    zone: ZoneInfo
    row: Row  # how long it took
    rounded: timedelta
    money: str  # empty where there is none, or none for the viewer to see

    @property
    def described(self) -> str:
        """What was done, or that nothing says so."""
        return described(self.entry)


def _row(entry: TimeEntry, question: Question) -> EntryRow:
    assert entry.seconds is not None
    assert entry.ended_at is not None
    seconds = question.rounding.seconds(entry.seconds)
    money = ""
    if question.shows_money and entry.billable and entry.rate_cents is not None:
        currency = entry.project.currency if entry.project else default_currency()
        money = money_of(worth(seconds, entry.rate_cents), currency)
    zone = entry.user.time_zone
    row = row_of(entry, entry.ended_at, zone)
    return EntryRow(
        entry, name_of(entry.user), ZoneInfo(zone), row, timedelta(seconds=seconds), money
    )


def _page(
    request: PersonRequest, form: ReportForm, *, save: SaveForm | None = None, status: int = 200
) -> HttpResponse:
    context = _context(request, form, save)
    if form.refusal:
        return render(request, "tracking/reports.html", context, status=422)
    question = form.question()
    try:
        summary = summary_of(question, _number(request.GET.get("page", "")))
    except ValidationError as error:
        form.refusal = " ".join(error.messages)
        return render(request, "tracking/reports.html", context, status=422)
    context |= {
        "question": question,
        "summary": summary,
        "group": GROUP_LABELS[question.groups[0]],
        "asks": SHARE_TITLES[question.groups[0]],
    }
    _tell(request, question)
    return render(request, "tracking/reports.html", context, status=status)


def _context(
    request: PersonRequest, form: ReportForm, save: SaveForm | None = None
) -> dict[str, Any]:
    """What every page of reports shows around its figures."""
    saved = saved_reports(request.user, form.query)
    return {
        "filters": form,
        "query": form.query,
        "saved": saved,
        "here": next((one for one in saved if one.here and form.query), None),
        "save": save or SaveForm(request.user, query=form.query),
        "save_open": save is not None,
    }


def _number(text: str) -> int:
    """The page that is asked for; the first where that is no number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def _tell(request: PersonRequest, question: Question) -> None:
    """Record that somebody looked, but not that an open page brought itself up to date."""
    if request.method == "GET" and not request.htmx:
        analytics.track_event(request.user.pk, "report.viewed", {"days": question.days})
