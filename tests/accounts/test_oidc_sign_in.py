"""Signing in through a provider that behaves."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from accounts.models import OIDCIdentity, User
from tests.accounts.conftest import (
    AUTHENTICATE,
    assert_page,
    go_to_provider,
    is_signed_in,
    sign_in,
)
from tests.accounts.provider import ALICE, CLIENT, Provider, ec_key, jwk, rsa_key


def test_it_signs_in_and_makes_an_account(client: Client, provider: Provider) -> None:
    response = sign_in(client)

    assert response.status_code == 302
    assert response["Location"] == "/"
    assert is_signed_in(client)
    alice = User.objects.get()
    assert (alice.username, alice.first_name, alice.last_name) == ("alice", "Alice", "Liddell")
    assert (alice.email, alice.role, alice.signup_method) == ("alice@example.org", "user", "oidc")
    assert not alice.has_usable_password()
    identity = OIDCIdentity.objects.get()
    assert (identity.issuer, identity.subject) == (provider.issuer, ALICE["sub"])
    address = EmailAddress.objects.get()
    assert (address.user, address.email, address.verified) == (alice, "alice@example.org", True)


def test_it_uses_pkce_state_nonce_and_the_secret(client: Client, provider: Provider) -> None:
    sign_in(client)

    asked = provider.asked("/authorize")[0].parameters
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert len(asked["state"]) >= 32
    assert len(asked["nonce"]) >= 32
    assert asked["scope"] == "openid profile email"
    assert asked["redirect_uri"] == "http://testserver/accounts/oidc/callback/"
    exchanged = provider.asked("/token")[0].parameters
    assert len(exchanged["code_verifier"]) >= 43  # the provider has checked it
    assert (exchanged["client_id"], exchanged["client_secret"]) == CLIENT


def test_it_sends_the_secret_in_a_header_where_the_provider_wants_that(
    client: Client, provider: Provider
) -> None:
    provider.changed_document = {"token_endpoint_auth_methods_supported": ["client_secret_basic"]}

    sign_in(client)

    assert is_signed_in(client)
    exchange = provider.asked("/token")[0]
    assert "client_secret" not in exchange.parameters
    assert exchange.headers["authorization"].startswith("Basic ")


def test_it_takes_es256(client: Client, provider: Provider) -> None:
    provider.sign = lambda claims: jwt.encode(claims, ec_key(), "ES256", {"kid": "elliptic"})

    sign_in(client)

    assert is_signed_in(client)


def test_it_begins_a_new_session_and_keeps_only_the_id_token(
    client: Client, provider: Provider
) -> None:
    back = go_to_provider(client)
    before = client.session.session_key

    client.get(back)

    session = client.session
    assert session.session_key != before
    assert session["_auth_user_backend"] == "accounts.oidc.backend.OIDCBackend"
    assert session["oidc_id_token"].count(".") == 2
    assert "access-token-of-the-tests" not in str(dict(session))
    assert not {"oidc_states", "oidc_login_next"} & set(session.keys())


def test_it_asks_for_discovery_and_keys_once(client: Client, provider: Provider) -> None:
    sign_in(client)
    sign_in(Client())

    assert len(provider.asked("/.well-known/openid-configuration")) == 1
    assert len(provider.asked("/jwks")) == 1


def test_it_asks_for_keys_again_when_the_provider_has_new_ones(
    client: Client, provider: Provider
) -> None:
    sign_in(Client())
    provider.keys = [jwk(rsa_key("second"), "second")]
    provider.sign = lambda claims: jwt.encode(claims, rsa_key("second"), "RS256", {"kid": "second"})

    sign_in(client)

    assert is_signed_in(client)
    assert len(provider.asked("/jwks")) == 2


def test_it_works_without_a_userinfo_endpoint(client: Client, provider: Provider) -> None:
    provider.changed_document = {"userinfo_endpoint": ""}

    sign_in(client)

    assert is_signed_in(client)
    assert not provider.asked("/userinfo")


def test_it_keeps_the_query_of_the_authorization_endpoint(
    client: Client, provider: Provider
) -> None:
    provider.changed_document = {
        "authorization_endpoint": f"{provider.issuer}/authorize?policy=staff"
    }

    query = parse_qs(urlsplit(client.get(AUTHENTICATE)["Location"]).query)

    assert query["policy"] == ["staff"]
    assert query["client_id"] == [CLIENT[0]]


def test_it_knows_the_person_after_a_change_of_address(client: Client, provider: Provider) -> None:
    sign_in(Client())
    provider.person = {**ALICE, "email": "alice@new.example", "preferred_username": "alice2"}

    sign_in(client)

    assert is_signed_in(client)
    assert User.objects.get().username == "alice"


def test_it_goes_where_the_person_was_going(client: Client, provider: Provider) -> None:
    response = sign_in(client, "?next=/accounts/preferences/%3Fa%3Db")

    assert response["Location"] == "/accounts/preferences/?a=b"


@pytest.mark.parametrize(
    "goal",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "http://testserver@evil.example/",
    ],
)
def test_it_stays_on_the_site_whatever_next_says(
    client: Client, provider: Provider, goal: str
) -> None:
    response = sign_in(client, "?" + urlencode({"next": goal}))

    assert response["Location"] == "/"
    assert is_signed_in(client)


def test_it_signs_in_with_local_sign_in_off(
    client: Client, provider: Provider, settings: Any
) -> None:
    settings.AUTH_METHOD = "oidc"
    settings.LOCAL_ENABLED = False
    settings.AUTHENTICATION_BACKENDS = ["accounts.oidc.backend.OIDCBackend"]

    sign_in(client)

    assert is_signed_in(client)


def test_it_ends_the_session_of_a_person_who_is_switched_off(
    client: Client, provider: Provider
) -> None:
    sign_in(client)
    User.objects.update(is_active=False)

    assert not is_signed_in(client)
    assert_page(sign_in(client), 403, "switched off")
