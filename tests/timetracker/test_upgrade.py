"""A filled database takes the next schema; what was backed up comes back. On both databases.

The commands of backup and restore are those of docs/operations.md.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest
import requests

from tests import postgresql
from tests.capture import wait_until
from tests.conftest import need
from tests.processes import BIN, ROOT, Site, running

pytestmark = pytest.mark.slow
DATABASES = ["SQLite", "PostgreSQL"]
NEWER = 10**6  # migrations that nobody has
# What the code before does not give, added before there was a version that somebody could run.
BEFORE_THE_FIRST_VERSION = {"accounts_user": {"hours_24", "language"}}


@contextmanager
def filled(folder, database):
    """A site with demo data and what people did in it, on a database of its own."""
    if database == "SQLite":
        yield fill(Site(folder))
        return
    need(postgresql.binaries(), postgresql.MISSING)
    need(shutil.which("pg_dump"), "pg_dump is not on this machine.")
    with postgresql.postgresql() as url:
        yield fill(Site(folder, {"DATABASE_URL": url}))


@pytest.fixture(params=DATABASES)
def site(request, tmp_path):
    with filled(tmp_path, request.param) as site:
        site.database = request.param
        yield site


def fill(site):
    site.prepare()
    assert site.manage("load_demo_data").returncode == 0
    site.run(
        "import analytics; from accounts.models import User; from tracking import models as m;"
        "[analytics.track_event(user.pk, 'timer.stopped', {'duration_seconds': 60})"
        " for user in User.objects.all()];"
        "bob = User.objects.first();"
        "m.SavedReport.objects.create(user=bob, name='Month', query='range=today');"
        "tag = m.Tag.objects.create(name='call');"
        "[entry.tags.add(tag) for entry in m.TimeEntry.objects.all()[:5]];"
        "from analytics.models import Event;"
        "ids = list(Event.objects.values_list('pk', flat=True)[:2]);"
        "Event.objects.filter(pk=ids[0]).update(state='delivered');"
        "Event.objects.filter(pk=ids[1]).update(state='rejected', last_error='no')"
    )
    return site


def rows(site):
    return json.loads(site.run("from tests import rows; rows.show()"))


def kept(before, after):
    """The rows of now as far as their columns were there before, to be compared with those."""
    found = {}
    for table, old in before.items():
        names = old[0].keys() if old else ()
        new = [{name: row[name] for name in names if name in row} for row in after.get(table, [])]
        found[table] = sorted(new, key=lambda row: sorted(row.items()))
    return found


def test_it_is_filled(site):
    found = {table for table, there in rows(site).items() if there}

    assert found >= {
        *("accounts_user", "analytics_event", "analytics_installation"),
        *("tracking_client", "tracking_project", "tracking_task", "tracking_timeentry"),
        *("tracking_rate", "tracking_savedreport", "tracking_tag", "tracking_timeentry_tags"),
    }


@pytest.mark.parametrize("steps", [1, 3])
def test_a_filled_database_of_a_schema_before_keeps_every_row(site, steps):
    site.run(f"from tests import rows; rows.back({steps})")
    before = rows(site)
    assert site.manage("migrate", "--check").returncode == 1

    with running(site):  # as a site that is still served when the new version is unpacked
        assert requests.get(f"{site.url}/readyz", timeout=10).status_code == 503
        done = site.manage("migrate", "--noinput")
        assert done.returncode == 0, done.stderr
        assert requests.get(f"{site.url}/readyz", timeout=10).status_code == 200
        assert requests.get(f"{site.url}/accounts/login/", timeout=10).status_code == 200

    after = rows(site)
    assert kept(before, after) == before
    assert len(before["tracking_timeentry"]) > 100
    states = {row["state"] for row in before["analytics_event"]}
    assert states >= {"delivered", "rejected"}
    (installation,) = after["analytics_installation"]
    assert installation["has_delivered"] in ("True", "1"), "who is erased is erased at PostHog, too"


@contextmanager
def somebody_who_writes(site, told):
    """A process that writes meanwhile; afterwards `told` has what was committed."""
    code = f"from tests import rows; rows.write({str(told)!r})"
    command = [sys.executable, str(ROOT / "manage.py"), "shell", "--no-imports", "--command", code]
    writer = site.background(*command)
    try:
        wait_until(lambda: told.exists() and told.read_text(), 30)
        yield
    finally:
        told.with_name(f"{told.name}.stop").touch()
        assert writer.wait(60) == 0, site.log.read_text()


def test_what_is_written_while_it_is_migrated_is_kept(site, tmp_path):
    site.run("from tests import rows; rows.back(3)")
    told = tmp_path / "told"
    before = len(rows(site)["analytics_event"])

    with somebody_who_writes(site, told):
        so_far = len(told.read_text().splitlines())
        done = site.manage("migrate", "--noinput")
        assert done.returncode == 0, done.stderr
        meanwhile = len(told.read_text().splitlines()) - so_far

    after = rows(site)
    written = {row["name"] for row in after["tracking_tag"] if row["name"].startswith("written")}
    assert written == set(told.read_text().splitlines())
    assert len(after["analytics_event"]) - before == len(written)
    assert meanwhile > 10, "nobody wrote while it was migrated"


def test_the_code_before_goes_on_writing_to_the_schema_of_now(site):
    """Between `migrate` and the restart: an INSERT need give nothing that it does not know."""
    site.run("from tests import rows; rows.back(1)")
    before = json.loads(site.run("from tests import rows; rows.needed()"))
    assert site.manage("migrate", "--noinput").returncode == 0
    after = json.loads(site.run("from tests import rows; rows.needed()"))

    new = {table: {*after.get(table, ())} - {*known} for table, known in before.items()}
    assert {table: names for table, names in new.items() if names} == BEFORE_THE_FIRST_VERSION
    assert set(before) <= set(after), "and every table is there"


def test_a_filled_database_of_the_first_schema_keeps_people_and_time(site):
    """What later migrations compute is written anew; the rows are all there."""
    site.run(f"from tests import rows; rows.back({NEWER})")
    before = rows(site)

    done = site.manage("migrate", "--noinput")

    assert done.returncode == 0, done.stderr
    after = rows(site)
    for table in ("accounts_user", "tracking_client", "tracking_project", "tracking_timeentry"):
        assert {row["id"] for row in after[table]} == {row["id"] for row in before[table]}
    times = ("started_at", "ended_at", "description", "user_id", "project_id", "task_id")
    old, new = (
        {row["id"]: [row[name] for name in times] for row in found["tracking_timeentry"]}
        for found in (before, after)
    )
    assert new == old


def commands(heading):
    """The shell commands under a heading of docs/operations.md."""
    text = (ROOT / "docs" / "operations.md").read_text()
    section = text.split(f"\n### {heading}\n", 1)[1].split("\n#", 1)[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return block


def shell(site, folder, heading):
    """Run them as an operator does, in the folder of the installation."""
    env = {**site.env, "PATH": f"{BIN}:{os.environ['PATH']}"}
    command = ["sh", "-euc", commands(heading)]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def installation(site, tmp_path):
    """The folder of an installation as the page has it made, with the site's database in it."""
    installation = tmp_path / "timetracker"
    installation.mkdir()
    text = (ROOT / "docs" / "operations.md").read_text()
    (made,) = re.findall(r"^sudo install -d -o timetracker (.+)$", text, re.MULTILINE)
    subprocess.run(["sh", "-c", f"install -d {made}"], cwd=installation, check=True)
    (installation / ".venv").symlink_to(BIN.parent)
    shutil.copy(ROOT / "manage.py", installation)
    place = installation / "data" / "timetracker.sqlite3"
    if site.database == "SQLite":
        for file in tmp_path.glob("site.sqlite3*"):
            file.rename(place.with_name(file.name.replace("site", "timetracker")))
        site.env["DATABASE_URL"] = f"sqlite:///{place}"
    return installation


def test_what_was_backed_up_comes_back(site, installation):
    before = rows(site)

    with running(site):  # nobody need stop the site for a backup
        requests.get(f"{site.url}/accounts/login/", timeout=10)
        shell(site, installation, f"Backup of {site.database}")
    (backup,) = (installation / "backup").iterdir()
    assert backup.stat().st_mode & 0o077 == 0, "it holds all that people wrote"
    site.run("from tracking.models import TimeEntry; TimeEntry.objects.all().delete()")
    assert rows(site)["tracking_timeentry"] == []
    shell(site, installation, f"Restore of {site.database}")

    assert rows(site) == before
    with running(site):
        assert requests.get(f"{site.url}/readyz", timeout=10).json() == {"status": "ready"}


def test_a_backup_leads_back_to_the_schema_before(site, installation):
    """An upgrade that is taken back: nothing of the newer schema is in the way, then or later."""
    site.run("from tests import rows; rows.back(1)")
    before = rows(site)
    shell(site, installation, f"Backup of {site.database}")
    assert site.manage("migrate", "--noinput").returncode == 0

    shell(site, installation, f"Restore of {site.database}")

    assert site.manage("migrate", "--check").returncode == 0
    assert kept(before, rows(site)) == before
