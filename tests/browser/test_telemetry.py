"""The telemetry page and the event log in Django's admin, from end to end, in a real browser."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Page, StorageState, expect

from tests.browser import axe
from tests.browser.conftest import opened, state_of
from tests.browser.pages import DESK, PHONE
from tests.capture import CaptureServer, capture_server
from tests.processes import Site, running

TELEMETRY, LOG = "/admin/analytics/installation/", "/admin/analytics/event/"
SIZES = {"desk": DESK, "phone": PHONE}
# One process for all; a rejected event stands in the log, and something that was lost.
PEOPLE = """
import json
from django.test import Client
from django.utils import timezone
from accounts.models import User
from analytics.models import Dropped, Event

def session(name, role):
    client = Client()
    user = User.objects.create_user(name, role=role)
    client.force_login(user, backend="accounts.backends.LocalBackend")
    return client.cookies["sessionid"].value

people = {"alice": "admin", "dora": "manager", "bob": "user"}
sessions = {name: session(name, role) for name, role in people.items()}
Event.objects.create(
    event="timer.started", distinct_id="somebody", state="rejected", attempts=1,
    settled_at=timezone.now(), last_error="HTTP 400: a test",
)
Dropped.objects.create(cause="timer.started: the property 'title' is not declared.", count=12000)
print(json.dumps(sessions))
"""


class Installed(NamedTuple):
    """A site that reports to a capture server of its own, and how its people are signed in."""

    site: Site
    posthog: CaptureServer
    states: dict[str, StorageState]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    with capture_server() as posthog:
        telemetry = {"POSTHOG_API_KEY": "phc_browser", "ENABLE_TELEMETRY": "true"}
        folder = tmp_path_factory.mktemp("telemetry")
        site = Site(folder, {**telemetry, "POSTHOG_HOST": posthog.url})
        site.prepare()
        sessions = json.loads(site.run(PEOPLE))
        pinged = site.manage("telemetry_ping")
        assert pinged.returncode == 0, pinged.stderr
        states = {name: state_of(site, session) for name, session in sessions.items()}
        with running(site):
            yield Installed(site, posthog, states)


def see(page: Page, installed: Installed, path: str) -> Any:
    answer = page.goto(installed.site.url + path, wait_until="networkidle")
    assert answer is not None
    return answer


def test_an_admin_sends_the_test_event_finds_it_and_resets_the_fingerprint(chromium, installed):
    with opened(chromium, viewport=DESK, storage_state=installed.states["alice"]) as page:
        see(page, installed, "/admin/")
        page.locator("#content").get_by_role("link", name="Telemetry").click()
        expect(page.locator(".lead")).to_contain_text(installed.posthog.url)
        fingerprint = page.locator("tr", has_text="Fingerprint").locator("code").inner_text()
        shown = page.locator(".payload", has_text="telemetry.test").locator(".exact").text_content()
        page.get_by_role("button", name="Send a test event").click()
        expect(page.locator(".messagelist .success")).to_contain_text(
            f"Accepted: {installed.posthog.url} has taken the test event."
        )
        (event,) = installed.posthog.named("telemetry.test")
        assert event["distinct_id"] == fingerprint
        own = {"uuid": event["uuid"], "timestamp": event["timestamp"]}
        assert {**json.loads(str(shown)), **own} == event

        page.get_by_role("link", name="Event log").click()
        page.get_by_label("event").fill("telemetry.test")
        page.get_by_role("button", name="Search").click()
        expect(page.locator("#result_list tbody tr")).to_have_count(1)
        expect(page.locator("#result_list tbody tr")).to_contain_text("delivered")
        page.get_by_role("link", name="telemetry.test").click()
        expect(page.get_by_role("heading", name="As it left")).to_be_visible()
        left = str(page.locator(".exact").text_content())
        assert f"[{left}]".encode() in installed.posthog.bodies[-1]

        see(page, installed, TELEMETRY)
        page.get_by_role("link", name="Reset the fingerprint…").click()
        expect(page.locator("#content")).to_contain_text(fingerprint)
        page.get_by_role("button", name="Reset the fingerprint").click()
        expect(page.locator(".messagelist .success")).to_contain_text("under a new fingerprint")
        expect(page.locator("#content")).not_to_contain_text(fingerprint)
        page.get_by_role("link", name="History").click()
        expect(page.locator("#change-history")).to_contain_text("New fingerprint.")


def test_an_admin_retries_what_was_rejected_and_deletes_it(chromium, installed):
    with opened(chromium, viewport=PHONE, storage_state=installed.states["alice"]) as page:
        see(page, installed, f"{LOG}?state=rejected")
        page.get_by_role("link", name="timer.started").click()
        expect(page.locator("#content")).to_contain_text("HTTP 400: a test")
        page.get_by_role("button", name="Retry").click()
        expect(page.locator(".messagelist .success")).to_contain_text("1 event waits again.")
        installed.posthog.wait_for("timer.started")

        see(page, installed, f"{LOG}?person=somebody")
        page.get_by_label("Mark timer.started").check()
        page.get_by_label("Action:").select_option("delete_selected")
        page.get_by_role("button", name="Go").click()
        page.get_by_role("button", name="Yes").click()
        expect(page.locator("#content")).to_contain_text("No event in the log is like that.")


def test_what_waits_is_a_file(chromium, installed):
    with opened(chromium, viewport=DESK, storage_state=installed.states["alice"]) as page:
        see(page, installed, TELEMETRY)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download what waits").click()
        assert json.loads(download.value.path().read_text()).keys() == {"batch"}


@pytest.mark.parametrize("name", ["dora", "bob"])
def test_a_manager_and_a_user_get_403(name, chromium, installed):
    with opened(chromium, viewport=DESK, storage_state=installed.states[name]) as page:
        for path in (TELEMETRY, f"{TELEMETRY}reset/", LOG, f"{LOG}1/change/"):
            assert see(page, installed, path).status == 403


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "path", [TELEMETRY, f"{TELEMETRY}reset/", LOG, f"{LOG}1/change/", f"{LOG}?since=x&event=none"]
)
def test_the_pages_shut_nobody_out_and_fit(path, size, chromium, installed):
    state = installed.states["alice"]
    with opened(chromium, viewport=SIZES[size], storage_state=state) as page:
        assert see(page, installed, path).status == 200
        page.evaluate("() => document.querySelectorAll('details').forEach(one => one.open = true)")
        wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        found = axe.violations(page)

        assert wide <= 0
        assert not found, axe.report(found)
