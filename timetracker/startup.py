"""What the servers' two entry points share."""

import os
import sys
from collections.abc import Callable
from typing import TypeVar

from timetracker.environment import ConfigurationError

T = TypeVar("T")
# gunicorn takes this code of a worker for "cannot start" and ends, instead of trying for ever.
CANNOT_START = 3


def start(make_application: Callable[[], T]) -> T:
    """Make the application; a bad setting ends the process with one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "timetracker.settings")
    try:
        return make_application()
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        sys.exit(CANNOT_START)
