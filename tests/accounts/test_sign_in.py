"""The sign-in page, and signing in with a password."""

import html
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client, RequestFactory

from accounts.backends import LocalBackend
from accounts.models import User
from accounts.oidc.backend import OIDCBackend
from tests.accounts.conftest import AUTHENTICATE, assert_page, is_signed_in, sign_in
from tests.accounts.provider import Provider
from tests.conftest import PASSWORD

LOGIN = "/accounts/login/"
WRONG = "The username and/or password you specified are not correct."


def post(client: Client, login: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post(LOGIN, {"login": login, "password": password, **more})


@pytest.mark.parametrize("login", ["alice", "alice@example.org", "ALICE@Example.org", " alice "])
def test_it_signs_in_by_name_and_by_address(client: Client, alice: Any, login: str) -> None:
    response = post(client, login)

    assert (response.status_code, response["Location"]) == (302, "/")
    assert is_signed_in(client)
    assert client.session["_auth_user_backend"] == "accounts.backends.LocalBackend"


def test_it_begins_a_new_session(client: Client, alice: Any) -> None:
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key

    post(client, "alice")

    assert client.session.session_key != before


def test_it_says_the_same_for_a_wrong_password_and_an_unknown_name(
    client: Client, alice: Any
) -> None:
    wrong, unknown = post(client, "alice", "wrong"), post(client, "nobody", "wrong")

    assert_page(wrong, 200, WRONG, 'role="alert"')
    assert_page(unknown, 200, WRONG)
    assert not is_signed_in(client)


def test_it_shows_what_is_missing_beside_the_field(client: Client, alice: Any) -> None:
    response = post(client, "alice", "")

    assert_page(response, 200, 'id="id_password_error"', 'aria-describedby="id_password_error"')


def test_it_refuses_a_person_who_is_switched_off(client: Client, alice: Any) -> None:
    User.objects.update(is_active=False)

    response = client.post(LOGIN, {"login": "alice", "password": PASSWORD}, follow=True)

    assert_page(response, 200, "may not sign in")
    assert not is_signed_in(client)


def test_it_ends_the_session_of_a_person_who_is_switched_off(client: Client, alice: Any) -> None:
    post(client, "alice")
    User.objects.update(is_active=False)

    assert not is_signed_in(client)


def test_it_goes_where_the_person_was_going(client: Client, alice: Any) -> None:
    response = client.get("/accounts/preferences/")
    page = client.get(response["Location"]).content.decode()
    assert '<input type="hidden" name="next" value="/accounts/preferences/">' in page
    assert f'href="{AUTHENTICATE}?next=%2Faccounts%2Fpreferences%2F"' in page

    response = post(client, "alice", next="/accounts/preferences/")

    assert response["Location"] == "/accounts/preferences/"


@pytest.mark.parametrize("goal", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_it_stays_on_the_site_whatever_next_says(client: Client, alice: Any, goal: str) -> None:
    page = client.get(LOGIN, {"next": goal}).content.decode()
    assert f'href="{AUTHENTICATE}"' in page  # the way through the provider carries it no further
    hidden = re.search(r'<input type="hidden" name="next" value="([^"]*)">', page)
    assert hidden is not None  # the form hands it back

    assert post(client, "alice", next=html.unescape(hidden[1]))["Location"] == "/"


def test_it_limits_attempts_and_says_so_in_the_sites_layout(
    client: Client, alice: Any, settings: Any
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "3/m/ip"}
    for _ in range(3):
        assert post(client, "alice", "wrong").status_code == 200

    assert_page(post(client, "alice"), 429, "Too many attempts")
    assert_page(post(Client(), "alice"), 429)  # the count is shared, not the browser's
    assert not is_signed_in(client)


def test_it_limits_attempts_by_default(client: Client, alice: Any) -> None:
    for _ in range(5):
        post(client, "alice", "wrong")

    assert_page(post(client, "alice"), 200, "Too many failed login attempts")
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("proxies", "meta"),
    [
        (0, {"REMOTE_ADDR": ""}),  # a socket without addresses
        (1, {"REMOTE_ADDR": ""}),
        (1, {"HTTP_X_FORWARDED_FOR": "nonsense"}),
        (2, {"HTTP_X_FORWARDED_FOR": "192.0.2.1"}),  # came past one of the proxies
    ],
)
def test_it_signs_in_where_no_address_is_known(
    client: Client, alice: Any, settings: Any, proxies: int, meta: dict[str, str]
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies

    client.post(LOGIN, {"login": "alice", "password": PASSWORD}, **meta)  # type: ignore[arg-type]  # WSGI's own names

    assert is_signed_in(client)


def test_it_counts_attempts_by_the_address_that_the_proxies_name(
    client: Client, alice: Any, settings: Any
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}

    def attempt(forwarded: str) -> int:
        return client.post(LOGIN, {}, headers={"X-Forwarded-For": forwarded}).status_code

    assert attempt("192.0.2.1") == 200
    assert attempt("198.51.100.1, 192.0.2.1") == 429  # what stands before it is the visitor's own
    assert attempt("192.0.2.2") == 200


def test_a_closed_backend_lets_nobody_in(alice: Any, settings: Any, provider: Provider) -> None:
    """Whoever asks the backends without a page of the site."""
    request = RequestFactory().get("/", {"code": "a", "state": "b"})
    settings.LOCAL_ENABLED = settings.OIDC_ENABLED = False

    assert LocalBackend().authenticate(request, username="alice", password=PASSWORD) is None
    assert OIDCBackend().authenticate(request, nonce="a", code_verifier="b") is None
    assert not provider.requests


def test_the_count_of_attempts_is_in_the_cache_that_processes_share(
    client: Client, alice: Any, settings: Any
) -> None:
    post(client, "alice", "wrong")

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM cache WHERE cache_key LIKE '%%allauth%%'")
        assert cursor.fetchone()[0] > 0
    assert settings.CACHES["default"]["BACKEND"].endswith("DatabaseCache")


# --- what the page shows ---------------------------------------------------------------------


def test_it_shows_both_ways_in_and_works_without_javascript(client: Client, alice: Any) -> None:
    response = client.get(LOGIN)

    assert_page(response, 200, 'name="login"', f'href="{AUTHENTICATE}"')
    page = response.content.decode()
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page
    assert "style=" not in page
    assert "/accounts/signup/" not in page
    assert "createsuperuser" not in page


def test_it_shows_the_form_alone_without_oidc(client: Client, alice: Any, settings: Any) -> None:
    settings.OIDC_ENABLED = False

    response = client.get(LOGIN)

    assert_page(response, 200, 'name="password"')
    assert AUTHENTICATE not in response.content.decode()
    assert_page(client.get(AUTHENTICATE), 403)
    assert_page(client.get("/accounts/oidc/callback/?code=a&state=b"), 403)


def test_it_shows_the_button_alone_without_local_sign_in(
    client: Client, alice: Any, settings: Any
) -> None:
    settings.LOCAL_ENABLED = False

    response = client.get(LOGIN)

    assert_page(response, 200, AUTHENTICATE)
    assert 'name="password"' not in response.content.decode()
    assert "/accounts/password/reset/" not in response.content.decode()
    assert_page(post(client, "alice"), 403)
    assert not is_signed_in(client)


def test_it_says_how_to_make_the_first_admin(client: Client, db: None, settings: Any) -> None:
    assert_page(client.get(LOGIN), 200, "manage.py createsuperuser", "OIDC_ADMIN_GROUP")

    settings.LOCAL_ENABLED = False
    page = client.get(LOGIN).content.decode()
    assert "createsuperuser" not in page
    assert "OIDC_ADMIN_GROUP" in page

    settings.LOCAL_ENABLED, settings.OIDC_ENABLED = True, False
    page = client.get(LOGIN).content.decode()
    assert "createsuperuser" in page
    assert "OIDC_ADMIN_GROUP" not in page


def test_createsuperuser_makes_an_admin(client: Client, db: None, monkeypatch: Any) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", "--noinput", username="root", email="root@example.org")

    assert User.objects.get().role == "admin"
    post(client, "root")
    assert client.get("/admin/").status_code == 200


def test_it_never_asks_the_provider(client: Client, provider: Provider) -> None:
    client.get(LOGIN)

    assert not provider.requests


def test_it_says_that_the_provider_does_not_answer_and_local_sign_in_works(
    client: Client, provider: Provider, alice: Any
) -> None:
    assert "does not answer" not in client.get(LOGIN).content.decode()
    provider.answers["/.well-known/openid-configuration"] = (503, b"")
    sign_in_failed = client.get(AUTHENTICATE)
    assert sign_in_failed.status_code == 503

    assert_page(client.get(LOGIN), 200, "does not answer", "Signing in with a password works")
    post(client, "alice")
    assert is_signed_in(client)


def test_a_signed_in_person_is_sent_on(client: Client, alice: Any) -> None:
    post(client, "alice")

    assert client.get(LOGIN).status_code == 302


def test_a_password_does_not_sign_in_where_an_account_has_none(
    client: Client, provider: Provider
) -> None:
    sign_in(Client())

    assert_page(post(client, "alice", ""), 200)
    assert_page(post(client, "alice", "!"), 200, WRONG)
