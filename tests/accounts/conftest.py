"""What the tests of accounts share: the hostile provider, and a walk through its sign-in."""

import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.core import mail
from django.test import Client

from accounts.adapter import outgoing
from accounts.models import OIDCIdentity, User
from tests.accounts.provider import Provider, running_provider

AUTHENTICATE = "/accounts/oidc/authenticate/"


@pytest.fixture
def provider(settings: Any, db: None) -> Iterator[Provider]:
    """A provider that the site is configured for."""
    with running_provider() as provider:
        settings.OIDC_ISSUER = provider.issuer
        yield provider


def go_to_provider(client: Client, query: str = "") -> str:
    """Begin a sign-in and say yes at the provider: the address that the browser is sent back to."""
    response = client.get(AUTHENTICATE + query)
    assert response.status_code == 302, response.content
    back = requests.get(response["Location"], allow_redirects=False, timeout=5)
    assert back.status_code == 302
    return path_of(back.headers["Location"])


def sign_in(client: Client, query: str = "") -> Any:
    """The whole walk: the site, the provider, and back; the site's last response."""
    return client.get(go_to_provider(client, query))


def path_of(address: str) -> str:
    """Path and query of an absolute address."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def is_signed_in(client: Client) -> bool:
    """Whether the client's session is somebody's, as a page for signed-in people shows."""
    return client.get("/accounts/preferences/").status_code == 200


def assert_page(response: Any, status: int, *texts: str) -> None:
    """A page in the site's layout with this status and these texts."""
    page = response.content.decode()
    assert response.status_code == status, page
    assert page.count("<h1") == 1
    assert 'id="content"' in page, "not in the site's layout"
    for text in texts:
        assert text in page, page


def assert_refused(client: Client, response: Any, status: int, *texts: str) -> None:
    """A page that says why, with a way back; nobody signed in, no identity made."""
    assert_page(response, status, *texts)
    assert 'role="alert"' in response.content.decode()
    assert 'href="/accounts/login/"' in response.content.decode()
    assert not is_signed_in(client)
    assert not OIDCIdentity.objects.exists()


def assert_no_account(client: Client, response: Any, status: int, *texts: str) -> None:
    """As `assert_refused`, and no account was made either."""
    assert_refused(client, response, status, *texts)
    assert not User.objects.exists()


def sent() -> list[Any]:
    """The mails so far, when all that was handed over has gone: both who send them are here."""
    here = threading.Barrier(2)
    for turn in [outgoing.submit(here.wait, 30) for _ in range(2)]:
        turn.result()
    outbox: list[Any] = mail.outbox
    return outbox
