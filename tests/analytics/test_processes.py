"""Real processes on a real database: killed, at once, and without a PostHog."""

import re
import threading
from collections.abc import Iterator

import pytest
import requests

from tests.capture import CaptureServer
from tests.conftest import PASSWORD, need
from tests.postgresql import MISSING, binaries, postgresql
from tests.processes import Site, running

# One server, on one worker; `make test-all` runs it.
POSTGRESQL = [pytest.mark.xdist_group("postgresql"), pytest.mark.slow]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=POSTGRESQL)])
def database(request) -> Iterator[dict[str, str]]:
    """What the site is told of its database."""
    if request.param == "sqlite":
        yield {}
        return
    need(binaries(), MISSING)
    with postgresql() as url:
        yield {"DATABASE_URL": url}


@pytest.fixture(scope="module")
def installation(tmp_path_factory, database) -> Site:
    """A site with its database and its static files."""
    site = Site(tmp_path_factory.mktemp("site"), {**database, "ENABLE_TELEMETRY": "true"})
    site.prepare()
    return site


@pytest.fixture
def site(installation: Site, posthog: CaptureServer) -> Site:
    """The installation, empty but for bob, with telemetry on."""
    installation.env |= {"POSTHOG_API_KEY": "phc", "POSTHOG_HOST": posthog.url}
    installation.run(
        "from django.core.management import call_command; call_command('flush', '--noinput');"
        "from accounts.models import User;"
        f"User.objects.create_user('bob', 'bob@example.org', {PASSWORD!r})"
    )
    return installation


def post(visitor: requests.Session, site: Site, path: str, **fields: str) -> requests.Response:
    """Post a form of a page that carries a token."""
    page = visitor.get(f"{site.url}/accounts/login/" if "login" in path else f"{site.url}/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token, page.text
    answer = visitor.post(f"{site.url}{path}", data={"csrfmiddlewaretoken": token[1], **fields})
    assert answer.status_code == 200, answer.text
    return answer


def work(site: Site) -> None:
    """Bob signs in, starts and stops a timer."""
    visitor = requests.Session()
    post(visitor, site, "/accounts/login/", login="bob", password=PASSWORD)
    post(visitor, site, "/timer/start/", description="x")
    post(visitor, site, "/timer/stop/")


def test_what_was_recorded_survives_a_kill(site, posthog):
    posthog.stop()
    site.start()
    work(site)
    site.kill()
    recorded = "from analytics.models import Event as E; print(*E.objects.values_list('uuid'))"
    uuids = set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", site.run(recorded)))
    assert len(uuids) == 4

    posthog.start()
    site.run(
        "from analytics.models import Event as E; E.objects.update(lease=None, leased_until=None)"
    )
    done = site.manage("deliver_events", "--once")
    assert (done.returncode, done.stderr) == (0, "")
    assert {event["uuid"] for event in posthog.events} == uuids


def test_it_goes_on_by_itself_when_posthog_is_back(site, posthog):
    posthog.stop()
    with running(site):
        work(site)
        assert posthog.events == []
        posthog.start()
        posthog.wait_for("$set", "auth.login", "timer.started", "timer.stopped", seconds=30)


def test_the_installation_is_reported_once_by_many_runs_at_once(site, posthog):
    runs = [threading.Thread(target=site.manage, args=("telemetry_ping",)) for _ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert site.manage("deliver_events", "--once").returncode == 0

    assert len(posthog.named("telemetry.install")) == 1
    assert len(posthog.named("telemetry.health")) == 1
    uuids = [event["uuid"] for event in posthog.events]
    assert len(uuids) == len(set(uuids))


def test_telemetry_that_is_off_opens_no_connection(site, posthog):
    done = site.manage("telemetry_ping", ENABLE_TELEMETRY="false")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Telemetry is off: ENABLE_TELEMETRY is off. Nothing was sent.\n"
    assert posthog.connections == 0


def test_the_fingerprint_outlives_processes_and_host_names(site, posthog):
    site.manage("telemetry_ping")
    site.manage("telemetry_ping", HOSTNAME="another-container")

    ids = {event["distinct_id"] for event in posthog.events}
    assert len(ids) == 1
