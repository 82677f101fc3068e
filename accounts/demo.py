"""The demo accounts: names, and passwords that only this installation knows."""

import base64

from django.utils.crypto import salted_hmac

DEMO_USERNAME = "demo"
DEMO_ADMIN_USERNAME = "demo-admin"
RESERVED_USERNAMES = frozenset({DEMO_USERNAME, DEMO_ADMIN_USERNAME})  # nobody else gets these
PASSWORD_LENGTH = 12


def demo_password(username: str) -> str:
    """The password of a demo account: twelve lower-case letters and digits, made from SECRET_KEY.

    Always the same on one installation, so that it can be shown again, and another on the next, so
    that it is no known password on a server that somebody exposes.
    """
    digest = salted_hmac("accounts.demo_password", username, algorithm="sha256").digest()
    return base64.b32encode(digest).decode("ascii").lower()[:PASSWORD_LENGTH]
