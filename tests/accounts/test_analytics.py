"""What analytics may know about a person."""

from datetime import UTC, datetime
from typing import Any

from accounts.analytics import person_properties
from accounts.backends import LocalBackend
from accounts.oidc.backend import OIDCBackend


def test_it_tells_role_and_first_sign_in_and_nothing_else(alice: Any) -> None:
    properties = person_properties(alice)

    assert properties["$set"] == {"role": "admin", "is_admin": True}
    assert set(properties["$set_once"]) == {"first_login", "signup_method"}
    assert properties["$set_once"]["signup_method"] == "local"
    first_login = datetime.fromisoformat(properties["$set_once"]["first_login"])
    assert first_login.utcoffset() == UTC.utcoffset(None)
    alice.refresh_from_db()
    assert alice.first_login == first_login


def test_it_keeps_the_first_sign_in(bob: Any) -> None:
    assert person_properties(bob) == person_properties(bob)
    assert person_properties(bob)["$set"] == {"role": "user", "is_admin": False}


def test_the_backends_name_their_method() -> None:
    assert (LocalBackend.auth_method, OIDCBackend.auth_method) == ("local", "oidc")
