"""Which request a line of the log is of, and how lines are written: as text, or as JSON."""

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from accounts.logs import CONTROLS, DiscreetFormatter, discreet

HEADER = "X-Request-ID"
SHAPE = re.compile(r"[A-Za-z0-9._:=+/-]{1,128}")  # no line break, no address of a person
FORMAT = "{asctime} {levelname} {name} [{request_id}] {message}"

# Never put back: a thread of a server does nothing but requests, and what breaks off while an
# answer is sent is logged after Django has ended the request. The next one writes over it.
_current: ContextVar[str] = ContextVar("request_id", default="-")


class RequestIdMiddleware(MiddlewareMixin):
    """Gives each request an id, which stands in its answer and in all that is logged of it.

    It is an attribute of ours on Django's request, which its types cannot know.
    """

    def process_request(self, request: HttpRequest) -> None:
        """Take the id that a trusted proxy gives, or make one."""
        given = request.headers.get(HEADER, "") if settings.TRUSTED_PROXY_COUNT else ""
        request.id = given if SHAPE.fullmatch(given) else uuid4().hex  # type: ignore[attr-defined]
        _current.set(request.id)  # type: ignore[attr-defined]

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Tell it to whoever asked."""
        response[HEADER] = request.id  # type: ignore[attr-defined]
        return response


def request_id(record: logging.LogRecord) -> str:
    """The id of the request that a line is of; "-" where it is of none."""
    return getattr(getattr(record, "request", None), "id", None) or _current.get()


class StrangersFilter(logging.Filter):
    """Leaves out the traceback of what strangers send, such as a Host that the site does not have.

    The line says all; scanners would fill the disk with the rest.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record, without its traceback where it is of Django's `django.security`."""
        if record.name.startswith("django.security."):
            record.exc_info = record.exc_text = None
        return True


class LineFormatter(DiscreetFormatter):
    """A line of text: time, level, logger, request, message."""

    def __init__(self) -> None:
        super().__init__(FORMAT, style="{")

    def format(self, record: logging.LogRecord) -> str:
        """The line, with its traceback where there is one."""
        record.request_id = request_id(record)
        return super().format(record)


class JsonFormatter(logging.Formatter):
    """One JSON object a line. What else a record carries (the request, say) is left out."""

    def format(self, record: logging.LogRecord) -> str:
        """The object: time in UTC, level, logger, request_id, message; exception on demand."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "request_id": request_id(record),
            "message": discreet(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = discreet(self.formatException(record.exc_info))
        # JSON itself leaves those that terminals obey, and line breaks beyond ASCII, as they are.
        return CONTROLS.sub(
            lambda found: f"\\u{ord(found[0]):04x}", json.dumps(line, ensure_ascii=False)
        )
