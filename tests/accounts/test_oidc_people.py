"""Whose account a sign-in through the provider belongs to, and with which role."""

import threading
from io import StringIO
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts.models import OIDCIdentity, User
from accounts.oidc.people import person, profile_from
from tests.accounts.conftest import assert_page, is_signed_in, sign_in
from tests.accounts.provider import ALICE, Provider


def verified_address(user: Any, verified: bool = True) -> EmailAddress:
    return EmailAddress.objects.create(user=user, email=user.email, verified=verified, primary=True)


LONG = "a" * 60 + "@" + ".".join(["b" * 60] * 4) + ".org"  # an address, but too long a one


# --- joining an existing account -------------------------------------------------------------


def test_it_joins_an_account_when_both_sides_have_verified_the_address(
    client: Client, provider: Provider, alice: Any
) -> None:
    verified_address(alice)
    provider.person["email"] = "Alice@Example.org"

    sign_in(client)

    assert is_signed_in(client)
    assert OIDCIdentity.objects.get().user == alice
    alice.refresh_from_db()
    assert (alice.role, alice.signup_method) == ("admin", "local")
    assert alice.has_usable_password()


@pytest.mark.parametrize("said", [False, None, "true", "false", 1])
def test_it_refuses_an_address_that_the_provider_has_not_verified(
    client: Client, provider: Provider, alice: Any, said: object
) -> None:
    verified_address(alice)
    provider.person["email_verified"] = said

    response = sign_in(client)

    assert_page(response, 403, "the provider does not confirm")
    assert not is_signed_in(client)
    assert not OIDCIdentity.objects.exists()
    assert User.objects.count() == 1


@pytest.mark.parametrize("lookalike", ["mi\u212ae@example.org", "m\u0131ke@example.org"])
def test_it_joins_nobody_by_an_address_that_only_looks_alike(db: None, lookalike: str) -> None:
    """The Kelvin sign in lower case is a plain k, and a database may take a dotless i for an i."""
    mike = User.objects.create_user("mike", "mike@example.org", role="admin")
    verified_address(mike)
    claims = {"iss": "https://id.example.org", "sub": "mallory", "email_verified": True}

    found = person(profile_from({**claims, "email": lookalike}, {}))

    assert found != mike
    assert (found.email, found.role) == ("", "user")


@pytest.mark.parametrize("stored", [True, False])
def test_it_refuses_an_address_that_is_not_verified_here(
    client: Client, provider: Provider, alice: Any, stored: bool
) -> None:
    if stored:
        verified_address(alice, verified=False)

    response = sign_in(client)

    assert_page(response, 403, "has not been verified on this site", "your administrator")
    assert not is_signed_in(client)
    assert not OIDCIdentity.objects.exists()
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("local", "mail", "says"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_it_names_only_ways_out_that_stand_open(
    client: Client,
    provider: Provider,
    alice: Any,
    settings: Any,
    local: bool,
    mail: bool,
    says: bool,
) -> None:
    settings.LOCAL_ENABLED = local
    settings.EMAIL_URL = {"EMAIL_HOST": "mail.example.org"} if mail else {}

    page = sign_in(client)

    assert_page(page, 403, "manage.py verify_email NAME")
    assert ("sign in with that account" in page.content.decode()) is says


@pytest.mark.parametrize("local", [True, False])
def test_it_names_the_password_only_where_one_is_kept(
    client: Client, provider: Provider, alice: Any, settings: Any, local: bool
) -> None:
    settings.LOCAL_ENABLED = local
    provider.person["email_verified"] = False

    page = sign_in(client).content.decode()

    assert "Verify it at the provider." in page
    assert ("with its password" in page) is local


def test_the_operator_verifies_the_first_admins_address(
    client: Client, provider: Provider, settings: Any
) -> None:
    """createsuperuser, where only the provider signs in: no page of the site would let them in."""
    settings.LOCAL_ENABLED = False
    root = User.objects.create_superuser("root", "Alice@example.org")
    assert sign_in(client).status_code == 403

    call_command("verify_email", "root", stdout=StringIO())
    sign_in(client)

    assert OIDCIdentity.objects.get().user == root
    assert client.get("/admin/").status_code == 200


def test_verifying_an_address_twice_changes_nothing(alice: Any) -> None:
    verified_address(alice, verified=False)
    for _ in range(2):
        call_command("verify_email", "alice", stdout=StringIO())

        address = EmailAddress.objects.get()
        assert (address.email, address.verified, address.primary) == (alice.email, True, True)


def test_verifying_says_what_is_in_the_way(alice: Any, bob: Any) -> None:
    with pytest.raises(CommandError, match="no account with the user name “nobody”"):
        call_command("verify_email", "nobody")
    User.objects.filter(pk=bob.pk).update(email="")
    with pytest.raises(CommandError, match="“bob” has no e-mail address"):
        call_command("verify_email", "bob")
    verified_address(alice)
    User.objects.filter(pk=bob.pk).update(email="ALICE@example.org")
    with pytest.raises(CommandError, match="verified for another account"):
        call_command("verify_email", "bob")
    assert not bob.emailaddress_set.exists()


def test_it_takes_address_and_verification_from_one_source(
    client: Client, provider: Provider, alice: Any
) -> None:
    """A verified address in the token does not verify another one in userinfo."""
    verified_address(alice)
    provider.changed_claims = {"email": "mallory@example.org", "email_verified": True}
    provider.person = {"sub": "subject-of-mallory"}
    provider.changed_userinfo = {"email": "alice@example.org"}

    assert_page(sign_in(client), 403, "the provider does not confirm")
    assert not OIDCIdentity.objects.exists()


def test_it_refuses_a_second_subject_with_the_same_address(
    client: Client, provider: Provider
) -> None:
    sign_in(Client())
    provider.person["sub"] = "subject-of-the-next-alice"

    assert_page(sign_in(client), 403, "another person at the provider")
    assert not is_signed_in(client)
    assert User.objects.count() == OIDCIdentity.objects.count() == 1


def test_it_refuses_to_join_an_account_that_is_switched_off(
    client: Client, provider: Provider, alice: Any
) -> None:
    verified_address(alice)
    User.objects.update(is_active=False)

    assert_page(sign_in(client), 403, "switched off")
    assert not OIDCIdentity.objects.exists()


# --- making an account -----------------------------------------------------------------------


def test_it_does_not_keep_an_address_that_nobody_has_verified(
    client: Client, provider: Provider
) -> None:
    provider.person["email_verified"] = False

    sign_in(client)

    assert is_signed_in(client)
    assert User.objects.get().email == ""
    assert not EmailAddress.objects.exists()


@pytest.mark.parametrize(
    "email", [None, "", 7, "no address", ["a@example.org"], "a@\0b.example", LONG]
)
def test_it_makes_an_account_without_a_usable_address(
    client: Client, provider: Provider, email: object
) -> None:
    provider.person["email"] = email

    sign_in(client)

    assert is_signed_in(client)
    assert User.objects.get().email == ""


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "bob"}, "bob"),
        ({"preferred_username": "bob@corp.example"}, "bob"),
        ({"preferred_username": "Bob the Builder!"}, "BobtheBuilder"),
        ({"preferred_username": "álvaro\0"}, "álvaro"),
        ({"preferred_username": "ALICE"}, "ALICE-2"),
        ({"preferred_username": "ａｌｉｃｅ"}, "alice-2"),  # the same letters, in full width
        ({"preferred_username": "demo"}, "demo-2"),
        ({"preferred_username": "demo-admin"}, "demo-admin-2"),
        ({"preferred_username": "former-member-3"}, "former-member-3-2"),  # nobody who has left
        ({"preferred_username": "@"}, "subject-of-bob"),
        ({"preferred_username": None}, "subject-of-bob"),
        ({"preferred_username": ["bob"]}, "subject-of-bob"),
        ({"preferred_username": None, "sub": "!!!"}, "user"),
        ({"preferred_username": "b" * 300}, "b" * 140),
    ],
)
def test_it_finds_a_free_name(alice: Any, claims: dict[str, Any], name: str) -> None:
    token = {"iss": "https://id.example.org", "sub": "subject-of-bob", **claims}

    assert person(profile_from(token, {})).username == name


