"""How a line of the log is written."""

import logging
import re

# The links that are sent by mail: whoever has one may set the password or confirm the address.
KEYS = re.compile(r"(/password/reset/key/|/confirm-email/)[^\s\"'<>]+")


class DiscreetFormatter(logging.Formatter):
    """Leaves out the keys of mailed links, wherever they stand: Django logs the paths of errors."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with its traceback where there is one."""
        return KEYS.sub(r"\1…", super().format(record))
