"""Which ways into the site stand open, by the operator's settings.

Every page, form and backend asks here, so that a closed door is closed everywhere.
"""

from django.conf import settings


def local_open() -> bool:
    """Whether people sign in with a password kept here."""
    return bool(settings.LOCAL_ENABLED or settings.DEMO_MODE)


def oidc_open() -> bool:
    """Whether people sign in through the OpenID Connect provider."""
    return bool(settings.OIDC_ENABLED and not settings.DEMO_MODE)


def sign_up_open() -> bool:
    """Whether anyone may make an account with a password."""
    return bool(settings.ALLOW_SELF_REGISTER and settings.LOCAL_ENABLED and not settings.DEMO_MODE)


def passwords_open() -> bool:
    """Whether people may change or reset a password: one is kept here, and it is not the demo's."""
    return bool(settings.LOCAL_ENABLED and not settings.DEMO_MODE)


def mail_works() -> bool:
    """Whether the operator has named a mail server."""
    return bool(settings.EMAIL_URL)