def test_it_gives_two_people_of_one_name_two_accounts(provider: Provider) -> None:
    sign_in(Client())
    provider.person = {"sub": "another-subject", "preferred_username": "alice"}
    sign_in(Client())

    assert sorted(User.objects.values_list("username", flat=True)) == ["alice", "alice-2"]


@pytest.mark.django_db(transaction=True)
def test_two_first_sign_ins_at_once_make_one_account() -> None:
    profile = profile_from({"iss": "https://id.example.org", **ALICE}, {})
    found: list[Any] = []
    together = threading.Barrier(4)

    def first_sign_in() -> None:
        together.wait()
        try:
            found.append(person(profile).pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=first_sign_in) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    assert len(set(found)) == 1
    assert User.objects.count() == OIDCIdentity.objects.count() == 1


# --- roles -----------------------------------------------------------------------------------


@pytest.fixture
def groups_decide(settings: Any) -> None:
    settings.OIDC_ADMIN_GROUP = "admins"
    settings.OIDC_ROLE_GROUP_MAP = {"leads": "manager", "staff": "user"}


@pytest.mark.usefixtures("groups_decide")
@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["admins"], "admin"),
        (["staff", "leads"], "manager"),
        (["leads", "admins", "staff"], "admin"),
        (["staff"], "user"),
        (["somebody else's"], "user"),
        ([], "user"),
        (None, "user"),
        ("leads", "manager"),
        (7, "user"),
        ([["admins"], {"admins": 1}, None], "user"),
    ],
)
def test_the_provider_decides_on_the_role(
    client: Client, provider: Provider, groups: object, role: str
) -> None:
    provider.person["groups"] = groups

    sign_in(client)

    alice = User.objects.get()
    assert (alice.role, alice.is_staff, alice.is_superuser) == (
        role,
        role == "admin",
        role == "admin",
    )


@pytest.mark.usefixtures("groups_decide")
def test_the_provider_decides_at_every_sign_in(provider: Provider) -> None:
    provider.person["groups"] = ["admins"]
    sign_in(Client())
    assert User.objects.get().role == "admin"

    provider.person["groups"] = []
    sign_in(Client())
    assert User.objects.get().role == "user"


def test_roles_are_kept_here_where_no_group_is_named(provider: Provider) -> None:
    provider.person["groups"] = ["admins"]
    sign_in(Client())
    assert User.objects.get().role == "user"
    alice = User.objects.get()
    alice.role = "manager"
    alice.save()

    sign_in(Client())

    assert User.objects.get().role == "manager"


def test_the_operator_names_the_claim_of_groups(provider: Provider, settings: Any) -> None:
    settings.OIDC_ADMIN_GROUP = "admins"
    settings.OIDC_GROUPS_CLAIM = "https://example.org/roles"
    provider.person["https://example.org/roles"] = ["admins"]

    sign_in(Client())

    assert User.objects.get().role == "admin"


@pytest.mark.usefixtures("groups_decide")
def test_groups_may_stand_in_the_id_token_alone(provider: Provider) -> None:
    provider.changed_claims = {"groups": ["admins"]}

    sign_in(Client())

    assert User.objects.get().role == "admin"
