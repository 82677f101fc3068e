"""The sites that benchmarks run: the settings of `tests.benchmarks`, and the one who works."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import ROOT, Site

PEOPLE = "from accounts.models import User; User.objects.create_user('worker')"


@contextmanager
def site(posthog: str, **env: str) -> Iterator[Site]:
    """A site that sends to an address; not yet served, and ended with the block."""
    settings = {"DJANGO_SETTINGS_MODULE": "tests.benchmarks.settings"}
    telemetry = {"POSTHOG_API_KEY": "phc", "POSTHOG_HOST": posthog}
    with tempfile.TemporaryDirectory(prefix="timetracker-benchmarks-") as folder:
        made = Site(Path(folder), {**settings, **telemetry, **env})
        made.prepare()
        made.run(PEOPLE)
        try:
            yield made
        finally:
            made.clear()


def run(made: Site, code: str) -> str:
    """Run Python within a site for as long as it takes; returns what it prints."""
    shell = [sys.executable, str(ROOT / "manage.py"), "shell", "--no-imports", "--command", code]
    done = subprocess.run(shell, env=made.env, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()
