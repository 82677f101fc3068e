"""One Chromium for all tests of this folder, and a site in a process of its own.

Playwright leaves a running event loop in the process, in which Django refuses synchronous queries:
nothing in this folder touches the database of the test process.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, sync_playwright

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
    with opened(chromium, viewport={"width": 1280, "height": 900}) as page:
        yield page


@contextmanager
def opened(chromium: Browser, **options: Any) -> Iterator[Page]:
    """A browser of its own, with Playwright's options of a context, in which no script fails."""
    context = chromium.new_context(**options)
    try:
        with watched(context) as page:
            yield page
    finally:
        context.close()


@contextmanager
def watched(context: BrowserContext) -> Iterator[Page]:
    """A window in which no script fails."""
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if is_error(message) else None)
    yield page
    page.close()
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


class Furnished(NamedTuple):
    """A site with demo data, and how its people are signed in: stranger, user, manager, admin."""

    site: Site
    states: dict[str, StorageState | None]

    @property
    def url(self) -> str:
        """Where it is served."""
        return self.site.url


@pytest.fixture(scope="package")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    """TimeTracker with demo data of four weeks, in which it is always early afternoon."""
    site = Site(tmp_path_factory.mktemp("furnished"), {"TIME_ZONE": zone_of_afternoon()})
    site.prepare()
    filled = site.manage("load_demo_data")
    assert filled.returncode == 0, filled.stderr
    sessions = json.loads(site.run(SIGN_EVERYBODY_IN))
    with running(site):
        states = {who: state_of(site, session) for who, session in sessions.items()}
        yield Furnished(site, {"stranger": None, **states})


# One process for all: each start of Django takes a second.
SIGN_EVERYBODY_IN = """
import json
from django.test import Client
from accounts.models import User

User.objects.create_user("dora", "dora@example.org", first_name="Dora", role="manager")

def session(name):
    client = Client()
    user = User.objects.get(username=name)
    client.force_login(user, backend="accounts.backends.LocalBackend")
    return client.cookies["sessionid"].value

people = {"user": "demo", "manager": "dora", "admin": "demo-admin"}
print(json.dumps({who: session(name) for who, name in people.items()}))
"""


def state_of(site: Site, session: str) -> StorageState:
    """A browser that holds this session."""
    cookie = {"name": "sessionid", "value": session, "domain": "127.0.0.1", "path": "/"}
    kept = {"expires": -1, "httpOnly": True, "secure": False, "sameSite": "Lax"}
    return cast(StorageState, {"cookies": [{**cookie, **kept}], "origins": []})


def zone_of_afternoon() -> str:
    """A time zone in which it is between two and three: the day has work in it, and goes on."""
    return f"Etc/GMT{datetime.now(UTC).hour - 14:+d}"  # these are named with the other sign
