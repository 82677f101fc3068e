"""Installations of the site of the tests, on either database."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.capture import CaptureServer
from tests.conftest import need
from tests.postgresql import MISSING, binaries, postgresql
from tests.processes import Site

# To parametrize with: one PostgreSQL server at a time, on one worker.
DATABASES = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql")),
]
WAITING = "E.objects.filter(state='waiting')"


@contextmanager
def installation(
    folder: Path, posthog: CaptureServer, database: str = "sqlite", **env: str
) -> Iterator[Site]:
    """A site with its database and the person who does the work; ended with the block."""
    with address(database) as where:
        telemetry = {"POSTHOG_API_KEY": "phc", "POSTHOG_HOST": posthog.url}
        settings = {"DJANGO_SETTINGS_MODULE": "tests.site.settings"}
        site = Site(folder, {**settings, **telemetry, **where, **env})
        site.prepare()
        site.run("from accounts.models import User; User.objects.create_user('worker')")
        try:
            yield site
        finally:
            site.clear()


@contextmanager
def address(database: str) -> Iterator[dict[str, str]]:
    """What a site is told of a database of this kind."""
    if database == "sqlite":
        yield {}
        return
    need(binaries(), MISSING)
    with postgresql() as url:
        yield {"DATABASE_URL": url}


def ask(site: Site, expression: str) -> str:
    """What a Python expression over `E` (events) and `C` (clients) is in the site."""
    models = "from analytics.models import Event as E; from tracking.models import Client as C"
    return site.run(f"{models}; print({expression})")


def waiting(site: Site) -> int:
    """How many events are still to be delivered."""
    return int(ask(site, f"{WAITING}.count()"))


def leased(site: Site) -> int:
    """How many rows are some process's at the moment."""
    return int(ask(site, "E.objects.exclude(lease=None, leased_until=None).count()"))
