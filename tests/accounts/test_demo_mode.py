"""DEMO_MODE at each door: the demo account comes in, nobody else does."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from accounts.demo import DEMO_USERNAME, demo_password
from accounts.models import User
from tests.accounts.conftest import (
    AUTHENTICATE,
    assert_page,
    go_to_provider,
    is_signed_in,
    sent,
    sign_in,
)
from tests.accounts.provider import Provider
from tests.conftest import PASSWORD

LOGIN = "/accounts/login/"


@pytest.fixture
def demo(db: None) -> User:
    return User.objects.create_user(DEMO_USERNAME, password=demo_password(DEMO_USERNAME))


@pytest.fixture
def demo_mode(settings: Any, demo: User) -> Callable[[], None]:
    """Switch it on, as settings.py would."""

    def switch_on() -> None:
        settings.DEMO_MODE = True
        settings.LOCAL_ENABLED, settings.OIDC_ENABLED = True, False

    return switch_on


def post(client: Client, login: str, password: str) -> Any:
    return client.post(LOGIN, {"login": login, "password": password}, follow=True)


def test_the_page_shows_the_account_that_signs_in(client: Client, demo_mode: Any) -> None:
    demo_mode()
    page = client.get(LOGIN)
    assert_page(page, 200, "<code>demo</code>", f"<code>{demo_password('demo')}</code>")
    for address in (AUTHENTICATE, "/accounts/signup/", "/accounts/password/reset/"):
        assert address not in page.content.decode()

    post(client, DEMO_USERNAME, demo_password(DEMO_USERNAME))

    assert is_signed_in(client)
    assert client.get("/admin/").status_code == 302  # no admin
    assert client.get("/admin/", follow=True).status_code == 403


def test_the_page_says_when_the_account_is_not_there(client: Client, demo_mode: Any) -> None:
    demo_mode()
    assert "load_demo_data" not in client.get(LOGIN).content.decode()
    User.objects.all().delete()

    assert_page(client.get(LOGIN), 200, "manage.py load_demo_data")


def test_the_password_belongs_to_this_installation(settings: Any) -> None:
    here = demo_password("demo")
    assert here == demo_password("demo") != demo_password("demo-admin")
    assert len(here) == 12
    settings.SECRET_KEY = "another installation"

    assert demo_password("demo") != here


def test_the_page_shows_no_password_without_demo_mode(client: Client, demo: User) -> None:
    assert demo_password("demo") not in client.get(LOGIN).content.decode()


@pytest.mark.parametrize("door", [LOGIN, "/admin/login/"])
def test_nobody_else_signs_in_with_a_password(
    client: Client, demo_mode: Any, alice: Any, door: str
) -> None:
    demo_mode()

    opened = client.get(door, follow=True)
    page = opened.redirect_chain[-1][0] if opened.redirect_chain else door
    response = client.post(page, {"login": "alice", "password": PASSWORD}, follow=True)

    assert_page(response, 200, "may not sign in")
    assert "_auth_user_id" not in client.session
    assert client.get("/admin/").status_code == 302
    alice.refresh_from_db()
    assert alice.last_login is None  # no receiver heard of a sign-in


def test_it_lets_in_no_admin_whatever_the_name(client: Client, demo_mode: Any, demo: User) -> None:
    """Its password stands on the sign-in page."""
    demo.role = "admin"
    demo.save()
    demo_mode()

    post(client, DEMO_USERNAME, demo_password(DEMO_USERNAME))

    assert not is_signed_in(client)
    assert client.get("/admin/").status_code == 302
    assert_page(client.get(LOGIN), 200, "manage.py load_demo_data")


def test_a_wrong_password_shuts_the_demo_for_nobody_else(
    client: Client, demo_mode: Any, settings: Any
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip"}  # as settings.py has it
    demo_mode()
    for _ in range(11):
        page = Client(REMOTE_ADDR="192.0.2.9").post(LOGIN, {"login": "demo", "password": "wrong"})
    assert_page(page, 200, "Too many failed login attempts")

    post(client, DEMO_USERNAME, demo_password(DEMO_USERNAME))

    assert is_signed_in(client)


def test_it_ends_the_sessions_of_others(client: Client, demo_mode: Any, alice: Any) -> None:
    post(client, "alice", PASSWORD)
    assert is_signed_in(client)

    demo_mode()

    assert not is_signed_in(client)
    assert client.get("/admin/").status_code == 302


def test_nobody_signs_in_through_the_provider(
    client: Client, provider: Provider, demo_mode: Any
) -> None:
    begun = go_to_provider(client)
    signed_in = Client()
    sign_in(signed_in)

    demo_mode()

    assert_page(client.get(AUTHENTICATE), 403)
    assert_page(client.get(begun), 403)
    assert not is_signed_in(client)
    assert not is_signed_in(signed_in)
    assert len(provider.asked("/token")) == 1


def test_the_demo_accounts_name_is_no_way_in_through_the_provider(
    provider: Provider, settings: Any
) -> None:
    provider.person = {"sub": "mallory", "preferred_username": "demo"}
    client = Client()
    sign_in(client)
    assert is_signed_in(client)

    settings.DEMO_MODE = True

    assert not is_signed_in(client)


def test_nobody_registers(client: Client, demo_mode: Any, settings: Any) -> None:
    settings.ALLOW_SELF_REGISTER = True
    demo_mode()
    form = {"username": "bob", "email": "b@b.example", "password1": PASSWORD, "password2": PASSWORD}

    assert_page(client.get("/accounts/signup/"), 403)
    assert_page(client.post("/accounts/signup/", form), 403)
    assert User.objects.count() == 1


def test_nobody_resets_a_password(
    client: Client, demo_mode: Any, alice: Any, settings: Any
) -> None:
    settings.EMAIL_URL = {"EMAIL_HOST": "mail.example.org"}
    client.post("/accounts/password/reset/", {"email": "alice@example.org"})
    link = re.search(r"http://testserver(/accounts/\S+)", str(sent().pop().body))
    assert link is not None
    demo_mode()

    assert_page(client.get("/accounts/password/reset/"), 403)
    assert_page(client.post("/accounts/password/reset/", {"email": "alice@example.org"}), 403)
    assert_page(client.get(link[1]), 403)
    assert not sent()


@pytest.mark.parametrize("path", ["password/change/", "password/set/", "email/"])
def test_a_visitor_cannot_lock_the_next_one_out(
    client: Client, demo_mode: Any, demo: User, path: str
) -> None:
    demo_mode()
    password = demo_password(DEMO_USERNAME)
    post(client, DEMO_USERNAME, password)
    form = {"oldpassword": password, "password1": PASSWORD, "password2": PASSWORD}

    assert_page(client.get(f"/accounts/{path}"), 403, "This is a demo")
    assert_page(
        client.post(
            f"/accounts/{path}", {**form, "email": "mallory@example.org", "action_add": ""}
        ),
        403,
    )

    demo.refresh_from_db()
    assert demo.check_password(password)
    assert not EmailAddress.objects.exists()
