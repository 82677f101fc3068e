"""What the servers' two entry points share."""

import gc
import logging
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import TypeVar

from django.conf import settings

from timetracker.environment import ConfigurationError

T = TypeVar("T")
# gunicorn takes this code of a worker for "cannot start" and ends, instead of trying for ever.
CANNOT_START = 3


def start(make_application: Callable[[], T]) -> T:
    """Make the application; a bad setting ends the process with one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "timetracker.settings")
    logging.captureWarnings(True)  # what libraries warn of is written as all else is
    try:
        application = make_application()
        import_module(settings.ROOT_URLCONF)  # and all views with it, before the first request
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        sys.exit(CANNOT_START)
    # What is loaded by now stays: each full collection would walk it again, within some request.
    gc.collect()
    gc.freeze()
    return application
