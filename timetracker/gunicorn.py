"""gunicorn's settings.

Unless told otherwise (`WEB_CONCURRENCY=4`, or `--workers 4`) it has one worker, so that the
embedded database has one writer.
"""

import logging
import os
import shutil
import tempfile
from typing import Any

from gunicorn import glogging

from timetracker.logs import JsonFormatter, LineFormatter

METRICS = "PROMETHEUS_MULTIPROC_DIR"


class Logger(glogging.Logger):
    """gunicorn's own lines, written as the site's are (`LOG_FORMAT` of the process)."""

    def setup(self, cfg: Any) -> None:
        """Put our formatter in the place of gunicorn's."""
        super().setup(cfg)
        as_json = os.environ.get("LOG_FORMAT", "").strip().lower() == "json"
        formatter: logging.Formatter = JsonFormatter() if as_json else LineFormatter()
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter)


def on_starting(_server: Any) -> None:
    """Make the folder into which the workers write their figures: those of this start alone."""
    os.environ[METRICS] = tempfile.mkdtemp(prefix="timetracker-metrics-")


def on_exit(_server: Any) -> None:
    """Remove it."""
    shutil.rmtree(os.environ[METRICS], ignore_errors=True)


threads = 8
graceful_timeout = 30  # seconds for pages under way when the server ends or reloads
keepalive = 30  # seconds; a browser's next request should not meet a connection that just closed
limit_request_line = 8190  # bytes; a report may name a hundred of each kind in its address
control_socket_disable = True  # it would lie in the home directory
logger_class = Logger
# Which headers of a proxy are believed is decided by Django, with TRUSTED_PROXY_COUNT alone.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
