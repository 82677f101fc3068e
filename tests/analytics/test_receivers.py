"""What signing in, out and up records, by any door."""

from datetime import datetime

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.test import Client

from accounts.models import User
from analytics import outbox
from analytics.models import Event, Person
from analytics.receivers import on_login
from tests.conftest import PASSWORD
from timetracker import __version__

pytestmark = pytest.mark.django_db
LOGIN, LOGOUT, SIGNUP = "/accounts/login/", "/accounts/logout/", "/accounts/signup/"


def sign_in(client, name="bob", password=PASSWORD):
    return client.post(LOGIN, {"login": name, "password": password}, headers={"User-Agent": "x"})


def names():
    return list(Event.objects.order_by("id").values_list("event", flat=True))


def test_signing_in_identifies_and_records(client, bob):
    sign_in(client)

    identify, login = Event.objects.order_by("id")
    assert login.event == "auth.login"
    assert login.properties["auth_method"] == "local"
    about = identify.properties["$set"]
    assert datetime.fromisoformat(about.pop("last_login")).tzinfo is not None
    assert about == {
        "role": "user",
        "is_admin": False,
        "auth_method": "local",
        "app_version": __version__,
        "deployment_method": "native",
    }
    assert identify.properties["$set_once"].keys() == {"first_login", "signup_method"}
    assert {identify.distinct_id, login.distinct_id} == {str(bob.pk)}


def test_the_first_sign_in_keeps_its_moment_and_the_rest_follows(client, bob):
    sign_in(client)
    first = Person.objects.get().properties
    client.post(LOGOUT)
    bob.refresh_from_db()
    bob.role = "admin"
    bob.save()
    sign_in(client)
    second = Person.objects.get().properties

    assert first["first_login"] == second["first_login"] == bob.first_login.isoformat()
    assert second["last_login"] > first["last_login"]
    assert (second["role"], second["is_admin"], second["signup_method"]) == ("admin", True, "local")


def test_signing_out_is_recorded_once(client, bob):
    client.force_login(bob)
    Event.objects.all().delete()
    client.post(LOGOUT)
    client.post(LOGOUT)

    assert names() == ["auth.logout"]
    assert Event.objects.get().distinct_id == str(bob.pk)


def test_a_failed_sign_in_is_of_nobody(client, bob):
    sign_in(client, password="wrong")

    event = Event.objects.get()
    assert event.event == "auth.login_failed"
    assert event.distinct_id == "nobody-in-particular"
    assert event.properties["$process_person_profile"] is False
    assert "bob" not in str(event.properties)


def test_failed_sign_ins_are_capped_a_minute(monkeypatch):
    monkeypatch.setattr(outbox, "ANONYMOUS_LIMIT", 3)
    for _ in range(10):
        outbox.record_anonymous("auth.login_failed")

    assert names() in (["auth.login_failed"] * 3, ["auth.login_failed"] * 6)  # a minute may turn


def test_making_an_account_is_recorded(client, settings):
    settings.ALLOW_SELF_REGISTER = True
    form = {"username": "dora", "email": "dora@example.org"}
    client.post(SIGNUP, {**form, "password1": PASSWORD, "password2": PASSWORD})

    assert names() == ["auth.signup", "$set", "auth.login"]
    assert Event.objects.first().distinct_id == str(User.objects.get().pk)


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
def test_making_an_account_in_a_browser_that_objects_is_not(header, client, settings):
    settings.ALLOW_SELF_REGISTER = True
    form = {"username": "dora", "email": "dora@example.org"}
    passwords = {"password1": PASSWORD, "password2": PASSWORD}
    client.post(SIGNUP, {**form, **passwords}, headers={header: "1"})

    assert User.objects.exists()
    assert names() == []


def test_the_first_sign_in_says_what_is_recorded_and_where_to_stop_it(client, bob):
    page = client.post(LOGIN, {"login": "bob", "password": PASSWORD}, follow=True).content.decode()
    assert "This site records how it is used" in page
    assert '<a href="/accounts/preferences/">your preferences</a>' in page

    client.post(LOGOUT)
    page = client.post(LOGIN, {"login": "bob", "password": PASSWORD}, follow=True).content.decode()
    assert "This site records how it is used" not in page


def test_nobody_is_told_what_does_not_happen_to_them(client, bob):
    bob.share_analytics = False
    bob.save()
    page = client.post(LOGIN, {"login": "bob", "password": PASSWORD}, follow=True).content.decode()

    assert "This site records how it is used" not in page
    assert names() == []


def test_changing_preferences_says_how_many(client, bob):
    client.force_login(bob)
    Event.objects.all().delete()
    form = {"time_zone": "Europe/Berlin", "week_start": "6", "theme": "system", "hours_24": "True"}
    client.post("/accounts/preferences/", {**form, "share_analytics": "on"})

    assert Event.objects.get().properties["fields_changed"] == 2


def test_a_description_that_fails_does_not_break_the_sign_in(bob, analytics_on, caplog):
    analytics_on(PERSON_PROPERTIES="tests.analytics.test_receivers.broken")
    client = Client()
    assert sign_in(client).status_code == 302
    assert client.get("/").status_code == 200
    assert caplog.messages == ["on_login failed: RuntimeError."]


def broken(user):
    raise RuntimeError(f"{user.email} cannot be described")


def test_somebody_who_is_not_in_the_database_is_not_recorded(db):
    on_login(request=None, user=AnonymousUser())

    assert names() == []


def test_opting_out_on_the_page_leaves_nothing_to_send(client, bob, analytics_on):
    client.force_login(bob, backend="accounts.backends.LocalBackend")
    form = {"time_zone": "UTC", "week_start": "0", "theme": "system", "hours_24": "True"}
    assert client.post("/accounts/preferences/", form).status_code == 302

    bob.refresh_from_db()
    assert bob.share_analytics is False
    assert names() == []
    client.post("/timer/start/")
    assert names() == []
    client.post("/accounts/preferences/", {**form, "share_analytics": "on"})
    assert names() == ["preferences.updated"]


@pytest.mark.django_db(transaction=True)
def test_opting_out_breaks_no_transaction_of_the_caller(bob, monkeypatch, analytics_on):
    monkeypatch.setattr(Event._meta, "db_table", "a_table_that_is_not_there")
    with transaction.atomic():
        bob.share_analytics = False
        bob.save()
        assert User.objects.filter(share_analytics=False).exists()

    bob.refresh_from_db()
    assert bob.share_analytics is False
