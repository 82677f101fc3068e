"""Django's admin: the insights, answered from this installation's own log."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, gettext_lazy as _
from django.views.decorators.http import require_safe

from analytics import insights
from analytics.admin.pages import ReadOnly
from analytics.insights import Dashboard, Display, Insight, Math, local, rollups
from analytics.insights.local import Answer, Answers
from analytics.models import DailyCount

PERIODS: dict[str, tuple[timedelta, str | Promise]] = {
    "24h": (timedelta(hours=24), _("24 hours")),
    "7d": (timedelta(days=7), _("7 days")),
    "30d": (timedelta(days=30), _("30 days")),
    "90d": (timedelta(days=90), _("90 days")),
    "1y": (timedelta(days=365), _("1 year")),
}
# A spreadsheet would take a text that begins so for a formula; some part cells at these, too.
FORMULA = re.compile(r"""(?:^|[;\t\r\n])(?=[\s"']*[=+\-@＝＋－＠])|^(?=[\t\r\n])""")


@dataclass(frozen=True)
class Shown:
    """An insight with its answer, as a page and a file show it."""

    answer: Answer

    @property
    def insight(self) -> Insight:
        """What was asked."""
        return self.answer.insight

    @property
    def question(self) -> str:
        """In the reader's language."""
        return gettext(self.insight.question)

    @property
    def chart(self) -> str:
        """How `insights.js` draws it; empty where a table or a number says it all."""
        kinds = {Display.BARS: "bar", Display.PIE: "pie"}
        return "line" if self.insight.display.by_day else kinds.get(self.insight.display, "")

    @property
    def number(self) -> int | None:
        """The one number that is the answer; None where there are more."""
        return self.answer.lines[0].total if self.insight.display is Display.NUMBER else None

    @property
    def unit(self) -> str:
        """What the numbers count."""
        series = self.insight.series
        if self.insight.math is Math.PERSONS:
            ours = all((one.event or "").startswith("telemetry.") for one in series)
            return gettext("Installations") if ours else gettext("Persons")
        return gettext(series[0].name) if len(series) == 1 else gettext("Events")

    @property
    def headings(self) -> list[str]:
        """Of the table's columns."""
        if self.answer.days:
            return [gettext("Day"), *(self._name(line.labels) for line in self.answer.lines)]
        series = len(self.insight.series) > 1
        return [*([gettext("Series")] * series), *self.answer.headings[series:], self.unit]

    @property
    def labels(self) -> int:
        """How many of the columns are labels, not numbers."""
        return len(self.headings) - 1 if not self.answer.days else 1

    def _name(self, labels: Sequence[str]) -> str:
        return " · ".join(self._words(labels)) or self.unit

    def _words(self, labels: Sequence[str]) -> list[str]:
        """Labels in the reader's language: the series' names and "(none)"; values stay."""
        series = {one.name for one in self.insight.series} if len(self.insight.series) > 1 else ()
        known = {local.NONE, *series}
        return [gettext(one) if one in known else one for one in labels]

    def rows(self) -> Iterator[tuple[list[str | date], tuple[int, ...]]]:
        """The table's rows: labels (or the day), and numbers."""
        if self.answer.days:
            columns = zip(*(line.numbers for line in self.answer.lines), strict=True)
            for day in self.answer.days:
                yield [day], next(columns, ())
        else:
            for line in self.answer.lines:
                yield [*self._words(line.labels)], line.numbers

    def cells(self) -> Iterator[tuple[list[tuple[str, str]], list[tuple[int, str]]]]:
        """The rows for people: labels with their short form, numbers with how they are written."""
        language = get_language()
        for labels, numbers in self.rows():
            yield (
                [dates(one, language) if isinstance(one, date) else (one, one) for one in labels],
                [(one, written(one, language)) for one in numbers],
            )

    @property
    def totals(self) -> list[str]:
        """Of the columns of a table by day: of the whole period."""
        return [written(line.total, get_language()) for line in self.answer.lines]

    @property
    def span(self) -> str:
        """The period in words, with its dates."""
        for period, words in PERIODS.values():
            if period == self.answer.period:
                return str(words)
        return f"{date_format(self.answer.since)} – {date_format(self.answer.until)}"

    def csv(self) -> bytes:
        """The table as a file: UTF-8 with the mark by which Excel knows it."""
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow([guarded(heading) for heading in self.headings])
        for labels, numbers in self.rows():
            writer.writerow([*(guarded(str(one)) for one in labels), *numbers])
        return buffer.getvalue().encode("utf-8-sig")

    @property
    def filename(self) -> str:
        """Of its CSV."""
        return f"{self.insight.key}_{self.answer.since}_{self.answer.until}.csv"


# A page has thousands of both, and few that are different.
@lru_cache(10_000)
def written(number: int, _language: str | None) -> str:
    """A number as the language writes it."""
    return str(number_format(number, force_grouping=True))


@lru_cache(1000)
def dates(day: date, _language: str | None) -> tuple[str, str]:
    """A day in full, and in short."""
    return date_format(day), date_format(day, "SHORT_DATE_FORMAT")


def guarded(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return FORMULA.sub(r"\g<0>'", text)


@admin.register(DailyCount)
class InsightsAdmin(ReadOnly):
    """One page with all insights, and a file of each; nothing in it is changed by hand."""

    def get_urls(self) -> list[URLPattern]:
        """The page and the files; there is no list of rows, nor a page of one."""
        page = self.admin_site.admin_view(require_safe(self.changelist_view))
        file = self.admin_site.admin_view(require_safe(self.csv_view))
        return [
            path("", page, name="analytics_dailycount_changelist"),
            path("<slug:key>.csv", file, name="analytics_insight_csv"),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """All insights, each over its own period or all over the one that is asked for."""
        self._refuse(request)
        asked = request.GET.get("period", "")
        counted = _counted()
        answers = Answers(timezone.now())
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": gettext("Insights"),
            "periods": [("", gettext("Each its own")), *((k, v[1]) for k, v in PERIODS.items())],
            "asked": asked if asked in PERIODS else "",
            "unknown_period": bool(asked) and asked not in PERIODS,
            "counted": counted,
            "groups": [*groups(answers, asked)],
            "cohorts": [
                (gettext(one.name), gettext(one.description), answers.members(one))
                for one in insights.cohorts.values()
            ],
        }
        return TemplateResponse(request, "analytics/insights.html", context)

    def csv_view(self, request: HttpRequest, key: str) -> HttpResponse:
        """One insight as a file. 404 where there is no such insight, or period."""
        self._refuse(request)
        asked = request.GET.get("period", "")
        insight = insights.insights.get(key)
        if insight is None or (asked and asked not in PERIODS):
            raise Http404(gettext("There is no such insight, or no such period."))
        _counted()
        shown = show(Answers(timezone.now()), insight, asked)
        response = HttpResponse(shown.csv(), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{shown.filename}"'
        return response

    def _refuse(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They go with their person, or after two years."""
        return False


def _counted() -> int | None:
    """Count the rest of the log: None where that is done, else the percentage that is counted."""
    try:
        return None if rollups.catch_up(local.PATIENCE) else rollups.percentage()
    except DatabaseError:  # locked, or full: what is counted can still be read
        return rollups.percentage()


def groups(answers: Answers, period: str) -> Iterator[tuple[Dashboard | None, list[Shown]]]:
    """The dashboards and what stands on them; at last what stands on none."""
    every = insights.insights.values()
    for dashboard in insights.dashboards.values():
        its = [one for one in every if dashboard.key in one.dashboards]
        yield dashboard, [show(answers, one, period) for one in its]
    if others := [one for one in every if not insights.dashboards.keys() & {*one.dashboards}]:
        yield None, [show(answers, one, period) for one in others]


def show(answers: Answers, insight: Insight, period: str) -> Shown:
    """An insight over the period of this key, or over its own."""
    span = PERIODS[period][0] if period in PERIODS else insight.period
    return Shown(answers.answer(insight, span))
