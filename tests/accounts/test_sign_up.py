"""Making an account by oneself."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from accounts.models import User
from tests.accounts.conftest import assert_page, is_signed_in
from tests.conftest import PASSWORD

SIGN_UP = "/accounts/signup/"
FORM = {
    "username": "bob",
    "email": "bob@example.org",
    "password1": PASSWORD,
    "password2": PASSWORD,
}


def test_it_is_closed_by_default(client: Client, db: None) -> None:
    assert_page(client.get(SIGN_UP), 403, "Ask your administrator")
    assert_page(client.post(SIGN_UP, FORM), 403)
    assert not User.objects.exists()


@pytest.fixture
def opened(settings: Any, db: None) -> None:
    settings.ALLOW_SELF_REGISTER = True


@pytest.mark.usefixtures("opened")
def test_it_makes_an_account_where_the_operator_opened_it(client: Client) -> None:
    assert SIGN_UP in client.get("/accounts/login/").content.decode()
    assert_page(client.get(SIGN_UP), 200, 'autocomplete="new-password"')

    response = client.post(SIGN_UP, FORM)

    assert response.status_code == 302
    assert is_signed_in(client)
    bob = User.objects.get()
    assert (bob.username, bob.role, bob.signup_method) == ("bob", "user", "local")
    assert not EmailAddress.objects.get(user=bob).verified


@pytest.mark.usefixtures("opened")
def test_nobody_makes_themselves_an_admin(client: Client) -> None:
    client.post(SIGN_UP, {**FORM, "role": "admin", "is_staff": "on", "is_superuser": "on"})

    assert User.objects.get().role == "user"


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("name", ["demo", "DEMO", "demo-admin"])
def test_nobody_takes_the_demo_accounts_names(client: Client, name: str) -> None:
    response = client.post(SIGN_UP, {**FORM, "username": name})

    assert_page(response, 200, 'id="id_username_error"')
    assert not User.objects.exists()


@pytest.mark.usefixtures("opened")
def test_it_shows_errors_beside_the_fields(client: Client) -> None:
    response = client.post(SIGN_UP, {**FORM, "password1": "12345", "password2": "12345"})

    assert_page(response, 200, 'id="id_password1_error"', 'role="alert"')
    assert not User.objects.exists()


@pytest.mark.usefixtures("opened")
def test_it_is_closed_where_only_the_provider_signs_in(client: Client, settings: Any) -> None:
    settings.LOCAL_ENABLED = False

    assert_page(client.post(SIGN_UP, FORM), 403)
    assert SIGN_UP not in client.get("/accounts/login/").content.decode()
    assert not User.objects.exists()
