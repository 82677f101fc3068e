"""Marked parts of a page, clicked and submitted in a real browser: what arrives at PostHog."""

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.test_first_line import UUID, sign_in
from tests.capture import CaptureServer, wait_until
from tests.processes import Site

ENDPOINT = "**/analytics/interactions/"


class Told:
    """The interactions that have come since this was made."""

    def __init__(self, capture: CaptureServer) -> None:
        self.capture = capture
        self.before = len(capture.named("feature_interaction"))

    def one(self) -> dict[str, Any]:
        """The only one; waits for it."""
        wait_until(self.events)
        (event,) = self.events()
        return event

    def events(self) -> list[dict[str, Any]]:
        return self.capture.named("feature_interaction")[self.before :]


@pytest.fixture
def told(capture: CaptureServer) -> Told:
    return Told(capture)


@pytest.fixture
def dashboard(page: Page, site: Site) -> Page:
    """The dashboard, to which alice has just signed in."""
    sign_in(page, site)
    return page


def open_preferences(page: Page) -> None:
    page.locator(".site-header details.menu summary").click()
    page.get_by_role("link", name="Preferences", exact=True).click()


def mark(page: Page, html: str) -> None:
    """Put marked HTML on the page, as a page of its own would bring it."""
    page.evaluate("html => document.getElementById('content').innerHTML = html", html)


def test_a_click_arrives_with_its_page_while_the_page_is_left(dashboard, site, told):
    asked = []
    dashboard.on("request", lambda request: asked.append(request.url))
    open_preferences(dashboard)
    expect(dashboard).to_have_url(f"{site.url}/accounts/preferences/")

    event = told.one()
    properties = event["properties"]
    assert UUID.fullmatch(event["distinct_id"])
    assert (properties["feature_flag"], properties["action"]) == ("preferences", "clicked")
    assert properties["$current_url"] == f"{site.url}/"
    assert properties["$pathname"] == "/"
    assert (properties["$browser"], properties["$device_type"]) == ("Chrome", "desktop")
    assert {url for url in asked if not url.startswith(site.url)} == set()


def test_it_asks_for_nothing_while_nothing_marked_is_used(dashboard, told):
    asked = []
    dashboard.on("request", lambda request: asked.append(request.url))
    dashboard.locator(".site-header details.menu summary").click()
    dashboard.get_by_label("Description").click()

    dashboard.wait_for_timeout(300)
    assert asked == []


@pytest.mark.parametrize("trouble", ["aborted", "refused", "hanging"])
def test_an_endpoint_in_trouble_hinders_nobody(trouble, dashboard, site):
    reached = []

    def answer(route: Route) -> None:
        reached.append(route)
        if trouble == "aborted":
            route.abort()
        elif trouble == "refused":
            route.fulfill(status=503)

    dashboard.route(ENDPOINT, answer)
    open_preferences(dashboard)

    expect(dashboard).to_have_url(f"{site.url}/accounts/preferences/")
    expect(dashboard.get_by_role("button", name="Save")).to_be_visible()
    assert len(reached) == 1
    if trouble == "hanging":
        reached[0].abort()


def test_what_lies_within_a_marked_element_counts_for_it_once(dashboard, told):
    mark(dashboard, '<p data-analytics-feature="preferences"><svg id="inner"><rect/></svg></p>')
    dashboard.evaluate(
        "document.querySelector('#inner rect').dispatchEvent("
        "new MouseEvent('click', {bubbles: true}))"
    )

    assert told.one()["properties"]["action"] == "clicked"


def test_a_marked_form_tells_of_its_submission_alone(dashboard, told):
    """Its fields' names hide the methods that the script could have leaned on."""
    mark(
        dashboard,
        '<form data-analytics-feature="preferences" action="/accounts/preferences/">'
        '<input name="matches"><input name="getAttribute"><input name="closest">'
        "<button>Go</button></form>",
    )
    dashboard.evaluate("document.querySelector('#content form button').click()")
    expect(dashboard.get_by_role("button", name="Save")).to_be_visible()

    assert told.one()["properties"]["action"] == "submitted"
    dashboard.wait_for_timeout(500)
    assert len(told.events()) == 1


def test_a_page_whose_scripts_stop_the_click_still_tells(dashboard, told):
    mark(dashboard, '<button type="button" data-analytics-feature="preferences">Go</button>')
    dashboard.evaluate(
        "document.getElementById('content')"
        ".addEventListener('click', event => { event.stopPropagation(); event.preventDefault() })"
    )
    dashboard.get_by_role("button", name="Go").click()

    assert told.one()["properties"]["action"] == "clicked"


def test_an_undeclared_mark_breaks_nothing_and_tells_nothing(dashboard, told):
    mark(dashboard, '<button type="button" data-analytics-feature="Alice’s own">Go</button>')
    with dashboard.expect_response(ENDPOINT) as answer:
        dashboard.get_by_role("button", name="Go").click()

    assert answer.value.status == 400
    assert told.events() == []


def test_it_takes_the_token_from_the_page_where_the_cookie_is_hidden(dashboard, site, told):
    context = dashboard.context
    (cookie,) = [one for one in context.cookies() if one["name"] == "csrftoken"]
    context.clear_cookies(name="csrftoken")
    context.add_cookies(
        [{"name": "csrftoken", "value": cookie["value"], "url": site.url, "httpOnly": True}]
    )
    dashboard.evaluate(
        "token => document.querySelector('script[data-endpoint]').dataset.csrfToken = token",
        cookie["value"],
    )
    assert dashboard.evaluate("document.cookie") == ""
    open_preferences(dashboard)

    assert told.one()["properties"]["feature_flag"] == "preferences"


def test_a_browser_that_objects_does_not_even_ask(chromium, site):
    context = chromium.new_context()
    context.add_init_script(
        "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})"
    )
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, site)
    open_preferences(page)
    expect(page.get_by_role("button", name="Save")).to_be_visible()
    context.close()

    assert asked
    assert not [url for url in asked if "interactions/" in url]
