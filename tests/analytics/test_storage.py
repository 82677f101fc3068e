"""A disk that is full and a database that is locked: what people see, what is kept, what is said.

Everything is real: file systems of a few megabytes, and locks that another process holds.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
import requests
from django.db import OperationalError, connection, transaction

import analytics
from analytics.patience import LONGEST_WAIT
from tests.capture import CaptureServer, capture_server, wait_until
from tests.conftest import PASSWORD, need
from tests.postgresql import MISSING, binaries, postgresql
from tests.processes import ROOT, Site, running
from tests.site.installation import DATABASES, ask, installation
from timetracker.middleware import FULL
from tracking.models import Client

NO_MOUNT = "No file system of limited size can be mounted here (root may, with CAP_SYS_ADMIN)."
LONG = "x" * 500  # a description that soon needs another page
SOON = 500  # writes, within which the room that is left inside a database's pages is used up
MARGIN = 0.05  # seconds, for a machine that does other things as well
LOST = "Events are lost: OperationalError in record_for_user."
TIMES = 10


# --- a disk that is full -----------------------------------------------------------------------


class Disk:
    """A file system of a few megabytes."""

    def __init__(self, folder: Path) -> None:
        self.ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no room at all."""
        with suppress(OSError), self.ballast.open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(4096))

    def free(self) -> None:
        self.ballast.unlink()


@contextmanager
def small_disk() -> Iterator[Path]:
    """The folder of a disk of 16 MB; gone with the block, whatever happens in it."""
    folder = Path(tempfile.mkdtemp(prefix="timetracker-disk-"))
    try:
        mount = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=777", "tmpfs", str(folder)]
        mounted = shutil.which("mount") and not subprocess.run(mount, check=False).returncode
        if not mounted:  # `sqlite_of_pages` shows the same, as far as it can
            pytest.skip(NO_MOUNT)
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    finally:
        folder.rmdir()


class Pages:
    """Stands in for a disk: the number of pages that SQLite's file may have.

    Another thing is shown, too: on a disk it is the commit that fails, here it is a statement.
    """

    def __init__(self, folder: Path) -> None:
        self.limit = folder / "limit"
        self.free()

    def fill(self) -> None:
        self.limit.write_text("1")  # which stands for as many as there are

    def free(self) -> None:
        self.limit.write_text("1000000")

    @property
    def settings(self) -> str:
        """A module of settings in which every connection is held to it."""
        return f"""
from pathlib import Path
from django.db.backends.signals import connection_created
from tests.site.settings import *

def limit(connection, **_kwargs):
    connection.cursor().execute("PRAGMA max_page_count = " + Path({str(self.limit)!r}).read_text())

connection_created.connect(limit, weak=False)
"""


@contextmanager
def sqlite_on_a_disk(_folder: Path) -> Iterator[tuple[Disk, dict[str, str]]]:
    """A disk, and what a site is told to have its database there."""
    with small_disk() as folder:
        yield Disk(folder), {"DATABASE_URL": f"sqlite:///{folder / 'site.sqlite3'}"}


@contextmanager
def sqlite_of_pages(folder: Path) -> Iterator[tuple[Pages, dict[str, str]]]:
    pages = Pages(folder)
    (folder / "few_pages.py").write_text(pages.settings)
    path = f"{ROOT}{os.pathsep}{folder}"
    yield pages, {"DJANGO_SETTINGS_MODULE": "few_pages", "PYTHONPATH": path}


@contextmanager
def postgresql_on_a_disk(_folder: Path) -> Iterator[tuple[Disk, dict[str, str]]]:
    need(binaries(), MISSING)
    with small_disk() as folder, postgresql() as url:
        tables = folder / "tables"
        tables.mkdir()
        shutil.chown(tables, "postgres")  # who mounts is root, and root may not run the server
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(f"CREATE TABLESPACE small LOCATION '{tables}'")
            server.execute("ALTER ROLE timetracker SET default_tablespace = small")
        yield Disk(folder), {"DATABASE_URL": url}


FULL_DISKS = [
    sqlite_on_a_disk,
    sqlite_of_pages,
    pytest.param(postgresql_on_a_disk, marks=pytest.mark.xdist_group("postgresql")),
]


@contextmanager
def at_work(folder: Path, posthog: CaptureServer, **env: str) -> Iterator[Site]:
    """A site that serves, in which the worker has a password."""
    with installation(folder, posthog, **env) as site:
        site.run(
            "from accounts.models import User; worker = User.objects.get();"
            f"worker.set_password({PASSWORD!r}); worker.save()"
        )
        with running(site):
            yield site


