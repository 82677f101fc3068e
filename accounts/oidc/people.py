"""Whose account a verified sign-in belongs to: found, joined or made, in one transaction.

A person is (issuer, subject). An e-mail address joins an account only where both sides have
verified it: either side alone would hand accounts to whoever writes somebody else's address down.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _

import analytics
from accounts import doors
from accounts.backends import AdmissionMixin
from accounts.models import OIDCIdentity, Role, SignupMethod, User
from accounts.names import is_reserved
from accounts.oidc.errors import SignInRefused

ATTEMPTS = 3  # a simultaneous sign-in may take the identity or the name; the next look finds it
MAX_NAME, MAX_EMAIL = 150, 254  # characters, as the columns of Django's user
ROLES_FROM_HIGHEST = (Role.ADMIN, Role.MANAGER, Role.USER)


@dataclass(frozen=True)
class Profile:
    """What the provider says about a person, cleaned.

    An address that it does not vouch for is kept apart: `email` is a verified one, or empty.
    """

    issuer: str
    subject: str
    email: str
    unverified_email: str
    username: str
    first_name: str
    last_name: str
    groups: frozenset[str]


def profile_from(token: Mapping[str, Any], userinfo: Mapping[str, Any]) -> Profile:
    """Put together the claims of the ID token and of the userinfo endpoint (it has precedence)."""
    claims = {**token, **userinfo}
    # The address and whether it is verified come from one source, never crosswise.
    source = userinfo if "email" in userinfo else token
    email, verified = _email(source.get("email")), source.get("email_verified") is True
    return Profile(
        issuer=token["iss"],
        subject=token["sub"],
        email=email if verified else "",
        unverified_email="" if verified else email,
        username=_text(claims.get("preferred_username")),
        first_name=_text(claims.get("given_name")),
        last_name=_text(claims.get("family_name")),
        groups=_groups(claims.get(settings.OIDC_GROUPS_CLAIM)),
    )


def person(profile: Profile) -> User:
    """The account of this person, with the role that the provider gives (if it decides on roles).

    Raises `SignInRefused` where an account may not be joined, or may not be signed in.
    """
    for _attempt in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return _admitted(profile)
        except IntegrityError:
            continue
    raise SignInRefused("collision", _("Others were signing in just now. Begin again."), status=503)


def _admitted(profile: Profile) -> User:
    user = _known(profile) or _joined(profile) or _made(profile)
    if not AdmissionMixin().user_can_authenticate(user):
        raise SignInRefused(
            "inactive", _("This account is switched off. Ask your administrator to switch it on.")
        )
    _follow_groups(user, profile.groups)
    return user


def _known(profile: Profile) -> User | None:
    identity = (
        OIDCIdentity.objects.filter(issuer=profile.issuer, subject=profile.subject)
        .select_related("user")
        .first()
    )
    return identity.user if identity else None


def _joined(profile: Profile) -> User | None:
    """The existing account with the same address, joined now; None where nobody has it."""
    email = profile.email or profile.unverified_email
    if not email or not _has_account(email):
        return None
    if not profile.email:
        raise _unverified_by_provider()
    owners = User.objects.filter(emailaddress__email__iexact=email, emailaddress__verified=True)
    if len(owners) != 1:
        raise _unverified_here()
    user: User = owners[0]
    subjects = user.oidc_identities.filter(issuer=profile.issuer).values_list("subject", flat=True)
    if profile.subject in subjects:
        return user  # joined or made since `_known` looked, by a simultaneous sign-in
    if subjects:
        # The provider gave the address to somebody else, or made its person anew: a human decides.
        raise _address_of_another()
    OIDCIdentity.objects.create(user=user, issuer=profile.issuer, subject=profile.subject)
    return user


def _made(profile: Profile) -> User:
    """A new account. An unverified address is not kept: it may be somebody else's."""
    user = User(
        username=_free_username(profile),
        email=profile.email,
        first_name=profile.first_name,
        last_name=profile.last_name,
        signup_method=SignupMethod.OIDC,
    )
    user.set_unusable_password()
    user.save()
    if profile.email:
        EmailAddress.objects.create(user=user, email=profile.email, verified=True, primary=True)
    OIDCIdentity.objects.create(user=user, issuer=profile.issuer, subject=profile.subject)
    analytics.track_event(user.pk, "auth.signup", {"auth_method": user.signup_method})
    return user


def _has_account(email: str) -> bool:
    return User.objects.filter(
        Q(email__iexact=email) | Q(emailaddress__email__iexact=email)
    ).exists()


def _follow_groups(user: User, groups: frozenset[str]) -> None:
    """Give the role that the groups stand for; with no group configured, roles are kept here."""
    role_of = dict(settings.OIDC_ROLE_GROUP_MAP)
    if settings.OIDC_ADMIN_GROUP:
        role_of[settings.OIDC_ADMIN_GROUP] = Role.ADMIN
    if not role_of:
        return
    given = {role_of[group] for group in groups if group in role_of}
    role = next((role for role in ROLES_FROM_HIGHEST if role in given), Role.USER)
    if user.role != role:
        user.role = role
        user.save(update_fields=["role"])


def _free_username(profile: Profile) -> str:
    """A name nobody has, in any case: what the provider prefers, else the subject; numbered."""
    # What stands before the @: names are shown to others, addresses are not.
    base = _name(profile.username.partition("@")[0]) or _name(profile.subject) or "user"
    for name in (base, *(f"{base}-{number}" for number in range(2, 100))):
        if not is_reserved(name) and not _is_taken(name):
            return name
    return f"{base}-{get_random_string(8)}"


def _is_taken(name: str) -> bool:
    return User.objects.filter(username__iexact=name).exists()


def _name(value: str) -> str:
    """Only what Django allows in user names, short enough for a number to follow."""
    return re.sub(r"[^\w.+-]", "", User.normalize_username(value))[: MAX_NAME - 10]


def _text(value: object) -> str:
    """A claim as one line of text; empty where it is none."""
    if not isinstance(value, str):
        return ""
    return "".join(c for c in value if c.isprintable()).strip()[:MAX_NAME]


def _email(value: object) -> str:
    """A claim as an address in lower case; empty where it is none.

    ASCII only: lower case makes a plain k of the Kelvin sign, and so another person's address.
    """
    if not isinstance(value, str) or not value.isascii() or len(value) > MAX_EMAIL:
        return ""
    try:
        validate_email(value)
    except ValidationError:
        return ""
    return value.lower()


def _groups(value: object) -> frozenset[str]:
    """A claim of groups: a list, or one name by itself."""
    names = value if isinstance(value, list) else [value]
    return frozenset(name for name in names if isinstance(name, str))


def _unverified_by_provider() -> SignInRefused:
    reason = _(
        "There is an account with your e-mail address here, but the provider does not confirm"
        " that the address is yours. Verify it at the provider."
    )
    if doors.local_open():
        reason += " " + _("Or sign in to the account with its password.")
    return SignInRefused("email_unverified_by_provider", reason)


def _unverified_here() -> SignInRefused:
    reason = _(
        "There is an account with your e-mail address here, but the address has not been"
        " verified on this site. Ask your administrator to run “manage.py verify_email NAME” on"
        " the server."
    )
    if doors.passwords_open() and doors.mail_works():
        reason += " " + _(
            "Or sign in with that account's password and verify it under “E-mail addresses”."
        )
    return SignInRefused("email_unverified_here", reason)


def _address_of_another() -> SignInRefused:
    return SignInRefused(
        "account_joined_already",
        _(
            "The account with your e-mail address belongs to another person at the provider."
            " Ask your administrator: they can remove that identity from the account."
        ),
    )
