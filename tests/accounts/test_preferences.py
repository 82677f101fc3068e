"""A person's preferences."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from accounts.forms import PreferencesForm
from accounts.models import User
from analytics.models import Event
from tests.accounts.conftest import assert_page

PREFERENCES = "/accounts/preferences/"
FORM = {
    "first_name": "Alice",
    "last_name": "Liddell",
    "time_zone": "Asia/Kathmandu",
    "week_start": "6",
    "hours_24": "False",
    "language": "en",
    "theme": "dark",
}


@pytest.fixture
def signed_in(client: Client, alice: Any) -> Client:
    client.force_login(alice, "accounts.backends.LocalBackend")
    return client


def test_it_shows_what_is_set_and_what_is_sent(signed_in: Client) -> None:
    response = signed_in.get(PREFERENCES)

    assert_page(response, 200, '<option value="UTC" selected>UTC</option>', "Never sent: names")
    assert 'autocomplete="given-name"' in response.content.decode()


def test_it_saves(signed_in: Client, alice: Any) -> None:
    response = signed_in.post(PREFERENCES, FORM, follow=True)

    assert_page(response, 200, "Your preferences are saved")
    alice.refresh_from_db()
    assert (alice.first_name, alice.last_name) == ("Alice", "Liddell")
    assert (alice.time_zone, alice.week_start, alice.theme) == ("Asia/Kathmandu", 6, "dark")
    assert (alice.hours_24, alice.language) == (False, "en")
    assert not alice.share_analytics


def test_a_new_person_has_the_clock_of_24_hours_and_the_browsers_language(
    signed_in: Client, alice: Any
) -> None:
    page = signed_in.get(PREFERENCES).content.decode()

    assert (alice.hours_24, alice.language) == (True, "")
    assert '<option value="True" selected>24 hours (17:30)</option>' in page
    assert '<option value="" selected>As the browser</option>' in page
    assert '<option value="de">Deutsch</option>' in page


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hours_24", "perhaps"),
        ("hours_24", ""),
        ("language", "fr"),
        ("language", "../../etc/passwd"),
        ("language", "d" * 10_000),
        ("theme", "pink"),
        ("week_start", "7"),
        ("week_start", "x"),
        ("first_name", "n" * 10_000),
    ],
)
def test_it_refuses_what_is_no_choice_beside_the_field(
    signed_in: Client, alice: Any, field: str, value: str
) -> None:
    response = signed_in.post(PREFERENCES, {**FORM, field: value})

    assert_page(response, 422, f'id="id_{field}_error"')
    alice.refresh_from_db()
    assert (alice.hours_24, alice.language, alice.theme) == (True, "", "system")


def test_what_stays_the_same_is_no_change(signed_in: Client) -> None:
    for _ in range(2):
        signed_in.post(PREFERENCES, {**FORM, "share_analytics": "on"})

    recorded = Event.objects.filter(event="preferences.updated").order_by("id")
    assert [event.properties["fields_changed"] for event in recorded] == [7, 0]


def test_it_keeps_sharing_where_the_box_stays_checked(signed_in: Client, alice: Any) -> None:
    signed_in.post(PREFERENCES, {**FORM, "share_analytics": "on"})

    alice.refresh_from_db()
    assert alice.share_analytics


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", ""])
def test_it_refuses_a_time_zone_that_is_none_beside_the_field(
    signed_in: Client, alice: Any, zone: str
) -> None:
    response = signed_in.post(PREFERENCES, {**FORM, "time_zone": zone, "first_name": "<b>Eve"})

    assert_page(response, 422, 'id="id_time_zone_error"', 'aria-describedby="id_time_zone_error"')
    assert "<b>Eve" not in response.content.decode()
    alice.refresh_from_db()
    assert (alice.time_zone, alice.first_name) == ("UTC", "")


def test_it_changes_nothing_else(signed_in: Client, bob: Any) -> None:
    signed_in.force_login(bob, "accounts.backends.LocalBackend")

    signed_in.post(
        PREFERENCES,
        {
            **FORM,
            "role": "admin",
            "is_staff": "on",
            "username": "root",
            "id": "1",
            "email": "x@y.z",
        },
    )

    bob.refresh_from_db()
    assert (bob.username, bob.role, bob.is_staff) == ("bob", "user", False)
    assert bob.email == "bob@example.org"


def test_it_leaves_alone_what_an_admin_changed_meanwhile(
    signed_in: Client, alice: Any, monkeypatch: Any
) -> None:
    """Between the look and the write of the page, alice is demoted and switched off."""

    def clean(form: PreferencesForm) -> None:
        User.objects.filter(pk=alice.pk).update(
            role="user", is_staff=False, is_superuser=False, is_active=False
        )

    monkeypatch.setattr(PreferencesForm, "clean", clean)
    signed_in.post(PREFERENCES, FORM)

    alice.refresh_from_db()
    assert (alice.role, alice.is_active, alice.theme) == ("user", False, "dark")


def test_it_never_changes_the_user_name(client: Client, alice: Any) -> None:
    """One that was made elsewhere, in full width, stays beside alice's."""
    eve = User.objects.create_user("eve")
    User.objects.filter(pk=eve.pk).update(username="ａｌｉｃｅ")
    client.force_login(eve, "accounts.backends.LocalBackend")

    assert client.post(PREFERENCES, FORM).status_code == 302

    eve.refresh_from_db()
    assert (eve.username, eve.theme) == ("ａｌｉｃｅ", "dark")


def test_times_are_shown_in_the_persons_zone(signed_in: Client, alice: Any) -> None:
    signed_in.post(PREFERENCES, FORM)

    User.objects.update(first_login=datetime(2026, 11, 21, 12, 0, tzinfo=UTC))
    response = signed_in.get(f"/admin/accounts/user/{alice.pk}/change/")
    assert "5:45 p.m." in response.content.decode()  # 12:00 UTC in Kathmandu


def test_it_asks_for_signing_in(client: Client, db: None) -> None:
    assert client.get(PREFERENCES)["Location"] == "/accounts/login/?next=/accounts/preferences/"
    assert client.post(PREFERENCES, FORM)["Location"].startswith("/accounts/login/")
