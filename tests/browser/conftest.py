"""One Chromium for all tests of this folder, and a site in a process of its own.

Playwright leaves a running event loop in the process, in which Django refuses synchronous queries:
nothing in this folder touches the database of the test process.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.capture import CaptureServer, capture_server
from tests.conftest import PASSWORD, need
from tests.processes import Site, oidc_provider, running

FLAGS = [
    "--no-sandbox",  # CI is root
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
BOB = {
    "sub": "subject-of-bob",
    "name": "Bob Builder",
    "preferred_username": "bobthebuilder",
    "email": "bob@example.org",
    "email_verified": True,
}


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them on one worker, which then holds the only browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    need(path, "Chromium is not on this machine (Debian's package chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh browser at desk size, in which no page's script fails."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if is_error(message) else None)
    yield page
    context.close()
    assert errors == []


def is_error(message: Any) -> bool:
    """Whether the console complains, of a script or of the content security policy."""
    of_an_answer = ("Failed to load resource", "Response Status Error Code")  # Chromium's, htmx's
    return message.type == "error" and not any(words in message.text for words in of_an_answer)


@pytest.fixture(scope="package")
def capture() -> Iterator[CaptureServer]:
    with capture_server() as server:
        yield server


@pytest.fixture(scope="package")
def provider() -> Iterator[str]:
    with oidc_provider(BOB) as issuer:
        yield issuer


@pytest.fixture(scope="package")
def site(
    tmp_path_factory: pytest.TempPathFactory, capture: CaptureServer, provider: str
) -> Iterator[Site]:
    """TimeTracker as in production, with PostHog and an OIDC provider; alice has an account."""
    site = Site(
        tmp_path_factory.mktemp("site"),
        {
            "POSTHOG_API_KEY": "phc_browser",
            "POSTHOG_HOST": capture.url,
            "AUTH_METHOD": "both",
            "OIDC_ISSUER": provider,
            "OIDC_CLIENT_ID": "timetracker",
            "OIDC_CLIENT_SECRET": "a secret",
        },
    )
    site.prepare()
    site.run(
        "from accounts.models import User;"
        "User.objects.create_superuser('alice', 'alice@example.org',"
        f" {PASSWORD!r}, first_name='Alice', last_name='Wonder')"
    )
    with running(site):
        yield site
