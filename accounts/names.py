"""User names that mean something, so that nobody may choose them."""

import re

from accounts.demo import RESERVED_USERNAMES

_FORMER = re.compile(r"former-member-([1-9][0-9]*)", re.IGNORECASE)


def former_username(number: int) -> str:
    """The user name of somebody whose account was erased."""
    return f"former-member-{number}"


def former_number(username: str) -> int | None:
    """The number in such a name; None where it is another name."""
    found = _FORMER.fullmatch(username)
    return int(found[1]) if found else None


def is_reserved(username: str) -> bool:
    """Whether nobody may choose it: a demo account's, or that of somebody who was erased."""
    return username.lower() in RESERVED_USERNAMES or former_number(username) is not None