def post(visitor: requests.Session, site: Site, path: str, **fields: str) -> requests.Response:
    """Post a form, with the token that the visitor's browser holds."""
    token = {"X-CSRFToken": visitor.cookies["csrftoken"]}
    return visitor.post(f"{site.url}{path}", data=fields, headers=token, timeout=30)


def signed_in(site: Site) -> requests.Session:
    visitor = requests.Session()
    visitor.get(f"{site.url}/accounts/login/", timeout=30)
    answer = post(visitor, site, "/accounts/login/", login="worker", password=PASSWORD)
    assert answer.url == f"{site.url}/", answer.text
    return visitor


def start_timer(visitor: requests.Session, site: Site) -> requests.Response:
    return post(visitor, site, "/timer/start/", description=LONG)


def track(site: Site, number: int = 1) -> str | None:
    """The uuid of the event that a page has recorded; None where it was lost. The page answers."""
    answer = requests.get(f"{site.url}/track/{number}/", timeout=30)
    assert answer.status_code == 200, answer.text
    uuid: str | None = answer.json()["uuid"]
    return uuid


def check_writing_is_refused(visitor: requests.Session, site: Site) -> None:
    """Whatever was answered with success is there, and the rest was refused in plain words."""
    before = entries(site)
    tries = (start_timer(visitor, site) for _ in range(SOON))
    saved, refused = next(found for found in enumerate(tries) if found[1].status_code != 200)
    assert refused.status_code == FULL.status
    assert str(FULL.sentence) in refused.text
    assert entries(site) == before + saved


def entries(site: Site) -> int:
    return int(site.run("from tracking.models import TimeEntry as T; print(T.objects.count())"))


def check_reading_works(visitor: requests.Session, site: Site) -> None:
    board = visitor.get(f"{site.url}/", timeout=30)
    assert (board.status_code, LONG in board.text) == (200, True)
    assert requests.get(f"{site.url}/accounts/login/", timeout=30).status_code == 200


def check_events_are_lost_without_harm(site: Site) -> None:
    lost = [track(site) for _ in range(SOON)].count(None)
    assert lost >= 50


def check_it_goes_on(visitor: requests.Session, site: Site, posthog: CaptureServer) -> None:
    """There is room again: the same process writes again, and delivers."""
    assert start_timer(visitor, site).status_code == 200
    uuid = track(site)
    assert uuid
    wait_until(lambda: uuid in {event["uuid"] for event in posthog.events}, 30)


def said(site: Site) -> list[str]:
    """What the site's log says: messages alone, and none of gunicorn's."""
    lines = site.log.read_text().splitlines()
    return [line.split(" ", 5)[-1] for line in lines if " gunicorn.error " not in line]


@pytest.mark.slow
@pytest.mark.parametrize("full_disk", FULL_DISKS)
def test_a_full_disk_is_said_and_survived(tmp_path, posthog, full_disk):
    with full_disk(tmp_path) as (disk, env), at_work(tmp_path, posthog, **env) as site:
        visitor = signed_in(site)
        assert start_timer(visitor, site).status_code == 200
        disk.fill()
        check_writing_is_refused(visitor, site)
        check_events_are_lost_without_harm(site)
        check_reading_works(visitor, site)
        disk.free()
        check_it_goes_on(visitor, site, posthog)

    log = said(site)
    assert (log.count(FULL.log), log.count(LOST)) == (1, 1)
    assert sorted(log) == sorted(set(log))  # and nothing else is said twice, no traceback at all


@pytest.mark.slow
def test_a_site_that_starts_on_a_full_disk_says_so_until_there_is_room(tmp_path, posthog):
    """SQLite cannot even read then: the files that its connections share do not exist yet."""
    with sqlite_on_a_disk(tmp_path) as (disk, env), at_work(tmp_path, posthog, **env) as site:
        visitor = signed_in(site)
        site.stop()
        disk.fill()
        site.start()
        assert visitor.get(f"{site.url}/", timeout=30).status_code == FULL.status
        disk.free()
        assert visitor.get(f"{site.url}/", timeout=30).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_page_whose_event_meets_the_full_disk_is_not_told_that_all_is_well(bob):
    """SQLite rolls back the whole transaction then, savepoint or not."""
    if connection.vendor != "sqlite":
        pytest.skip("Elsewhere the savepoint holds.")
    try:
        with pytest.raises(OperationalError, match="full"):
            save_a_client_and_many_events(bob)
    finally:
        connection.close()  # and with it the limit
    assert not Client.objects.exists()


