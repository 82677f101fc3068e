"""The project's settings, and the addresses and events of `tests.site`."""

from timetracker.settings import *  # noqa: F403
from timetracker.settings import INSTALLED_APPS

INSTALLED_APPS += ["tests.site"]
ROOT_URLCONF = "tests.site.urls"
