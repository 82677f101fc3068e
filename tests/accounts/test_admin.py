"""The admin's door, and people in the admin."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import OIDCIdentity, User
from tests.accounts.conftest import assert_page
from tests.conftest import PASSWORD
from tracking import services
from tracking.models import TimeEntry

ALLAUTH_AND_OURS = ["accounts/user/", "account/emailaddress/"]
PEOPLE = "/admin/accounts/user/"


@pytest.fixture
def admin(client: Client, alice: Any) -> Client:
    client.force_login(alice, "accounts.backends.LocalBackend")
    return client


def test_the_door_leads_to_the_sites_sign_in_page(client: Client, alice: Any) -> None:
    response = client.get("/admin/login/?next=/admin/accounts/user/")
    assert response["Location"] == "/accounts/login/?next=%2Fadmin%2Faccounts%2Fuser%2F"

    response = client.post("/admin/login/", {"username": "alice", "password": PASSWORD})
    assert response["Location"].startswith("/accounts/login/")
    assert client.get("/admin/").status_code == 302


def test_the_admin_takes_no_password_itself(admin: Client, alice: Any, bob: Any) -> None:
    """Django's forms count no attempts: in a session left open all passwords could be tried."""
    for form in ({"username": "bob", "password": PASSWORD}, {"username": "bob", "password": "x"}):
        response = admin.post("/admin/login/", form)
        assert (response.status_code, response["Location"]) == (302, "/admin/")

    new = "another horse another battery"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    response = admin.post("/admin/password_change/", form)

    assert (response.status_code, response["Location"]) == (302, "/accounts/password/change/")
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
    assert admin.session["_auth_user_id"] == str(alice.pk)


def test_the_door_refuses_who_is_no_admin(client: Client, bob: Any) -> None:
    client.force_login(bob, "accounts.backends.LocalBackend")

    assert_page(client.get("/admin/", follow=True), 403)


@pytest.mark.parametrize("page", ALLAUTH_AND_OURS)
def test_it_lists_and_searches(admin: Client, page: str) -> None:
    assert admin.get(f"/admin/{page}?q=alice").status_code == 200


def test_an_admin_changes_a_role_and_the_flags_follow(admin: Client, bob: Any) -> None:
    page = f"/admin/accounts/user/{bob.pk}/change/"
    form = admin.get(page).context["adminform"].form
    assert not {"is_staff", "is_superuser", "groups", "user_permissions"} & set(form.fields)

    response = admin.post(
        page,
        {
            **{name: value for name, value in form.initial.items() if value is not None},
            "is_active": "on",
            "role": "admin",
            "is_staff": "",
            "oidc_identities-TOTAL_FORMS": "0",
            "oidc_identities-INITIAL_FORMS": "0",
        },
    )

    assert response.status_code == 302, response.context["errors"]
    bob.refresh_from_db()
    assert (bob.role, bob.is_staff, bob.is_superuser) == ("admin", True, True)


def test_an_admin_makes_an_account(admin: Client) -> None:
    response = admin.post(
        "/admin/accounts/user/add/",
        {
            "username": "charlie",
            "role": "manager",
            "usable_password": "true",
            "password1": PASSWORD,
            "password2": PASSWORD,
            "oidc_identities-TOTAL_FORMS": "0",
            "oidc_identities-INITIAL_FORMS": "0",
        },
    )

    assert response.status_code == 302, response.context["errors"]
    charlie = User.objects.get(username="charlie")
    assert (charlie.role, charlie.is_staff) == ("manager", False)
    assert charlie.check_password(PASSWORD)


def test_identities_are_shown_and_taken_away_but_not_written(admin: Client, bob: Any) -> None:
    identity = OIDCIdentity.objects.create(user=bob, issuer="https://id.example.org", subject="s-1")
    page = f"/admin/accounts/user/{bob.pk}/change/"
    response = admin.get(page)
    assert "s-1" in response.content.decode()
    initial = response.context["adminform"].form.initial
    form = {name: value for name, value in initial.items() if value is not None}
    form |= {
        "is_active": "on",
        "oidc_identities-TOTAL_FORMS": "2",
        "oidc_identities-INITIAL_FORMS": "1",
        "oidc_identities-0-id": identity.pk,
        "oidc_identities-0-user": bob.pk,
        "oidc_identities-0-subject": "mallory",
        "oidc_identities-1-user": bob.pk,
        "oidc_identities-1-issuer": "https://id.example.org",
        "oidc_identities-1-subject": "mallory",
    }

    admin.post(page, form)
    assert OIDCIdentity.objects.get().subject == "s-1"

    admin.post(page, {**form, "oidc_identities-TOTAL_FORMS": "1", "oidc_identities-0-DELETE": "on"})
    assert not OIDCIdentity.objects.exists()


