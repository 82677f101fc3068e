#!/usr/bin/env python
"""Django's command line for TimeTracker."""

import os
import sys

from timetracker.environment import ConfigurationError

WRONG_CONFIGURATION = 2  # as of a wrong option; 1 is for commands whose work has failed


def main() -> None:
    """Run a command; a bad setting ends it with one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "timetracker.settings")
    from django.conf import settings
    from django.core.management import execute_from_command_line

    try:
        settings.INSTALLED_APPS  # noqa: B018 - reads the settings
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        sys.exit(WRONG_CONFIGURATION)
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
