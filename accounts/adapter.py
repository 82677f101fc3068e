"""The site's rules within django-allauth's own pages."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from ipaddress import IPv6Address
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.utils import filter_users_by_email, filter_users_by_username
from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts import doors
from accounts.backends import AdmissionMixin
from accounts.models import User
from accounts.names import is_reserved

logger = logging.getLogger("accounts")
# Mails of which no page may tell how long they took; a process that ends sends them first.
outgoing = ThreadPoolExecutor(max_workers=2, thread_name_prefix="mail")


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
        return _one_house(address)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """What failed attempts are counted by: the account, whichever of its names was typed.

        allauth counts by what was typed and by the Host header, whose port is the visitor's to
        choose: each port, and the name beside the address, would get attempts of its own.
        """
        login = str(credentials.get("email") or credentials.get("username") or "")
        found = {*filter_users_by_username(login), *filter_users_by_email(login)}
        if len(found) == 1:
            return f"account:{found.pop().pk}"
        return f"login:{User.normalize_username(login).casefold()}"

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        """Send the link when the page has been answered.

        Neither a failure nor the time that a mail takes may tell who has an account.
        """
        send, language = super().send_password_reset_mail, translation.get_language()

        def speak_and_send() -> None:
            with translation.override(language):
                send(user, email, context)

        outgoing.submit(copy_context().run, _goes_out, speak_and_send)

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


def _one_house(address: str) -> str:
    """IPv4 within IPv6 (`::ffff:192.0.2.1`) as IPv4, and no name of a network card.

    Of IPv6 allauth counts the first half, which is the same in all of the former.
    """
    try:
        of_six = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(of_six.ipv4_mapped or of_six)


def _goes_out(send: Callable[[], None]) -> bool:
    """Whether the mail server took a mail. A failure is logged without the address in it."""
    try:
        send()
    except (OSError, ValueError) as error:  # smtplib's are of the first kind, bad addresses of both
        logger.error("A mail could not be sent: %s", type(error).__name__)
        return False
    return True
