"""The two addresses of the OpenID Connect flow. Every failure ends on a page of the site."""

import logging
import re
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.generic import View
from mozilla_django_oidc.views import (
    OIDCAuthenticationCallbackView,
    OIDCAuthenticationRequestView,
)

from accounts import doors
from accounts.oidc.backend import begin_again
from accounts.oidc.discovery import provider
from accounts.oidc.errors import SignInFailed, SignInRefused
from accounts.oidc.sign_out import ID_TOKEN

logger = logging.getLogger("accounts")

STATES = "oidc_states"  # the session keys of mozilla-django-oidc
NEXT = "oidc_login_next"
ATTEMPT_LASTS = 10 * 60  # seconds to sign in at the provider


@method_decorator(never_cache, name="dispatch")
class FailurePageMixin(View):
    """Turns every way in which signing in can fail into a page with a reason and a way back."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Handle the request, unless this door is closed."""
        try:
            if not doors.oidc_open():
                raise SignInRefused("closed", _("Nobody signs in through a provider here."))
            return super().dispatch(request, *args, **kwargs)
        except SignInFailed as error:
            logger.warning("OIDC sign-in failed: %s", error.code)
            return self.failure_page(request, error)

    def failure_page(self, request: HttpRequest, error: SignInFailed) -> HttpResponse:
        """The page that says why, with the error's own HTTP status."""
        context = {"reason": str(error), "may_try_again": doors.oidc_open()}
        return render(request, "accounts/sign_in_failed.html", context, status=error.status)


class AuthenticateView(FailurePageMixin, OIDCAuthenticationRequestView):
    """Sends the browser to the provider, with PKCE (S256), state and nonce."""

    def __init__(self, **kwargs: Any) -> None:
        """Leave out upstream's: it reads the endpoint when the view is made."""
        View.__init__(self, **kwargs)

    @property
    def OIDC_OP_AUTH_ENDPOINT(self) -> str:  # noqa: N802 - the name that upstream reads
        """The provider's authorization endpoint, without a query of its own."""
        return urlunsplit(urlsplit(provider().authorization_endpoint)._replace(query=""))

    @property
    def OIDC_RP_CLIENT_ID(self) -> str:  # noqa: N802 - the name that upstream reads
        """The client registered at the provider."""
        return str(settings.OIDC_CLIENT_ID)

    def get_extra_params(self, request: HttpRequest) -> dict[str, str]:
        """What stands in the query of the endpoint itself, which upstream would break."""
        return dict(parse_qsl(urlsplit(provider().authorization_endpoint).query))

    def get(self, request: HttpRequest) -> HttpResponse:
        """Begin an attempt; ask the provider first, so that none is left behind in vain."""
        provider()
        response: HttpResponse = super().get(request)
        return response


class CallbackView(FailurePageMixin, OIDCAuthenticationCallbackView):
    """Receives the browser back from the provider and signs the person in."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """End the attempt that the state belongs to, whatever comes of it."""
        attempt = _take_attempt(request)
        if "error" in request.GET:
            raise _provider_said_no(request.GET["error"])
        user = auth.authenticate(request, **attempt)
        if user is None:
            raise SignInRefused("no_code", begin_again(), status=400)
        goal = request.session.get(NEXT) or resolve_url(settings.LOGIN_REDIRECT_URL)
        auth.login(request, user)  # begins a new session key
        for key in (STATES, NEXT):
            request.session.pop(key, None)
        request.session[ID_TOKEN] = request.oidc_id_token  # type: ignore[attr-defined]
        return HttpResponseRedirect(goal)


def _take_attempt(request: HttpRequest) -> dict[str, str]:
    """Nonce and verifier of this browser's attempt, taken out of the session: none counts twice."""
    states = request.session.get(STATES)
    state = request.GET.get("state", "")
    if not isinstance(states, dict) or state not in states:
        raise SignInRefused("unknown_state", begin_again(), status=400)
    attempt = states.pop(state)
    _save_now(request)
    if time.time() - attempt["added_on"] > ATTEMPT_LASTS:
        raise SignInRefused("late", _("Signing in took too long. Begin again."), status=400)
    return {"nonce": attempt["nonce"] or "", "code_verifier": attempt["code_verifier"] or ""}


def _save_now(request: HttpRequest) -> None:
    """Save before the provider is asked, which is slow, and even if the answer is a 503."""
    request.session.modified = True
    try:
        request.session.save()
    except UpdateError as error:  # signed out in another tab meanwhile
        raise SignInRefused("session_ended", begin_again(), status=400) from error


def _provider_said_no(error: str) -> SignInRefused:
    if error == "access_denied":
        return SignInRefused(error, _("The provider did not let you in, or you chose to cancel."))
    # Of what stands in the address, only a plain short word is shown or logged.
    code = error if re.fullmatch(r"[a-z_]{1,40}", error) else "unknown_error"
    return SignInRefused(
        code, _("The provider ended the sign-in: %(code)s.") % {"code": code}, status=400
    )
