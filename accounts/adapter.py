"""The site's rules within django-allauth's own pages."""

import logging
from collections.abc import Callable
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from accounts import doors
from accounts.backends import AdmissionMixin
from accounts.models import User
from accounts.names import is_reserved

logger = logging.getLogger("accounts")


class AccountAdapter(DefaultAccountAdapter):
    """Local accounts: who may make one, sign in with one, and what is mailed about it."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Only where the operator said so, and where passwords are kept here at all."""
        return doors.sign_up_open()

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """Keep the demo accounts' names: whoever had one would be let in with DEMO_MODE.

        Those of erased accounts as well: whoever had one would be shown as somebody who has left.
        """
        username = User.normalize_username(username)
        if is_reserved(username):
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

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that attempts are counted by; never a reason to refuse the page.

        allauth raises where a request came past a proxy, or through a socket without addresses.
        """
        try:
            address: str = super().get_client_ip(request)
        except (ImproperlyConfigured, PermissionDenied):
            address = request.META.get("REMOTE_ADDR") or "unknown"
        return address

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        """Send the link. Nothing is said of a failure: that would tell who has an account."""
        send = super().send_password_reset_mail
        _goes_out(lambda: send(user, email, context))

    def send_confirmation_mail(
        self, request: HttpRequest, emailconfirmation: Any, signup: bool
    ) -> None:
        """Send the link and say so, or say that none was sent."""
        send = super().send_confirmation_mail
        email = emailconfirmation.email_address.email
        if not doors.mail_works():
            sentence = _(
                "This site sends no mail, so it cannot verify %(email)s."
                " Ask your administrator to mark the address as verified."
            )
            messages.warning(request, sentence % {"email": email})
        elif _goes_out(lambda: send(request, emailconfirmation, signup)):
            sentence = _("A link to confirm %(email)s is on its way there.")
            messages.info(request, sentence % {"email": email})
        else:
            sentence = _(
                "The mail to %(email)s could not be sent, so the address is not verified."
                " Try again later, or ask your administrator."
            )
            messages.warning(request, sentence % {"email": email})


def _goes_out(send: Callable[[], None]) -> bool:
    """Whether the mail server took a mail. A failure is logged without the address in it."""
    try:
        send()
    except (OSError, ValueError) as error:  # smtplib's are of the first kind, bad addresses of both
        logger.error("A mail could not be sent: %s", type(error).__name__)
        return False
    return True
