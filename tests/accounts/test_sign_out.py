"""Signing out: here, and at the provider where the session began there."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from django.core.cache import cache
from django.test import Client

from tests.accounts.conftest import assert_page, is_signed_in, sign_in
from tests.accounts.provider import Provider


def test_it_ends_a_local_session(client: Client, alice: Any) -> None:
    client.force_login(alice, "accounts.backends.LocalBackend")

    response = client.post("/accounts/logout/")

    assert (response.status_code, response["Location"]) == (302, "/accounts/login/")
    assert not is_signed_in(client)


def test_it_signs_nobody_out_on_get(client: Client, alice: Any) -> None:
    client.force_login(alice, "accounts.backends.LocalBackend")

    response = client.get("/accounts/logout/")

    assert_page(response, 405, 'action="/accounts/logout/"')
    assert response["Allow"] == "POST"
    assert is_signed_in(client)


def test_it_wants_a_csrf_token(alice: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, "accounts.backends.LocalBackend")

    assert client.post("/accounts/logout/").status_code == 403
    assert is_signed_in(client)


def test_it_ends_the_providers_session(client: Client, provider: Provider) -> None:
    sign_in(client)
    id_token = client.session["oidc_id_token"]

    response = client.post("/accounts/logout/")

    assert not is_signed_in(client)
    assert response["Location"].startswith(f"{provider.issuer}/end?")
    assert {k: v[0] for k, v in parse_qs(urlsplit(response["Location"]).query).items()} == {
        "client_id": "timetracker",
        "id_token_hint": id_token,
        "post_logout_redirect_uri": "http://testserver/accounts/login/",
    }
    back = requests.get(response["Location"], allow_redirects=False, timeout=5)
    assert len(provider.asked("/end")) == 1
    assert back.headers["Location"] == "http://testserver/accounts/login/"


def test_it_leaves_out_a_token_that_is_too_long_for_an_address(
    client: Client, provider: Provider
) -> None:
    provider.changed_claims = {"groups": ["a long name of a group"] * 300}
    sign_in(client)

    response = client.post("/accounts/logout/")

    assert "id_token_hint" not in response["Location"]
    assert "client_id=timetracker" in response["Location"]


def test_it_moves_on_by_a_page_where_the_browser_would_stop_the_redirect(
    client: Client, provider: Provider
) -> None:
    provider.changed_document = {"end_session_endpoint": "https://logout.example.org/end?a=b"}
    sign_in(client)

    response = client.post("/accounts/logout/")

    assert_page(response, 200, 'href="https://logout.example.org/end?a=b&amp;client_id=')
    assert response["Refresh"].startswith("0; url=https://logout.example.org/end?a=b&client_id=")
    assert not is_signed_in(client)


def test_it_signs_out_here_where_the_provider_offers_nothing(
    client: Client, provider: Provider
) -> None:
    provider.changed_document = {"end_session_endpoint": ""}
    sign_in(client)

    assert client.post("/accounts/logout/")["Location"] == "/accounts/login/"
    assert not is_signed_in(client)


def test_it_signs_out_here_when_the_provider_is_down(client: Client, provider: Provider) -> None:
    sign_in(client)
    cache.clear()
    provider.answers["/.well-known/openid-configuration"] = (500, b"")

    response = client.post("/accounts/logout/", follow=True)

    assert response.redirect_chain == [("/accounts/login/", 302)]
    assert_page(response, 200, "You are signed out here")
    assert not is_signed_in(client)


def test_the_admin_signs_out_the_same_way(
    client: Client, provider: Provider, settings: Any
) -> None:
    settings.OIDC_ADMIN_GROUP = "admins"
    provider.person["groups"] = ["admins"]
    sign_in(client)

    response = client.post("/admin/logout/")

    assert response["Location"].startswith(f"{provider.issuer}/end?")
    assert not is_signed_in(client)
