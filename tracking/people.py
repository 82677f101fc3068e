"""What the time tracker needs to know of people. The user model stands beside it, not below."""

from typing import Any, Protocol


class Person(Protocol):
    """What the time tracker needs of the user model."""

    pk: Any
    role: str  # admin, manager or user
    time_zone: str  # IANA name
    week_start: int  # as `date.weekday()` counts


def manages(user: Person) -> bool:
    """Whether a person sees the team's time and manages projects."""
    return user.role in ("manager", "admin")


def administers(user: Person) -> bool:
    """Whether a person may change everybody's time."""
    return user.role == "admin"
