"""Tells admins by mail that something failed: where and what kind, and nothing about anybody.

What was asked, by whom, with which words – bodies, cookies, addresses, variables, even the text of
the exception – stays out. The request's id leads to the line of the log.
"""

import logging
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import Resolver404, resolve

from timetracker import __version__
from timetracker.logs import request_id

EVERY = 60 * 60  # seconds between two mails about one cause
MOST = 10  # mails an hour of a process, whatever the number of causes
FRAMES = 20  # the innermost ones; of a recursion all are alike
OURS = ("timetracker", "accounts", "tracking", "analytics")

logger = logging.getLogger("timetracker")


class AdminMailHandler(logging.Handler):
    """Mails a report of a record to `ADMIN_EMAILS`, from a thread of its own."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._sent: dict[str, float] = {}  # cause → when
        self._kept_back = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Send a mail, unless one about the same cause has just gone out."""
        if record.name.startswith("django.security"):
            return  # what strangers send is no error of the site
        try:
            self._tell(record)
        except Exception:
            self.handleError(record)  # says so on standard error; the page goes on

    def _tell(self, record: logging.LogRecord) -> None:
        if not self._may_send(cause(record), time.monotonic()):
            self._kept_back += 1
            return
        kept_back, self._kept_back = self._kept_back, 0
        mail = EmailMessage(
            subject=" ".join(f"[TimeTracker] {cause(record)}".split()),  # a header is one line
            body="\n".join(report(record, kept_back)),
            to=settings.ADMIN_EMAILS,
        )
        threading.Thread(target=send, args=(mail,)).start()

    def _may_send(self, cause: str, now: float) -> bool:
        """Whether to; called under the handler's lock."""
        self._sent = {one: at for one, at in self._sent.items() if now - at < EVERY}
        if cause in self._sent or len(self._sent) >= MOST:
            return False
        self._sent[cause] = now
        return True


def send(mail: EmailMessage) -> None:
    """Send it, or say in the log that it could not be; no error, or it would be mailed."""
    try:
        mail.send()
    except Exception as error:  # whatever a mail server can do
        logger.warning("A report could not be mailed: %s", type(error).__name__)


def cause(record: logging.LogRecord) -> str:
    """What failed and where, in a line."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        place = f" in {frames[-1].name}" if frames else ""
        return f"{type(error).__name__}{place}"
    if record.name.partition(".")[0] in OURS:
        return str(record.msg)  # without its arguments
    return f"{record.levelname} of {record.name} in {record.funcName}"


def report(record: logging.LogRecord, kept_back: int) -> Iterator[str]:
    """The lines of the mail."""
    yield f"Time: {datetime.fromtimestamp(record.created, UTC):%Y-%m-%d %H:%M:%S} UTC"
    yield f"Logger: {record.name}"
    yield f"Version: {__version__}"
    yield f"Request: {request_id(record)} (look for it in the log, which says more)"
    request = getattr(record, "request", None)
    if path := getattr(request, "path_info", None):
        yield f"Page: {getattr(request, 'method', '')} {route(path)}"
    if kept_back:
        yield f"Errors since the last mail that were not mailed: {kept_back}"
    if record.exc_info and record.exc_info[1] is not None:
        yield ""
        yield from chain(record.exc_info[1])


def route(path: str) -> str:
    """The route of a path, which holds no key and no name."""
    try:
        return f"/{resolve(path).route}"
    except Resolver404:
        return "none of the site's"


def chain(error: BaseException) -> Iterator[str]:
    """An exception and what caused it: kinds and places, without their texts."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from chain(before)
        yield "which led to"
    for frame in traceback.extract_tb(error.__traceback__)[-FRAMES:]:
        yield f"  {frame.filename}:{frame.lineno} in {frame.name}"
    yield type(error).__qualname__
