"""Says in plain words when nothing can be saved: the database is away or locked, the disk is full.

Such an error is noted when Django meets it, in a view or in another middleware, and its bare page
is replaced by one that needs no database. It is logged once in the life of the process.
"""

import atexit
import logging
import sqlite3
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError, connection
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

logger = logging.getLogger("timetracker")


@dataclass(frozen=True)
class Trouble:
    """Why the database refused a page, and what people are told."""

    codes: tuple[str, ...]  # how the names of SQLite's errors begin; PostgreSQL's SQLSTATE
    status: int
    sentence: Promise
    log: str
    retry_after: int | None = None  # seconds


FULL = Trouble(
    # Where SQLite cannot make room for what its connections share, it speaks of input and output.
    codes=("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE", "53100"),
    status=507,
    sentence=_(
        "The server’s disk is full, so nothing could be saved. What you saw before is still there."
        " Tell your administrator."
    ),
    log="The database's disk is full: nothing can be saved until there is room. This is said once.",
)
BUSY = Trouble(
    codes=("SQLITE_BUSY", "SQLITE_LOCKED", "55P03", "40P01"),
    status=503,
    sentence=_("The database is busy; nothing was saved. Try again in a moment."),
    log="The database was locked for too long: a page was refused. This is said once.",
    retry_after=5,
)
AWAY = Trouble(
    # It is ending or starting; and what the driver itself says of a connection has no code.
    codes=("57P", "08"),
    status=503,
    sentence=_(
        "The database cannot be reached just now, so what you did may not be saved. Look again in a"
        " moment."
    ),
    log="The database could not be reached: a page was refused. This is said once.",
    retry_after=5,
)


def trouble_of(error: BaseException | None) -> Trouble | None:
    """What an error says of the database; None where it is of another kind."""
    if not isinstance(error, OperationalError | InterfaceError):
        return None
    driver = error.__cause__
    code = getattr(driver, "sqlite_errorname", None) or getattr(driver, "sqlstate", None)
    if code is None:
        return AWAY if connection.vendor == "postgresql" else None
    return next((trouble for trouble in (FULL, BUSY, AWAY) if code.startswith(trouble.codes)), None)


class StorageMiddleware(MiddlewareMixin):
    """Stands before all that may ask the database, and asks nothing of it itself."""

    def process_request(self, _request: HttpRequest) -> None:
        """Make sure that reading does not depend on the disk."""
        with suppress(sqlite3.Error):  # the next request tries again
            keep_readable()

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Put the page in the place of the bare one."""
        trouble = noted(request)
        if trouble is None:
            return response
        log_once(trouble)
        return page(trouble, request)


@cache
def keep_readable() -> sqlite3.Connection | None:
    """Keep SQLite's file open in this process: all who read it need files beside it, which would go
    with the last connection, and on a full disk could not be made again.
    """
    if connection.vendor != "sqlite":
        return None
    kept: sqlite3.Connection = connection.get_new_connection(connection.get_connection_params())
    kept.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    atexit.register(kept.close)
    return kept


@receiver(got_request_exception)
def note(request: HttpRequest, **_kwargs: object) -> None:
    """Keep with the request what Django has just caught."""
    request.trouble = trouble_of(sys.exc_info()[1])  # type: ignore[attr-defined]


def noted(request: HttpRequest | None) -> Trouble | None:
    """What was noted of a request."""
    return getattr(request, "trouble", None)


def is_news(record: logging.LogRecord) -> bool:
    """Whether Django should log the error of a request: not what is said here, once."""
    return noted(getattr(record, "request", None)) is None


logging.getLogger("django.request").addFilter(is_news)


@cache
def log_once(trouble: Trouble) -> None:
    """Say it in the log, without a word of what was to be saved."""
    logger.error(trouble.log)


def page(trouble: Trouble, request: HttpRequest) -> HttpResponse:
    """The answer: a page, or the sentence alone for htmx, whose pages show it as a notice."""
    headers = {} if trouble.retry_after is None else {"Retry-After": str(trouble.retry_after)}
    if "HX-Request" in request.headers:
        plain = "text/plain; charset=utf-8"
        return HttpResponse(trouble.sentence, plain, trouble.status, headers=headers)
    # Rendered without the request: neither session nor user is asked for.
    words = render_to_string("storage.html", {"sentence": trouble.sentence})
    return HttpResponse(words, status=trouble.status, headers=headers)
