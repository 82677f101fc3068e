"""A person leaves: what is known of them goes; their time stays, under a neutral name."""

from collections.abc import Collection
from itertools import count
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from accounts.models import OIDCIdentity, Role, User
from accounts.names import former_number, former_username
from analytics import erasure

ERASED = (
    "username",
    "first_name",
    "last_name",
    "email",
    "password",
    "last_login",
    "first_login",
    "is_active",
    "role",
    "share_analytics",
)
CHUNK = 500  # rows; databases limit the parameters of a statement


class LastAdminError(Exception):
    """Nobody could administer the site afterwards."""


@transaction.atomic
def erase(*people: User) -> None:
    """Erase what is known of people, all of them or none; the given objects change, too.

    Deactivates them, gives each a neutral name, and deletes names, addresses, password, identities
    at the provider, sessions, and what analytics recorded of them, here and at PostHog. What else
    refers to the accounts stays as it is. To erase somebody again does no harm. Raises
    `LastAdminError`.
    """
    keys = [user.pk for user in people]
    keep_an_admin(keys)
    for user in people:
        log = _admin_log(user)
        erasure.erase(user.pk)  # first: opting out would take from it what is on the wire
        _neutralise(user)
        _unname(log, user.username)
    EmailAddress.objects.filter(user__in=keys).delete()
    OIDCIdentity.objects.filter(user__in=keys).delete()
    _end_sessions(keys)


def keep_an_admin(leaving: Collection[Any]) -> None:
    """Raise `LastAdminError` where nobody but people with these keys administers the site.

    Holds the admins' rows until the transaction ends, so that one goes after the other: two admins
    could erase each other, two people get one number.
    """
    admins = User.objects.select_for_update().filter(role=Role.ADMIN, is_active=True)
    active = set(admins.order_by("pk").values_list("pk", flat=True))
    if active and active <= set(leaving):
        raise LastAdminError


def _admin_log(user: User) -> QuerySet[LogEntry]:
    """What admins did with the account and its addresses; found by keys, so that it stays found."""
    types = ContentType.objects.get_for_models(User, EmailAddress)
    addresses = EmailAddress.objects.filter(user=user).values_list("pk", "email")
    known = {user.email, *(email for _key, email in addresses)} - {""}
    about_addresses = Q(object_id__in=[str(key) for key, _email in addresses]) | Q(
        object_repr__in=known
    )
    about = Q(content_type=types[User], object_id=str(user.pk)) | Q(
        about_addresses, content_type=types[EmailAddress]
    )
    keys = list(LogEntry.objects.filter(about).values_list("pk", flat=True))
    return LogEntry.objects.filter(pk__in=keys)


def forget_in_log(user: User) -> None:
    """Have the admins' log name nobody of an account that is deleted, in the same transaction."""
    _unname(_admin_log(user), gettext("Deleted account"))


def _unname(log: QuerySet[LogEntry], neutral: str) -> None:
    """Who changed the account, when and in what kind of way stays, as long as it names nobody."""
    log.filter(change_message__contains='"object"').update(change_message="")
    log.update(object_repr=neutral)


def _neutralise(user: User) -> None:
    if former_number(user.username) is None:
        user.username = _free_username()
    user.first_name = user.last_name = user.email = ""
    user.set_unusable_password()
    user.last_login = user.first_login = None
    user.is_active = user.share_analytics = False
    user.role = Role.USER
    user.save(update_fields=ERASED)


def _free_username() -> str:
    taken = User.objects.filter(username__istartswith="former-member-")
    numbers = {former_number(name) for name in taken.values_list("username", flat=True)}
    return former_username(next(number for number in count(1) if number not in numbers))


def _end_sessions(keys: Collection[Any]) -> None:
    """Delete their sessions, old ones as well: they may hold what the provider said of the person.

    A session does not show whose it is before it is decoded.
    """
    owners = {str(key) for key in keys}
    found = [
        session.pk
        for session in Session.objects.iterator()
        if session.get_decoded().get(SESSION_KEY) in owners
    ]
    for start in range(0, len(found), CHUNK):
        Session.objects.filter(pk__in=found[start : start + CHUNK]).delete()
