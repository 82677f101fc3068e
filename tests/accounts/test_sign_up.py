"""Making an account by oneself."""

import threading
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
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
@pytest.mark.parametrize("name", ["former-member-7", "Former-Member-7", "ｆormer-member-7"])
def test_nobody_takes_the_name_of_somebody_who_was_erased(client: Client, name: str) -> None:
    assert_page(client.post(SIGN_UP, {**FORM, "username": name}), 200, 'id="id_username_error"')
    assert not User.objects.exists()


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("name", ["demo", "DEMO", "demo-admin", "ｄｅｍｏ", "ＤＥＭＯ"])
def test_nobody_takes_the_demo_accounts_names(client: Client, name: str) -> None:
    response = client.post(SIGN_UP, {**FORM, "username": name})

    assert_page(response, 200, 'id="id_username_error"')
    assert not User.objects.exists()


@pytest.mark.usefixtures("opened")
def test_the_same_letters_in_full_width_are_the_same_name(client: Client, alice: Any) -> None:
    response = client.post(SIGN_UP, {**FORM, "username": "ａｌｉｃｅ"})

    assert_page(response, 200, 'id="id_username_error"')
    assert User.objects.get() == alice


@pytest.mark.django_db(transaction=True)
def test_of_simultaneous_sign_ups_with_one_name_one_gets_it(settings: Any) -> None:
    settings.ALLOW_SELF_REGISTER = True
    together = threading.Barrier(4)
    pages: list[tuple[int, bool]] = []

    def sign_up(number: int) -> None:
        client = Client(REMOTE_ADDR=f"192.0.2.{number}")
        together.wait()
        try:
            response = client.post(SIGN_UP, {**FORM, "email": f"bob{number}@example.org"})
            pages.append((response.status_code, b"id_username_error" in response.content))
        finally:
            connection.close()

    threads = [threading.Thread(target=sign_up, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(pages) == [(200, True)] * 3 + [(302, False)]
    assert User.objects.count() == 1


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