@transaction.atomic
def save_a_client_and_many_events(person):
    Client.objects.create(name="Not there after all")
    connection.cursor().execute("PRAGMA max_page_count = 1")  # as many as there are
    for _ in range(SOON):
        analytics.track_event(person.pk, "auth.logout")


# --- a database that is locked -----------------------------------------------------------------

HOLD = """
from django.db import connection, transaction
with transaction.atomic():  # which is all that SQLite needs
    if connection.vendor == "postgresql":
        connection.cursor().execute("LOCK TABLE analytics_event IN ACCESS EXCLUSIVE MODE")
    print("locked", flush=True)
    input()
"""
RECORD = """
import time, analytics
from django.test import RequestFactory
from accounts.models import User
from analytics import context, outbox
worker = User.objects.get()
def two_events():
    return [analytics.track_event(worker.pk, "work.done", {{"number": 1}}) for _ in range(2)]
def failed_sign_in():
    return [outbox.record_anonymous("auth.login_failed")]
def timed():
    with context.bound(RequestFactory().get("/")):
        start = time.perf_counter()
        recorded = any({what}())
        return time.perf_counter() - start, recorded
timed()  # what is loaded once is loaded
times, recorded = zip(*(timed() for _ in range({times})))
print(min(times), any(recorded))
"""


@pytest.fixture(scope="module", params=DATABASES)
def site(request, tmp_path_factory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("locked")
    with (
        capture_server() as posthog,
        installation(folder, posthog, request.param) as site,
        running(site),
    ):
        yield site


@contextmanager
def locked(site: Site) -> Iterator[None]:
    """Another process holds the lock that recording needs, for the time of the block."""
    command = [sys.executable, str(ROOT / "manage.py"), "shell", "--no-imports", "--command", HOLD]
    pipe = subprocess.PIPE
    holder = subprocess.Popen(command, env=site.env, stdin=pipe, stdout=pipe, text=True)
    try:
        assert holder.stdout
        assert holder.stdout.readline() == "locked\n"
        yield
    finally:
        holder.communicate("\n", timeout=30)


def quickest(site: Site) -> tuple[float, set[str | None]]:
    """The shortest time of some pages that record an event each, and the uuids of the events."""
    seconds, uuids = [], []
    for number in range(TIMES):
        start = time.perf_counter()
        uuids.append(track(site, number))
        seconds.append(time.perf_counter() - start)
    return min(seconds), set(uuids)


def dropped(site: Site) -> int:
    """How many events are counted as lost."""
    models = "from analytics.models import Dropped; from django.db.models import Sum"
    return int(site.run(f"{models}; print(Dropped.objects.aggregate(n=Sum('count'))['n'] or 0)"))


@pytest.mark.slow
def test_a_locked_database_costs_a_page_next_to_nothing(site):
    track(site)
    before, (free, _) = dropped(site), quickest(site)
    with locked(site):
        held, uuids = quickest(site)

    assert uuids == {None}
    assert held - free < LONGEST_WAIT + MARGIN
    assert track(site)  # and with it the counts are written
    wait_until(lambda: dropped(site) == before + TIMES, 60)
    assert said(site).count(LOST) == 1


def recording(site: Site, what: str) -> tuple[float, str]:
    """The shortest time that a request spends on recording, and whether any event was recorded."""
    seconds, recorded = site.run(RECORD.format(what=what, times=TIMES)).split()
    return float(seconds), recorded


@pytest.mark.slow
@pytest.mark.parametrize("what", ["two_events", "failed_sign_in"])
def test_all_that_a_request_records_shares_that_time(site, what):
    free, recorded = recording(site, what)
    assert recorded == "True"
    with locked(site):
        held, recorded = recording(site, what)
    assert recorded == "False"
    assert held - free < LONGEST_WAIT + MARGIN


@pytest.mark.slow
def test_within_a_transaction_an_event_waits_with_it(site):
    found = []
    page = threading.Thread(target=lambda: found.append(requests.get(f"{site.url}/work/77/")))
    with locked(site):
        page.start()
        time.sleep(10 * LONGEST_WAIT)
        assert found == []
    page.join(30)
    assert found[0].json()["uuid"] in ask(site, "*E.objects.values_list('uuid', flat=True)")
