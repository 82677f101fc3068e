"""Each attack, and each failure of the provider, ends on a page: no session, no account, no 500."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client

from accounts.models import User
from accounts.oidc.discovery import ProviderUnavailable, _provider
from tests.accounts.conftest import (
    AUTHENTICATE,
    assert_no_account,
    assert_page,
    go_to_provider,
    is_signed_in,
    sign_in,
)
from tests.accounts.provider import CLIENT, Provider, jwk, public_pem, rsa_key

CALLBACK = "/accounts/oidc/callback/"


def unsigned(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, "", algorithm="none", headers={"kid": "first"})


def signed_hs256(claims: dict[str, Any]) -> str:
    """The old trick: the public key, which everybody has, as the secret of an HMAC."""

    def encoded(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).decode().rstrip("=")

    header = json.dumps({"alg": "HS256", "kid": "first"}).encode()
    text = f"{encoded(header)}.{encoded(json.dumps(claims).encode())}"
    mac = hmac.new(public_pem(rsa_key("first")), text.encode(), hashlib.sha256).digest()
    return f"{text}.{encoded(mac)}"


def signed_by_another(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, rsa_key("attacker"), "RS256", {"kid": "first"})


def signed_with_unknown_kid(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, rsa_key("attacker"), "RS256", {"kid": "never seen"})


def signed_whatever_it_says(claims: dict[str, Any]) -> str:
    """Correctly signed, claims that PyJWT itself would not put into a token included."""
    text = json.dumps(claims).encode()
    return jwt.PyJWS().encode(text, rsa_key("first"), "RS256", {"kid": "first"})


@pytest.mark.parametrize("sign", [unsigned, signed_hs256, signed_by_another])
def test_it_refuses_a_forged_token(client: Client, provider: Provider, sign: Any) -> None:
    provider.sign = sign

    response = sign_in(client)

    assert_no_account(client, response, 403, "could not be verified")
    assert provider.asked("/token")


def test_it_refuses_hs256_even_where_the_provider_lists_such_a_key(
    client: Client, provider: Provider
) -> None:
    provider.sign = signed_hs256
    provider.keys.append({"kty": "oct", "kid": "first", "alg": "HS256", "k": "c2VjcmV0"})

    assert_no_account(client, sign_in(client), 403, "wrong algorithm")


def test_it_refuses_an_unknown_key_after_one_more_look(client: Client, provider: Provider) -> None:
    provider.sign = signed_with_unknown_kid

    assert_no_account(client, sign_in(client), 403, "unknown key")
    assert len(provider.asked("/jwks")) == 2


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "another-client"}, "wrong audience"),
        ({"aud": []}, "missing claim"),
        ({"aud": None}, "missing claim"),
        ({"aud": [CLIENT[0], "another-client"]}, "wrong authorized party"),
        ({"aud": [CLIENT[0], "another-client"], "azp": "another-client"}, "wrong authorized party"),
        ({"azp": "another-client"}, "wrong authorized party"),
        ({"iss": "https://evil.example"}, "wrong issuer"),
        ({"iss": None}, "missing claim"),
        ({"exp": int(time.time()) - 300}, "expired"),
        ({"exp": None}, "missing claim"),
        ({"exp": float("inf")}, "not genuine"),
        ({"iat": int(time.time()) + 3600}, "not yet valid"),
        ({"iat": None}, "missing claim"),
        ({"nonce": None}, "missing nonce"),
        ({"nonce": "of another attempt"}, "wrong nonce"),
        ({"nonce": "\ud800"}, "wrong nonce"),
        ({"nonce": ["a", "list"]}, "missing nonce"),
        ({"sub": None}, "missing claim"),
        ({"sub": ""}, "bad subject"),
        ({"sub": "x" * 256}, "bad subject"),
        ({"sub": "zero\0byte"}, "bad subject"),
        ({"sub": 7}, "not genuine"),
    ],
)
def test_it_refuses_a_token_with_wrong_claims(
    client: Client, provider: Provider, claims: dict[str, Any], reason: str
) -> None:
    provider.changed_claims = claims
    provider.sign = signed_whatever_it_says

    assert_no_account(client, sign_in(client), 403, reason)


def test_it_takes_several_audiences_with_itself_as_the_authorized_party(
    client: Client, provider: Provider
) -> None:
    provider.changed_claims = {"aud": [CLIENT[0], "another-client"], "azp": CLIENT[0]}

    sign_in(client)

    assert is_signed_in(client)


@pytest.mark.parametrize("token", ["", "a.b.c", "no token", "e30.e30.", None, 7, {"a": 1}])
def test_it_refuses_what_is_no_token(client: Client, provider: Provider, token: object) -> None:
    answer = {"access_token": "a", "id_token": token}
    provider.answers["/token"] = (200, json.dumps(answer).encode())

    assert_no_account(client, sign_in(client), 403, "could not be verified")


def test_it_refuses_a_state_that_was_used_already(client: Client, provider: Provider) -> None:
    back = go_to_provider(client)
    client.get(back)
    client.post("/accounts/logout/")
    User.objects.all().delete()
    exchanges = len(provider.asked("/token"))

    assert_no_account(client, client.get(back), 400, "Begin again")
    assert len(provider.asked("/token")) == exchanges


def test_it_refuses_a_state_that_failed_before(client: Client, provider: Provider) -> None:
    back = go_to_provider(client)
    provider.answers["/token"] = (500, b"")
    assert_no_account(client, client.get(back), 503)
    del provider.answers["/token"]

    assert_no_account(client, client.get(back), 400, "Begin again")


def test_it_refuses_another_browsers_state(client: Client, provider: Provider) -> None:
    back = go_to_provider(Client())

    assert_no_account(client, client.get(back), 400, "not begun in this browser")
    assert not provider.asked("/token")


def test_it_refuses_a_nonce_that_was_used_already(client: Client, provider: Provider) -> None:
    """A token stolen from one sign-in does not serve in another one."""
    sign_in(client)
    stolen = client.session["oidc_id_token"]
    client.post("/accounts/logout/")
    User.objects.all().delete()
    provider.sign = lambda claims: stolen

    assert_no_account(client, sign_in(client), 403, "wrong nonce")


@pytest.mark.parametrize("missing", ["code_verifier", "nonce"])
def test_it_refuses_an_attempt_without_verifier_or_nonce_before_it_asks_the_provider(
    client: Client, provider: Provider, missing: str
) -> None:
    back = go_to_provider(client)
    session = client.session
    for attempt in session["oidc_states"].values():
        attempt[missing] = None
    session.save()

    assert_no_account(client, client.get(back), 400, "Begin again")
    assert not provider.asked("/token")


def test_it_refuses_an_attempt_that_took_too_long(client: Client, provider: Provider) -> None:
    back = go_to_provider(client)
    session = client.session
    for attempt in session["oidc_states"].values():
        attempt["added_on"] -= 3600
    session.save()

    assert_no_account(client, client.get(back), 400, "took too long")
    assert not provider.asked("/token")


@pytest.mark.parametrize("query", ["", "?code=a", "?state=b", "?code=a&state=b"])
def test_it_refuses_a_callback_out_of_the_blue(
    client: Client, provider: Provider, query: str
) -> None:
    assert_no_account(client, client.get(CALLBACK + query), 400, "Begin again")


def test_it_refuses_a_callback_without_a_code(client: Client, provider: Provider) -> None:
    state = go_to_provider(client).partition("state=")[2]

    assert_no_account(client, client.get(f"{CALLBACK}?state={state}"), 400, "Begin again")


def test_it_refuses_a_code_that_the_provider_does_not_know(
    client: Client, provider: Provider
) -> None:
    state = go_to_provider(client).partition("state=")[2]

    response = client.get(f"{CALLBACK}?code=guessed&state={state}")

    assert_no_account(client, response, 400, "Begin again")


def test_it_refuses_another_verifier(client: Client, provider: Provider) -> None:
    back = go_to_provider(client)
    session = client.session
    for attempt in session["oidc_states"].values():
        attempt["code_verifier"] = "v" * 64
    session.save()

    assert_no_account(client, client.get(back), 400, "Begin again")


def test_it_refuses_userinfo_about_somebody_else(client: Client, provider: Provider) -> None:
    provider.changed_userinfo = {"sub": "subject-of-bob"}

    assert_no_account(client, sign_in(client), 403, "wrong userinfo subject")


def test_it_says_when_the_provider_refused_the_person(client: Client, provider: Provider) -> None:
    state = go_to_provider(client).partition("state=")[2]

    response = client.get(f"{CALLBACK}?error=access_denied&state={state}")

    assert_no_account(client, response, 403, "did not let you in")
    assert not provider.asked("/token")


def test_it_echoes_nothing_that_was_written_into_the_address(
    client: Client, provider: Provider
) -> None:
    state = go_to_provider(client).partition("state=")[2]
    response = client.get(
        CALLBACK,
        {
            "error": "<script>alert(1)</script> call 555-1234",
            "error_description": "call 555-1234",
            "state": state,
        },
    )

    assert_no_account(client, response, 400, "unknown_error")
    assert b"555-1234" not in response.content


def test_an_error_in_the_address_signs_nobody_out(client: Client, provider: Provider) -> None:
    sign_in(client)

    page = client.get(f"{CALLBACK}?error=access_denied")

    assert_page(page, 400, "Signing in did not work")
    assert "You are not signed in" not in page.content.decode()
    assert is_signed_in(client)


# --- the provider is down, or talks nonsense -------------------------------------------------


@pytest.fixture
def quick(settings: Any) -> None:
    settings.OIDC_TIMEOUT = 0.3


def test_it_says_when_nobody_listens(client: Client, db: None) -> None:
    response = client.get(AUTHENTICATE)  # tests/settings.py names a closed port

    assert_no_account(client, response, 503, "does not answer")


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/jwks"])
@pytest.mark.parametrize(
    ("answer", "statuses"),
    [
        ((500, b"<html>"), {503}),
        ((200, b"<html>captive portal</html>"), {502}),
        ((200, b"[]"), {502}),
        ((200, b'"text"'), {502}),
        ((200, b"[" * 100_000), {502}),
        ((200, b"x" * 600_000), {503}),
        ((404, b"{}"), {502}),
        ((302, b""), {502}),
    ],
)
def test_it_says_when_an_endpoint_fails(
    client: Client, provider: Provider, path: str, answer: tuple[int, bytes], statuses: set[int]
) -> None:
    provider.answers[path] = answer

    response = client.get(AUTHENTICATE)
    if response.status_code == 302:
        response = sign_in(client)

    assert response.status_code in statuses
    assert_no_account(client, response, response.status_code)


@pytest.mark.parametrize("answer", [(500, b""), (200, b"nonsense"), (401, b"{}")])
def test_it_says_when_userinfo_fails(
    client: Client, provider: Provider, answer: tuple[int, bytes]
) -> None:
    provider.answers["/userinfo"] = answer

    response = sign_in(client)

    assert_no_account(client, response, 503 if answer[0] == 500 else 502)


def test_it_says_when_the_provider_refuses_the_client(
    client: Client, provider: Provider, settings: Any
) -> None:
    settings.OIDC_CLIENT_SECRET = "of another client"

    assert_no_account(client, sign_in(client), 502, "tell your administrator")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "path", ["/.well-known/openid-configuration", "/token", "/jwks", "/userinfo"]
)
@pytest.mark.parametrize("how", ["hanging", "dripping"])
def test_it_gives_up_on_a_provider_that_hangs_or_drips(
    client: Client, provider: Provider, path: str, how: str
) -> None:
    if how == "hanging":
        provider.hanging[path] = 1.0
    else:
        provider.dripping.add(path)
    begun = time.monotonic()

    response = client.get(AUTHENTICATE)
    if response.status_code == 302:
        response = sign_in(client)

    assert time.monotonic() - begun < 0.9
    assert_no_account(client, response, 503, "does not answer")


@pytest.mark.usefixtures("quick")
def test_it_asks_a_failing_provider_once_in_a_while_only(
    client: Client, provider: Provider
) -> None:
    provider.hanging["/.well-known/openid-configuration"] = 0.5
    for _ in range(3):
        assert_no_account(client, client.get(AUTHENTICATE), 503)

    assert len(provider.requests) == 1


@pytest.mark.parametrize("path", ["/token", "/userinfo"])
def test_one_persons_failure_closes_the_door_to_nobody_else(
    client: Client, provider: Provider, path: str
) -> None:
    """Some providers answer a code that somebody made up with a 500."""
    provider.answers[path] = (500, b"")
    assert_no_account(client, sign_in(client), 503, "does not answer")
    del provider.answers[path]

    other = Client()
    sign_in(other)

    assert is_signed_in(other)


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks"])
def test_it_remembers_that_the_provider_itself_fails(
    client: Client, provider: Provider, path: str
) -> None:
    provider.answers[path] = (500, b"")
    for _ in range(2):
        response = client.get(AUTHENTICATE)
        if response.status_code == 302:
            response = sign_in(client)
        assert_no_account(client, response, 503)

    assert len(provider.asked(path)) == 1


def test_it_sends_no_password_of_the_servers_own(
    client: Client, provider: Provider, monkeypatch: Any, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login operator password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))

    sign_in(client)

    assert is_signed_in(client)
    asked = provider.asked("/.well-known/openid-configuration") + provider.asked("/jwks")
    assert len(asked) == 2
    assert not any("authorization" in request.headers for request in asked)


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"authorization_endpoint": None},
        {"token_endpoint": ""},
        {"jwks_uri": "file:///etc/passwd"},
        {"userinfo_endpoint": ["a", "list"]},
        {"end_session_endpoint": "javascript:alert(1)"},
        {"token_endpoint": "http://[broken"},
        {"end_session_endpoint": "http://127.0.0.1/end\r\nSet-Cookie: a=b"},
    ],
)
def test_it_refuses_a_discovery_document_that_does_not_fit(
    client: Client, provider: Provider, change: dict[str, Any]
) -> None:
    provider.changed_document = change

    assert_no_account(client, client.get(AUTHENTICATE), 502, "tell your administrator")


def test_it_refuses_endpoints_without_https_where_the_issuer_has_it(settings: Any) -> None:
    settings.OIDC_ISSUER = "https://id.example.org"
    document = {
        "issuer": "https://id.example.org",
        "authorization_endpoint": "https://id.example.org/authorize",
        "token_endpoint": "http://id.example.org/token",
        "jwks_uri": "https://id.example.org/jwks",
    }

    with pytest.raises(ProviderUnavailable):
        _provider(document)
    assert _provider({**document, "token_endpoint": "https://id.example.org/token"})


@pytest.mark.parametrize(
    "keys",
    [
        [{"kty": "RSA", "kid": "first"}],
        [{"kty": "RSA", "kid": "first", "n": 7, "e": []}],
        [{"kty": "RSA", "kid": "first", "n": "AQAB", "e": "AQAB"}],
        [{"kty": ["RSA"], "kid": {"a": 1}}, "text", 7, None],
        [],
    ],
)
def test_it_survives_keys_that_are_none(
    client: Client, provider: Provider, keys: list[Any]
) -> None:
    provider.keys = keys

    assert_no_account(client, sign_in(client), 403, "could not be verified")


@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits long")
def test_it_refuses_a_key_that_is_too_short(client: Client, provider: Provider) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    provider.keys = [jwk(short, "short")]
    provider.sign = lambda claims: jwt.encode(claims, short, "RS256", {"kid": "short"})

    assert_no_account(client, sign_in(client), 403, "not genuine")


def test_it_logs_no_token_secret_address_or_name(
    client: Client, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="accounts")
    caplog.set_level("INFO")
    provider.changed_claims = {"aud": "another-client"}
    sign_in(client)
    User.objects.create_user("alice", "alice@example.org")
    provider.changed_claims = {}
    assert_page(sign_in(client), 403)

    assert "wrong_audience" in caplog.text
    assert "email_unverified_here" in caplog.text
    for secret in ("alice", "Liddell", "subject-of", "eyJ", "access-token", CLIENT[1], "code="):
        assert secret not in caplog.text, secret
