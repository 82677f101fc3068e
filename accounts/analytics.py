"""What analytics may know about a person."""

from typing import Any

from accounts.models import User


def person_properties(user: User) -> dict[str, dict[str, Any]]:
    """PostHog's person properties of an account, as `{"$set": …, "$set_once": …}`.

    Records the first sign-in (UTC, ISO 8601) if none is on record. No name, no address.
    """
    return {
        "$set": {"role": user.role, "is_admin": user.role == "admin"},
        "$set_once": {
            "first_login": user.record_first_login().isoformat(),
            "signup_method": user.signup_method,
        },
    }
