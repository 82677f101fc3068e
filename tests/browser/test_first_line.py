"""The whole line: a person signs in, starts and stops a timer, and the events arrive at PostHog."""

import json
import platform
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.capture import CaptureServer, wait_until
from tests.conftest import PASSWORD
from tests.processes import Site
from timetracker import __version__

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NOTE = "Lunch with the lawyers"
# Of people, of what they wrote, of how they signed in.
PERSONAL = [
    *("alice", "Wonder", "bob", "Builder", "example.org", NOTE, "lawyers", PASSWORD),
    *("subject-of-bob", "a secret", "sessionid", "csrf"),
]


def sign_in(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/accounts/login/?next=/")
    page.get_by_label(re.compile("User ?name", re.I)).fill("alice")
    page.get_by_label("Password", exact=False).first.fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    arrive(page, site)


def sign_in_through_the_provider(page: Page, site: Site, provider: str) -> None:
    page.goto(f"{site.url}/accounts/login/")
    page.get_by_role("link", name="Sign in through the provider").click()
    expect(page).to_have_url(re.compile(re.escape(provider)))
    page.get_by_role("button", name="subject-of-bob").click()
    arrive(page, site)


def arrive(page: Page, site: Site) -> None:
    """Be on the dashboard with its scripts and pictures: a click before that is another test."""
    expect(page).to_have_url(f"{site.url}/")
    page.wait_for_load_state("networkidle")


def use_the_timer(page: Page) -> None:
    page.get_by_label("Description").fill(NOTE)
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"0:00:0[1-9]"))
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    expect(page.locator("#content")).to_contain_text(NOTE)


def of_one_person(capture: CaptureServer, person: str) -> dict[str, dict[str, Any]]:
    """The events of a person by name, when all four have come."""
    wanted = {"$set", "auth.login", "timer.started", "timer.stopped"}

    def found() -> dict[str, dict[str, Any]]:
        return {e["event"]: e for e in capture.events if e["distinct_id"] == person}

    wait_until(lambda: found().keys() >= wanted)
    return found()


def id_of(site: Site, user: str) -> str:
    code = f"from accounts.models import User; print(User.objects.get({user}).pk)"
    return site.run(code)


def check_identity(events: dict[str, dict[str, Any]], **expected: Any) -> None:
    about = events["$set"]["properties"]
    assert about["$set"].pop("last_login") >= about["$set_once"].pop("first_login")
    signup = expected.pop("signup_method")
    assert about["$set"].pop("app_version") == __version__
    assert about["$set"].pop("deployment_method") in ("native", "docker")
    assert about["$set"] == expected
    assert about["$set_once"] == {"signup_method": signup}
    assert events["auth.login"]["properties"]["auth_method"] == expected["auth_method"]


def check_context(event: dict[str, Any], site: Site, path: str) -> None:
    properties = event["properties"]
    assert UUID.fullmatch(event["distinct_id"])
    assert properties["$current_url"] == f"{site.url}{path}"
    assert properties["$browser"] == "Chrome"
    assert properties["$device_type"] == "desktop"
    assert properties["$os"] == "Linux"  # of the browser: taken from its User-Agent
    assert properties["environment"] == "production"
    assert properties["app_version"] == __version__
    assert properties["deployment_method"] in ("native", "docker")
    ours = {"$os_distro", "$python_version", "$python_runtime", "$is_server", "python_version"}
    assert not properties.keys() & ours


def check_nothing_personal(capture: CaptureServer) -> None:
    sent = b"\n".join(capture.bodies).decode()
    assert capture.bodies
    for word in PERSONAL:
        assert word.lower() not in sent.lower(), word


def check_paths(events: dict[str, dict[str, Any]], site: Site, login: str) -> None:
    check_context(events["$set"], site, login)
    check_context(events["auth.login"], site, login)
    check_context(events["timer.started"], site, "/timer/start/")
    check_context(events["timer.stopped"], site, "/timer/stop/")


def test_alice_signs_in_with_her_password(page, site, capture):
    sign_in(page, site)
    use_the_timer(page)

    events = of_one_person(capture, id_of(site, "username='alice'"))
    check_identity(events, role="admin", is_admin=True, auth_method="local", signup_method="local")
    check_paths(events, site, "/accounts/login/")
    assert events["timer.started"]["properties"]["has_description"] is True
    assert 1 <= events["timer.stopped"]["properties"]["duration_seconds"] < 60
    check_nothing_personal(capture)


def test_bob_signs_in_through_the_provider(page, site, capture, provider):
    sign_in_through_the_provider(page, site, provider)
    use_the_timer(page)

    events = of_one_person(capture, id_of(site, "oidc_identities__subject='subject-of-bob'"))
    check_identity(events, role="user", is_admin=False, auth_method="oidc", signup_method="oidc")
    check_paths(events, site, "/accounts/oidc/callback/")
    check_nothing_personal(capture)


def test_the_site_works_on_while_posthog_is_down(page, site, capture):
    seen = len(capture.events)
    capture.stop()
    sign_in(page, site)
    use_the_timer(page)
    assert len(capture.events) == seen

    capture.start()
    wait_until(lambda: len(capture.events) >= seen + 4, 30)
    late = [event["event"] for event in capture.events[seen:]]
    assert sorted(late) == ["$set", "auth.login", "timer.started", "timer.stopped"]
    uuids = [event["uuid"] for event in capture.events]
    assert len(uuids) == len(set(uuids))


def test_the_persons_browser_decides_on_the_system(chromium, site, capture):
    """The server runs on Linux; what is sent is the browser's."""
    agent = (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"
        " (KHTML, like Gecko) Version/17.1 Safari/605.1.15"
    )
    seen = len(capture.named("auth.login"))
    context = chromium.new_context(user_agent=agent)
    sign_in(context.new_page(), site)
    context.close()

    wait_until(lambda: len(capture.named("auth.login")) > seen)
    properties = capture.named("auth.login")[-1]["properties"]
    assert (properties["$os"], properties["$browser"]) == ("Mac OS X", "Safari")
    assert properties.pop("platform") == platform.system()  # of the installation, not the browser
    assert "Linux" not in json.dumps(properties)


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
def test_a_browser_that_objects_is_not_recorded(header, chromium, site, capture):
    context = chromium.new_context(extra_http_headers={header: "1"})
    page = context.new_page()
    before = int(site.run("from analytics.models import Event; print(Event.objects.count())"))
    sign_in(page, site)
    use_the_timer(page)
    context.close()

    after = int(site.run("from analytics.models import Event; print(Event.objects.count())"))
    assert after == before
