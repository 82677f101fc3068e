"""Downloads of what a report asks for, its entries or its table; they are sent as they are made."""

import errno
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import copy_context
from dataclasses import dataclass, replace
from itertools import count
from typing import cast

from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

import analytics
from tracking.decorators import PersonRequest, person_required
from tracking.exporting import entries_table, report_table
from tracking.report_forms import ReportForm
from tracking.reports import Question, summary_of
from tracking.spreadsheets import Table, csv_parts, xlsx_parts

logger = logging.getLogger("tracking")


@dataclass(frozen=True)
class Kind:
    """A kind of file, how it is made and what is recorded when it is."""

    suffix: str
    content_type: str
    event: str
    parts: Callable[[Table], Iterator[bytes]]


CSV = Kind("csv", "text/csv; charset=utf-8", "export.csv", csv_parts)
XLSX = Kind(
    "xlsx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "export.xlsx",
    xlsx_parts,
)


@require_GET
@person_required
def entries(request: PersonRequest, *, kind: Kind) -> HttpResponse:
    """The entries that a report adds up, each with every column."""
    return _export(request, kind, "time-entries", entries_table)


@require_GET
@person_required
def report(request: PersonRequest, *, kind: Kind) -> HttpResponse:
    """The table of a report, with all its rows."""
    return _export(request, kind, "report", lambda question: report_table(summary_of(question)))


# --- parts -------------------------------------------------------------------------------------


def _export(
    request: PersonRequest, kind: Kind, what: str, table_of: Callable[[Question], Table]
) -> HttpResponse:
    """The file that the address asks for, or a page that says why there is none."""
    form = ReportForm(request.user, request.GET)
    if refused := _refusals(form):
        return _refusal(request, refused)
    question = form.question()
    try:
        table = table_of(question)
    except ValidationError as error:
        return _refusal(request, error.messages)
    return _download(request, kind, table, what, question)


def _refusals(form: ReportForm) -> list[str]:
    """Why no file is made: one that leaves out a filter would hold what nobody asked for."""
    return [form.refusal] if form.refusal else form.notes


def _refusal(request: HttpRequest, sentences: list[str]) -> HttpResponse:
    context = {"sentences": sentences}
    return render(request, "tracking/export_refused.html", context, status=422)


def _download(
    request: PersonRequest, kind: Kind, table: Table, what: str, question: Question
) -> HttpResponse:
    rows = count()
    counted = replace(table, rows=(row for row, _number in zip(table.rows, rows, strict=False)))
    context, user = copy_context(), request.user.pk  # of the request, which is over by then

    def record() -> None:
        properties = {"rows": next(rows), "days": question.days}
        context.run(analytics.track_event, user, kind.event, properties)

    parts = _whole(kind.parts(counted), record)
    name = f"{what}_{question.first:%Y-%m-%d}_{question.last:%Y-%m-%d}"
    disposition = f'attachment; filename="{name}.{kind.suffix}"'
    response = StreamingHttpResponse(
        # What is not made for the way in which a server asks, Django would keep in memory.
        _apart(parts) if isinstance(request, ASGIRequest) else parts,
        content_type=kind.content_type,
        headers={"Content-Disposition": disposition, "Cache-Control": "private, no-store"},
    )
    return cast(HttpResponse, response)  # as decorators know it


def _whole(parts: Iterator[bytes], record: Callable[[], None]) -> Iterator[bytes]:
    """The parts of a file; after the last one it is recorded.

    To count its rows before would keep the first byte waiting. Where a part cannot be made, the
    connection ends before the file does: servers take the error for a browser that has gone, hang
    up, and do not log the address, in which there may be names.
    """
    try:
        yield from parts
        record()
    except Exception as error:
        logger.error("An export broke off: %s", type(error).__name__)
        raise ConnectionResetError(errno.ECONNRESET, "the file could not be made") from None


async def _apart(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same parts, each made in the thread of the request."""
    following = sync_to_async(lambda: next(parts, None))
    while (part := await following()) is not None:
        yield part
