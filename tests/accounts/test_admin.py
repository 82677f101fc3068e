"""The admin's door, and people in the admin."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import OIDCIdentity, User
from tests.accounts.conftest import assert_page
from tests.conftest import PASSWORD

ALLAUTH_AND_OURS = ["accounts/user/", "account/emailaddress/"]


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
