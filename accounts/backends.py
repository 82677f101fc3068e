"""Who may be signed in, and signing in with a password."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts import doors
from accounts.demo import DEMO_USERNAME
from accounts.models import User


class AdmissionMixin(ModelBackend):
    """The one home of the rule who may be signed in; every backend of the site has it.

    Django asks `get_user` at every request, so that what changes here ends sessions as well.
    """

    def user_can_authenticate(self, user: Any) -> bool:
        """Whether this person may be signed in: active and, with DEMO_MODE, the demo account.

        Not if that has become an admin's: its password stands on the sign-in page.
        """
        if settings.DEMO_MODE and (user.username != DEMO_USERNAME or user.is_staff):
            return False
        return bool(user.is_active)

    def get_user(self, user_id: Any) -> User | None:
        """The person of a session; None where they may no longer be signed in."""
        user = User.objects.filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None


class LocalBackend(AdmissionMixin, AuthenticationBackend):
    """User name or e-mail with the password kept here (django-allauth)."""

    auth_method = "local"

    def authenticate(  # type: ignore[override]  # as allauth has it
        self, request: HttpRequest | None, **credentials: Any
    ) -> User | None:
        """The person whose credentials these are, or None."""
        if not doors.local_open():
            return None
        if credentials.get("email") == credentials.get("username"):
            # allauth would try an address twice: that takes twice as long where there is one.
            credentials.pop("email", None)
        user: User | None = super().authenticate(request, **credentials)
        return user