# --- finding people ----------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["bob", "BOB@example", "builder"])
def test_people_are_found_by_name_and_address(
    admin: Client, bob: Any, charlie: Any, word: str
) -> None:
    User.objects.filter(pk=bob.pk).update(last_name="Builder")

    assert set(admin.get(f"{PEOPLE}?q={word}").context["cl"].queryset) == {bob}


@pytest.mark.parametrize(
    "query", ["role__exact=manager", "is_active__exact=0", "signup_method__exact=oidc"]
)
def test_people_are_filtered(admin: Client, dora: Any, query: str) -> None:
    User.objects.filter(pk=dora.pk).update(is_active=False, signup_method="oidc")

    assert set(admin.get(f"{PEOPLE}?{query}").context["cl"].queryset) == {dora}


def test_a_person_shows_all_their_preferences(admin: Client, bob: Any) -> None:
    form = admin.get(f"{PEOPLE}{bob.pk}/change/").context["adminform"].form

    assert {"time_zone", "week_start", "hours_24", "language", "theme"} < set(form.fields)


def queries(admin: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert admin.get(address).status_code == 200
    return len(asked)


@pytest.mark.parametrize("page", [*ALLAUTH_AND_OURS, "accounts/user/{bob}/change/"])
def test_the_number_of_queries_does_not_grow_with_the_rows(
    admin: Client, bob: Any, page: str
) -> None:
    address = f"/admin/{page.format(bob=bob.pk)}"
    make_people(1, bob)
    queries(admin, address)  # the first page of a process looks up content types, and keeps them
    few = queries(admin, address)
    make_people(20, bob)

    assert queries(admin, address) == few


def make_people(number: int, bob: Any) -> None:
    for n in range(number):
        one = User.objects.create_user(f"person-{number}-{n}", f"{number}-{n}@example.org")
        EmailAddress.objects.create(user=one, email=one.email)
        OIDCIdentity.objects.create(user=bob, issuer="https://id.example", subject=one.username)


# --- the last admin ---


def change(admin: Client, person: Any, **fields: str) -> Any:
    """Save the person's page with these fields; an empty one is left out, as boxes are."""
    page = f"{PEOPLE}{person.pk}/change/"
    initial = admin.get(page).context["adminform"].form.initial
    form = {name: value for name, value in initial.items() if value is not None}
    identities = {"oidc_identities-TOTAL_FORMS": 0, "oidc_identities-INITIAL_FORMS": 0}
    filled = {**form, "is_active": "on", **identities, **fields}
    return admin.post(page, {name: value for name, value in filled.items() if value != ""})


@pytest.mark.parametrize(
    ("field", "value"), [("role", "manager"), ("role", "user"), ("is_active", "")]
)
def test_the_last_admin_stays_one(admin: Client, alice: Any, field: str, value: str) -> None:
    User.objects.create_user("switched-off", role="admin", is_active=False)

    response = change(admin, alice, **{field: value})

    assert response.status_code == 200
    assert response.context["adminform"].form.errors == {
        field: ["Nobody could administer the site afterwards. Make somebody else an admin first."]
    }
    alice.refresh_from_db()
    assert (alice.role, alice.is_active) == ("admin", True)


def test_the_last_admin_changes_their_name(admin: Client, alice: Any) -> None:
    assert change(admin, alice, first_name="Alice").status_code == 302


def test_one_of_two_admins_is_demoted_and_the_other_stays(admin: Client, alice: Any) -> None:
    second = User.objects.create_user("second", role="admin")

    assert change(admin, second, role="user").status_code == 302
    assert change(admin, alice, role="user").status_code == 200

    assert list(User.objects.filter(role="admin")) == [alice]


def test_nobody_deletes_themselves(admin: Client, alice: Any, bob: Any) -> None:
    User.objects.create_user("second", role="admin")
    address = f"{PEOPLE}{alice.pk}/"
    assert f"{address}delete/" not in admin.get(f"{address}change/").content.decode()

    assert admin.post(f"{address}delete/", {"post": "yes"}).status_code == 403
    selected = {"_selected_action": [str(alice.pk), str(bob.pk)]}
    admin.post(PEOPLE, {"action": "delete_selected", "post": "yes", **selected})

    assert names() == {"alice", "bob", "second"}


# --- people who leave --------------------------------------------------------------------------


def erase(admin: Client, *people: Any, **fields: str) -> Any:
    selected = {"_selected_action": [str(person.pk) for person in people]}
    return admin.post(PEOPLE, {"action": "erase_people", **selected, **fields})


def names() -> set[str]:
    return set(User.objects.values_list("username", flat=True))


def test_it_asks_with_the_names_before_it_erases(admin: Client, bob: Any, charlie: Any) -> None:
    User.objects.filter(pk=bob.pk).update(first_name="<b>Bob")

    response = erase(admin, bob)

    page = response.content.decode()
    assert response.status_code == 200
    assert "bob</a> (&lt;b&gt;Bob), bob@example.org" in page
    assert "charlie" not in page
    assert "What goes" in page
    assert "What stays" in page
    assert names() == {"alice", "bob", "charlie"}


def test_it_erases_who_was_confirmed(admin: Client, alice: Any, bob: Any, charlie: Any) -> None:
    response = erase(admin, bob, post="yes")

    assert (response.status_code, response["Location"]) == (302, PEOPLE)
    page = admin.get(PEOPLE).content.decode()
    assert "What was known of 1 person is erased." in page
    assert "bob" not in page
    assert names() == {"alice", "former-member-1", "charlie"}
    assert admin.get(f"{PEOPLE}{bob.pk}/change/").status_code == 200


def test_the_log_says_what_was_done_without_the_name(admin: Client, alice: Any, bob: Any) -> None:
    erase(admin, bob, post="yes")

    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (alice, str(bob.pk))
    assert (entry.object_repr, entry.change_message) == ("former-member-1", "Erased.")


def test_nobody_erases_themselves(admin: Client, alice: Any, bob: Any) -> None:
    User.objects.create_user("second", role="admin")
    for fields in ({}, {"post": "yes"}):
        assert erase(admin, alice, bob, **fields).status_code == 302
        assert "You cannot erase your own account." in admin.get(PEOPLE).content.decode()

    assert names() == {"alice", "bob", "second"}
    assert not LogEntry.objects.exists()


def test_an_admin_erases_another_one(admin: Client) -> None:
    second = User.objects.create_user("second", role="admin")

    erase(admin, second, post="yes")

    assert names() == {"alice", "former-member-1"}


@pytest.mark.parametrize("role", ["user", "manager"])
def test_only_admins_erase(client: Client, bob: Any, charlie: Any, role: str) -> None:
    User.objects.filter(pk=bob.pk).update(role=role)
    client.force_login(bob, "accounts.backends.LocalBackend")

    assert erase(client, charlie, post="yes").status_code == 302  # to the sign-in page
    assert "charlie" in names()


def test_it_wants_a_csrf_token(alice: Any, bob: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, "accounts.backends.LocalBackend")

    assert erase(client, bob, post="yes").status_code == 403
    assert "bob" in names()


def test_who_has_time_entries_is_not_deleted_but_protected(admin: Client, bob: Any) -> None:
    services.start_timer(bob)
    address = f"{PEOPLE}{bob.pk}/delete/"

    for response in (
        admin.get(address),
        admin.post(address, {"post": "yes"}),
        admin.post(
            PEOPLE, {"action": "delete_selected", "_selected_action": str(bob.pk), "post": "yes"}
        ),
    ):
        assert response.status_code == 200
        assert "protected" in response.content.decode()
    assert TimeEntry.objects.get().user == bob


def test_who_has_none_is_deleted(admin: Client, bob: Any) -> None:
    assert admin.post(f"{PEOPLE}{bob.pk}/delete/", {"post": "yes"}).status_code == 302
    assert names() == {"alice"}
