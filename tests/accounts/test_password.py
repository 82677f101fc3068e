"""Forgetting and changing a password."""

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from tests.accounts.conftest import assert_page
from tests.conftest import PASSWORD

RESET = "/accounts/password/reset/"
NEW = "another horse another battery"


@pytest.fixture
def mail_server(settings: Any) -> None:
    settings.EMAIL_URL = {"EMAIL_HOST": "mail.example.org"}  # the test runner keeps mails in memory


def test_without_a_mail_server_it_says_what_to_do_instead(client: Client, alice: Any) -> None:
    response = client.get(RESET)

    assert_page(response, 200, "Ask your administrator", "manage.py changepassword NAME")
    assert "<form" not in response.content.decode().partition("<h1")[2]
    assert_page(client.post(RESET, {"email": "alice@example.org"}), 200, "Ask your administrator")
    assert not mail.outbox


@pytest.mark.usefixtures("mail_server")
def test_it_sends_a_link_that_sets_a_new_password_once(client: Client, alice: Any) -> None:
    assert_page(client.get(RESET), 200, 'autocomplete="email"')
    response = client.post(RESET, {"email": "alice@example.org"}, follow=True)
    assert_page(response, 200, "Look into your mail")
    link = re.search(
        r"http://testserver(/accounts/password/reset/key/\S+)", str(mail.outbox[0].body)
    )
    assert link is not None
    assert_page(response := client.get(link[1], follow=True), 200, 'autocomplete="new-password"')

    done = client.post(
        response.redirect_chain[-1][0], {"password1": NEW, "password2": NEW}, follow=True
    )

    assert_page(done, 200, "Your new password is set")
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert_page(Client().get(link[1], follow=True), 200, "used already")


@pytest.mark.usefixtures("mail_server")
def test_it_does_not_tell_who_has_an_account(client: Client, alice: Any) -> None:
    known = client.post(RESET, {"email": "alice@example.org"}, follow=True)
    unknown = client.post(RESET, {"email": "nobody@example.org"}, follow=True)

    assert known.redirect_chain == unknown.redirect_chain
    assert known.content == unknown.content


@pytest.mark.usefixtures("mail_server")
def test_it_is_closed_where_the_provider_keeps_the_passwords(
    client: Client, alice: Any, settings: Any
) -> None:
    settings.LOCAL_ENABLED = False

    assert_page(client.get(RESET), 403, "through the provider")
    assert_page(client.post(RESET, {"email": "alice@example.org"}), 403)
    assert not mail.outbox


def test_a_person_changes_their_password(client: Client, alice: Any) -> None:
    client.force_login(alice, "accounts.backends.LocalBackend")
    assert_page(client.get("/accounts/password/change/"), 200, 'autocomplete="current-password"')

    form = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    client.post("/accounts/password/change/", form)

    alice.refresh_from_db()
    assert alice.check_password(NEW)


def test_a_wrong_old_password_is_said_beside_the_field(client: Client, alice: Any) -> None:
    client.force_login(alice, "accounts.backends.LocalBackend")

    form = {"oldpassword": "wrong", "password1": NEW, "password2": NEW}
    response = client.post("/accounts/password/change/", form)

    assert_page(response, 200, 'id="id_oldpassword_error"')
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


@pytest.mark.parametrize("path", ["email/", "inactive/", "confirm-email/", "confirm-email/bad/"])
def test_the_other_pages_of_allauth_stand_in_the_sites_layout(
    client: Client, alice: Any, path: str
) -> None:
    client.force_login(alice, "accounts.backends.LocalBackend")

    assert_page(client.get(f"/accounts/{path}"), 200)


def test_an_address_is_added_and_confirmed(client: Client, alice: Any, settings: Any) -> None:
    settings.EMAIL_URL = {"EMAIL_HOST": "mail.example.org"}
    settings.ACCOUNT_EMAIL_VERIFICATION = "optional"
    client.force_login(alice, "accounts.backends.LocalBackend")
    form = {"email": "alice@new.example", "action_add": ""}
    assert_page(client.post("/accounts/email/", form, follow=True), 200, "alice@new.example")
    link = re.search(r"http://testserver(/accounts/confirm-email/\S+)", str(mail.outbox[0].body))
    assert link is not None
    assert_page(client.get(link[1]), 200, "alice@new.example")

    client.post(link[1])

    assert alice.emailaddress_set.get(email="alice@new.example").verified


def test_set_password_and_reauthenticate_stand_in_the_sites_layout(
    client: Client, alice: Any
) -> None:
    client.force_login(alice, "accounts.backends.LocalBackend")
    assert_page(client.get("/accounts/reauthenticate/"), 200, 'name="password"')
    alice.set_unusable_password()
    alice.save()
    client.force_login(alice, "accounts.oidc.backend.OIDCBackend")
    assert_page(client.get("/accounts/password/set/"), 200, 'name="password1"')
