"""Forgetting and changing a password."""

import re
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from tests.accounts.conftest import assert_page, is_signed_in, sent, sign_in
from tests.accounts.provider import Provider
from tests.conftest import PASSWORD

RESET = "/accounts/password/reset/"
EMAIL = "/accounts/email/"
ADD = {"email": "alice@new.example", "action_add": ""}
NEW = "another horse another battery"


def sign_in_and_confirm(client: Client) -> None:
    """Sign alice in, and have her confirm that it is she, as changing an address needs it."""
    client.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})


@pytest.fixture
def mail_server(settings: Any) -> None:
    settings.EMAIL_URL = {"EMAIL_HOST": "mail.example.org"}  # the test runner keeps mails in memory


def test_without_a_mail_server_it_says_what_to_do_instead(client: Client, alice: Any) -> None:
    response = client.get(RESET)

    assert_page(response, 200, "Ask your administrator", "manage.py changepassword NAME")
    assert "<form" not in response.content.decode().partition("<h1")[2]
    assert_page(client.post(RESET, {"email": "alice@example.org"}), 200, "Ask your administrator")
    assert not sent()


@pytest.mark.usefixtures("mail_server")
def test_it_sends_a_link_that_sets_a_new_password_once(client: Client, alice: Any) -> None:
    assert_page(client.get(RESET), 200, 'autocomplete="email"')
    response = client.post(RESET, {"email": "alice@example.org"}, follow=True)
    assert_page(response, 200, "Look into your mail")
    link = re.search(r"http://testserver(/accounts/password/reset/key/\S+)", str(sent()[0].body))
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
def test_it_writes_to_nobody_who_has_no_account(client: Client, alice: Any) -> None:
    client.post(RESET, {"email": "stranger@example.net"})

    assert not sent()


@pytest.mark.usefixtures("mail_server")
def test_it_is_closed_where_the_provider_keeps_the_passwords(
    client: Client, alice: Any, settings: Any
) -> None:
    settings.LOCAL_ENABLED = False

    assert_page(client.get(RESET), 403, "through the provider")
    assert_page(client.post(RESET, {"email": "alice@example.org"}), 403)
    assert not sent()


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
    sign_in_and_confirm(client)
    page = client.post(EMAIL, ADD, follow=True)
    assert_page(page, 200, "A link to confirm alice@new.example is on its way")
    assert "Confirmation email sent" not in page.content.decode()
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


def test_an_address_is_added_but_not_verified_without_a_mail_server(
    client: Client, alice: Any
) -> None:
    sign_in_and_confirm(client)

    for form in (ADD, {"email": "alice@new.example", "action_send": ""}):
        page = client.post(EMAIL, form, follow=True)
        assert_page(page, 200, "This site sends no mail", "Ask your administrator")
        assert "on its way" not in page.content.decode()
        cache.clear()  # the limit of mails to one address
    assert not mail.outbox


# --- whose browser is it? --------------------------------------------------------------------


def an_hour_later(client: Client) -> None:
    session = client.session
    for record in session.get("account_authentication_methods", []):
        record["at"] -= 3600
    session.save()


@pytest.mark.usefixtures("mail_server")
def test_an_address_is_added_only_by_who_knows_the_password(client: Client, alice: Any) -> None:
    sign_in_and_confirm(client)
    an_hour_later(client)

    asked = client.post(EMAIL, ADD)

    assert asked["Location"] == "/accounts/reauthenticate/?next=%2Faccounts%2Femail%2F"
    assert_page(client.post(asked["Location"], {"password": "wrong"}), 200, "id_password_error")
    assert not mail.outbox
    assert not alice.emailaddress_set.filter(email="alice@new.example").exists()
    client.post(asked["Location"], {"password": PASSWORD})  # what was asked for goes on
    assert alice.emailaddress_set.filter(email="alice@new.example").exists()
    assert mail.outbox[0].to == ["alice@new.example"]


@pytest.mark.usefixtures("mail_server")
def test_somebody_without_a_password_is_not_asked_for_one(
    client: Client, provider: Provider
) -> None:
    sign_in(client)
    an_hour_later(client)

    page = client.post(EMAIL, ADD, follow=True)

    assert_page(page, 200, "A link to confirm alice@new.example is on its way")


# --- the mail server is down, or refuses -----------------------------------------------------


class Refusing(socketserver.StreamRequestHandler):
    """A mail server that takes no recipient."""

    def handle(self) -> None:
        self.wfile.write(b"220 mail.example.org\r\n")
        for line in self.rfile:
            refused = line.upper().startswith(b"RCPT")
            self.wfile.write(b"550 no such mailbox\r\n" if refused else b"250 fine\r\n")


@pytest.fixture(params=["down", "refusing"])
def bad_mail_server(request: Any, settings: Any) -> Iterator[None]:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_URL = {"EMAIL_HOST": "127.0.0.1"}
    settings.ACCOUNT_EMAIL_VERIFICATION = "optional"
    settings.ALLOW_SELF_REGISTER = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusing) as server:
        server.daemon_threads = True
        settings.EMAIL_HOST = "127.0.0.1"
        settings.EMAIL_PORT = 1 if request.param == "down" else server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("bad_mail_server")
def test_a_reset_says_the_same_whoever_asks(
    client: Client, alice: Any, caplog: pytest.LogCaptureFixture
) -> None:
    known = client.post(RESET, {"email": "alice@example.org"}, follow=True)
    unknown = client.post(RESET, {"email": "nobody@example.org"}, follow=True)

    assert_page(known, 200, "ask your administrator")
    assert known.content == unknown.content
    sent()
    assert caplog.text.count("A mail could not be sent: ") == 1
    assert "alice" not in caplog.text


@pytest.mark.usefixtures("bad_mail_server")
def test_signing_up_works_without_the_mail(client: Client, db: None) -> None:
    form = {"username": "bob", "email": "bob@example.org"}
    page = client.post(
        "/accounts/signup/", {**form, "password1": PASSWORD, "password2": PASSWORD}, follow=True
    )

    assert_page(page, 200, "The mail to bob@example.org could not be sent")
    assert "on its way" not in page.content.decode()
    assert is_signed_in(client)


@pytest.mark.usefixtures("bad_mail_server")
def test_adding_an_address_says_that_no_mail_went(client: Client, alice: Any) -> None:
    sign_in_and_confirm(client)

    page = client.post(EMAIL, ADD, follow=True)

    assert_page(page, 200, "The mail to alice@new.example could not be sent")
    assert alice.emailaddress_set.filter(email="alice@new.example").exists()


@pytest.mark.usefixtures("mail_server")
def test_an_address_that_no_mail_can_carry_is_no_error(client: Client, alice: Any) -> None:
    sign_in_and_confirm(client)
    email = f"a@{'ü' * 62}.example"  # as ASCII, this label is too long

    assert_page(
        client.post(EMAIL, {"email": email, "action_add": ""}, follow=True), 200, "could not be"
    )
