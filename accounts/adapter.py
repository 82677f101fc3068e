"""The site's rules within django-allauth's own pages."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from accounts import doors
from accounts.backends import AdmissionMixin
from accounts.demo import RESERVED_USERNAMES
from accounts.models import User


class AccountAdapter(DefaultAccountAdapter):
    """Local accounts: who may make one, sign in with one, and reset its password."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Only where the operator said so, and where passwords are kept here at all."""
        return doors.sign_up_open()

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """Keep the demo accounts' names: whoever had one would be let in with DEMO_MODE."""
        if username.lower() in RESERVED_USERNAMES:
            raise self.validation_error("username_taken")
        cleaned: str = super().clean_username(username, shallow)
        return cleaned

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        """Stop everybody who may not be signed in.

        allauth hands over people whom the backend refused, and itself looks at `is_active` only.
        """
        if not AdmissionMixin().user_can_authenticate(user):
            refusal: HttpResponse = self.respond_user_inactive(request, user)
            return refusal
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        """Send the link, unless passwords are nobody's to reset here."""
        if not doors.passwords_open():
            raise PermissionDenied
        super().send_password_reset_mail(user, email, context)
