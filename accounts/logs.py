"""How a line of the log is written."""

import logging
import re
from typing import Any

# The links that are sent by mail: whoever has one may set the password or confirm the address.
KEYS = re.compile(r"(/password/reset/key/|/confirm-email/)[^\s\"'<>]+")
# What people look for stands in queries; gunicorn logs the whole address of a broken request.
QUERIES = re.compile(r"(/[^\s\"'<>?]*\?)[^\s\"'<>]+")
# What would begin a line of its own, or command a terminal that shows the log.
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def discreet(text: str) -> str:
    """The text without the keys of mailed links and without queries, wherever they stand."""
    return QUERIES.sub(r"\1…", KEYS.sub(r"\1…", text))


def written_out(text: str) -> str:
    """The text with its control characters as `\\n` and `\\x1b`, so that none has an effect."""
    return CONTROLS.sub(lambda found: repr(found[0])[1:-1], text)


class DiscreetFormatter(logging.Formatter):
    """Leaves out what `discreet` does: Django logs the paths of errors.

    A message is one line, whatever somebody sent; the lines of a traceback, whose end may be what
    somebody sent as well, are indented.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line without its traceback."""
        record.message = written_out(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """The traceback."""
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"  {written_out(line)}" for line in lines)

    def format(self, record: logging.LogRecord) -> str:
        """The line, with its traceback where there is one."""
        return discreet(super().format(record))
