"""Erasing what is known of a person who leaves."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection, models
from django.test import Client
from django.utils import timezone

import analytics
from accounts.leaving import LastAdminError, erase
from accounts.models import OIDCIdentity, User
from analytics.models import Event
from tests.accounts.conftest import is_signed_in, sign_in
from tests.accounts.provider import Provider
from tests.conftest import PASSWORD
from tracking import services
from tracking.models import TimeEntry

MARKER = "mrk7q"


@pytest.fixture
def known(bob: Any) -> User:
    """bob, with a word in all that may be known of him."""
    bob.username = bob.first_name = f"{MARKER}bob"
    bob.last_name, bob.email = f"{MARKER}builder", f"{MARKER}@example.org"
    bob.last_login = bob.first_login = timezone.now()
    bob.save()
    EmailAddress.objects.create(user=bob, email=bob.email, verified=True, primary=True)
    EmailAddress.objects.create(user=bob, email=f"second-{MARKER}@example.org")
    OIDCIdentity.objects.create(user=bob, issuer="https://id.example", subject=f"{MARKER}-s")
    user: User = bob
    return user


def log(about: models.Model, by: Any, message: str = "") -> LogEntry:
    return LogEntry.objects.create(
        user=by,
        content_type=ContentType.objects.get_for_model(about),
        object_id=str(about.pk),
        object_repr=str(about),
        action_flag=CHANGE,
        change_message=message,
    )


def test_nothing_of_the_person_stays_in_the_database(
    client: Client, alice: Any, known: User
) -> None:
    client.force_login(known, "accounts.backends.LocalBackend")
    log(known, alice, json.dumps([{"deleted": {"name": "identity", "object": f"{MARKER}-s"}}]))
    log(EmailAddress.objects.filter(user=known)[0], alice)
    assert MARKER in everything()

    erase(known)

    assert MARKER not in everything()
    assert not Session.objects.exists()


def everything() -> str:
    """All rows of all tables."""
    rows = [
        [str(value) for value in row]
        for model in apps.get_models()
        for row in model._default_manager.values_list()
    ]
    return repr(rows)


def test_the_account_stays_under_a_neutral_name(alice: Any, known: User) -> None:
    joined = known.date_joined
    erase(known)

    known.refresh_from_db()
    assert (known.username, known.is_active, known.role) == ("former-member-1", False, "user")
    assert (known.first_name, known.last_name, known.email) == ("", "", "")
    assert (known.last_login, known.first_login) == (None, None)
    assert not known.has_usable_password()
    assert not known.share_analytics
    assert known.date_joined == joined
    assert known.get_full_name() == known.get_short_name() == "Former member 1"


def test_everybody_else_keeps_the_name_that_they_chose(alice: Any) -> None:
    alice.first_name, alice.last_name = "Alice", "Liddell"
    assert (alice.get_full_name(), alice.get_short_name()) == ("Alice Liddell", "Alice")
    alice.username = "former-member-x"
    assert alice.get_short_name() == "Alice"


def test_their_time_stays(alice: Any, known: User) -> None:
    entry = services.start_timer(known)

    erase(known)

    assert TimeEntry.objects.get(pk=entry.pk).user == known


def test_each_gets_a_free_number(alice: Any, bob: Any, charlie: Any, dora: Any) -> None:
    User.objects.filter(pk=dora.pk).update(username="Former-Member-2")

    erase(bob)
    erase(charlie)

    assert (bob.username, charlie.username) == ("former-member-1", "former-member-3")


def test_several_are_erased_at_once(alice: Any, bob: Any, charlie: Any) -> None:
    erase(bob, charlie)

    assert {bob.username, charlie.username} == {"former-member-1", "former-member-2"}
    assert User.objects.filter(is_active=True).get() == alice


def test_erasing_again_keeps_the_name(alice: Any, bob: Any) -> None:
    erase(bob)
    bob.is_active = True
    bob.email = "bob@example.org"
    bob.save()

    erase(bob)

    bob.refresh_from_db()
    assert (bob.username, bob.email, bob.is_active) == ("former-member-1", "", False)


def test_their_sessions_end_and_nobody_elses(alice: Any, bob: Any) -> None:
    desk, phone, other = Client(), Client(), Client()
    for browser, person in ((desk, bob), (phone, bob), (other, alice)):
        browser.force_login(person, "accounts.backends.LocalBackend")
    Session.objects.filter(pk=phone.session.session_key).update(
        expire_date=timezone.now() - timedelta(days=1)
    )
    Session.objects.create(session_key="damaged", session_data="?", expire_date=timezone.now())

    erase(bob)

    assert set(Session.objects.values_list("pk", flat=True)) == {
        other.session.session_key,
        "damaged",
    }
    assert not is_signed_in(desk)
    assert is_signed_in(other)


def test_the_password_no_longer_lets_them_in(alice: Any, bob: Any) -> None:
    erase(bob)

    for name in ("bob", "bob@example.org", "former-member-1"):
        client = Client()
        client.post("/accounts/login/", {"login": name, "password": PASSWORD})
        assert not is_signed_in(client)


def test_what_waits_to_be_sent_about_them_is_deleted(
    alice: Any, bob: Any, analytics_on: Any
) -> None:
    analytics.track_event(bob.pk, "auth.logout")
    analytics.track_event(alice.pk, "auth.logout")

    erase(bob)
    analytics.track_event(bob.pk, "auth.logout")

    assert [event.distinct_id for event in Event.objects.all()] == [str(alice.pk)]


def test_what_goes_wrong_erases_nothing(alice: Any, known: User, monkeypatch: Any) -> None:
    monkeypatch.setattr(Session._meta, "db_table", "a_table_that_is_not_there")
    with pytest.raises(Exception, match="a_table_that_is_not_there"):
        erase(known)

    known.refresh_from_db()
    assert (known.username, known.is_active) == (f"{MARKER}bob", True)
    assert EmailAddress.objects.filter(user=known).count() == 2


def test_the_last_active_admin_stays(alice: Any, bob: Any) -> None:
    User.objects.create_user("switched-off", role="admin", is_active=False)

    with pytest.raises(LastAdminError):
        erase(bob, alice)

    bob.refresh_from_db()
    assert (bob.username, bob.is_active) == ("bob", True)


def test_one_of_two_admins_may_go(alice: Any) -> None:
    second = User.objects.create_user("second", role="admin")

    erase(alice)

    alice.refresh_from_db()
    assert (alice.role, alice.is_staff, alice.is_superuser) == ("user", False, False)
    with pytest.raises(LastAdminError):
        erase(second)


@pytest.mark.django_db(transaction=True)
def test_two_admins_cannot_erase_each_other_at_once() -> None:
    admins = [User.objects.create_user(name, role="admin") for name in ("one", "two")]
    together = threading.Barrier(2)
    refused = []

    def leave(admin: User) -> None:
        together.wait()
        try:
            erase(admin)
        except LastAdminError:
            refused.append(admin)
        finally:
            connection.close()

    threads = [threading.Thread(target=leave, args=[admin]) for admin in admins]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    assert User.objects.filter(role="admin", is_active=True).count() == 1


def test_the_provider_leads_to_a_new_account_and_never_to_the_old_one(
    client: Client, provider: Provider, dora: Any
) -> None:
    sign_in(Client())
    old = User.objects.get(username="alice")
    erase(old)

    sign_in(client)

    assert is_signed_in(client)
    new = User.objects.get(username="alice")
    assert new.pk != old.pk
    old.refresh_from_db()
    assert (old.username, old.oidc_identities.count()) == ("former-member-1", 0)


def test_an_account_that_was_only_switched_off_is_refused(
    client: Client, provider: Provider, dora: Any
) -> None:
    sign_in(Client())
    User.objects.filter(username="alice").update(is_active=False)

    sign_in(client)

    assert not is_signed_in(client)
    assert User.objects.filter(oidc_identities__isnull=False).count() == 1


def test_the_admin_log_names_nobody_whose_account_is_deleted(
    client: Any, alice: Any, bob: Any
) -> None:
    client.force_login(alice, backend="accounts.backends.LocalBackend")
    log(bob, alice)

    client.post(f"/admin/accounts/user/{bob.pk}/delete/", {"post": "yes"})

    assert not User.objects.filter(pk=bob.pk).exists()
    assert {entry.object_repr for entry in LogEntry.objects.all()} == {"Deleted account"}
    assert LogEntry.objects.count() == 2


def test_what_they_did_stays_in_the_admin_log(alice: Any, known: User) -> None:
    entry = log(known, alice, '[{"changed": {"fields": ["Role"]}}]')

    erase(known)

    entry.refresh_from_db()
    assert (entry.user, entry.object_repr) == (alice, "former-member-1")
    assert entry.get_change_message() == "Changed Role."
