"""The authentication backend of OpenID Connect: mozilla-django-oidc's, with its gaps closed."""

import base64
from typing import Any
from urllib.parse import quote_plus

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from accounts import doors
from accounts.backends import AdmissionMixin
from accounts.models import User
from accounts.oidc import tokens
from accounts.oidc.discovery import provider, signing_keys
from accounts.oidc.errors import SignInRefused
from accounts.oidc.people import person, profile_from
from accounts.oidc.transport import Answer, ask, malformed


class OIDCBackend(AdmissionMixin, OIDCAuthenticationBackend):
    """Signs in people whom the configured provider vouches for.

    Upstream checks neither audience nor issuer, waits without limit and takes HS256; its flow is
    kept, and every step in which it talks to the provider or trusts it is replaced.
    """

    auth_method = "oidc"

    def __init__(self) -> None:
        """Read nothing: Django makes a backend for every check of a permission."""

    @property
    def OIDC_RP_CLIENT_ID(self) -> str:  # noqa: N802 - the name that upstream reads
        """The client registered at the provider."""
        return str(settings.OIDC_CLIENT_ID)

    @property
    def OIDC_RP_CLIENT_SECRET(self) -> str:  # noqa: N802 - the name that upstream reads
        """The client's secret."""
        return str(settings.OIDC_CLIENT_SECRET)

    def authenticate(  # type: ignore[override]  # a password is not for this backend
        self, request: HttpRequest | None, *, nonce: str, code_verifier: str
    ) -> User | None:
        """The person whose code stands in the request's query.

        `nonce` and `code_verifier` are those of the attempt that this browser began. Raises
        `SignInFailed`; asks the provider nothing where the attempt cannot end well.
        """
        if not doors.oidc_open():
            return None
        if not nonce or not code_verifier:
            raise SignInRefused("missing_verifier", begin_again(), status=400)
        user: User | None = super().authenticate(request, nonce=nonce, code_verifier=code_verifier)
        return user

    def get_token(self, payload: dict[str, str]) -> dict[str, Any]:
        """Exchange the code for tokens."""
        known = provider()
        headers = {}
        if not known.takes_secret_in_body:
            headers = _basic(payload["client_id"], payload.pop("client_secret"))
        answer = ask("POST", known.token_endpoint, data=payload, headers=headers)
        if answer.status != 200:
            raise _token_error(answer)
        return answer.body

    def verify_token(self, token: object, **kwargs: Any) -> dict[str, Any]:
        """Return the claims of the ID token; keys unknown so far are looked for once more."""
        checks = {
            "issuer": settings.OIDC_ISSUER,
            "audience": settings.OIDC_CLIENT_ID,
            "nonce": kwargs["nonce"],
        }
        try:
            return tokens.verify_id_token(token, signing_keys(), **checks)
        except tokens.UnknownKeyError:
            return self._verify_with_new_keys(token, checks)

    def _verify_with_new_keys(self, token: object, checks: dict[str, str]) -> dict[str, Any]:
        try:
            return tokens.verify_id_token(token, signing_keys(refresh=True), **checks)
        except tokens.UnknownKeyError as error:
            raise tokens.refused("unknown_key") from error

    def store_tokens(self, access_token: object, id_token: str) -> None:
        """Hand the ID token to the view: signing out needs it. The access token is not kept."""
        self.request.oidc_id_token = id_token

    def get_or_create_user(
        self, access_token: object, id_token: str, payload: dict[str, Any]
    ) -> User:
        """The account of the person whom the verified token names."""
        return person(profile_from(payload, self.get_userinfo(access_token, id_token, payload)))

    def get_userinfo(
        self, access_token: object, id_token: str, payload: dict[str, Any]
    ) -> dict[str, Any]:
        """What the userinfo endpoint says about the same person; nothing where there is none."""
        endpoint = provider().userinfo_endpoint
        if not endpoint:
            return {}
        if not isinstance(access_token, str) or not access_token.isascii():
            raise malformed("access_token")
        answer = ask("GET", endpoint, headers={"Authorization": f"Bearer {access_token}"})
        if answer.status != 200:
            raise malformed("userinfo")
        if answer.body.get("sub") != payload["sub"]:
            raise tokens.refused("wrong_userinfo_subject")
        return answer.body


def begin_again() -> str:
    """The sentence for an attempt that this browser did not begin, or has finished already."""
    return _("This sign-in was not begun in this browser, or has ended already. Begin again.")


def _basic(client_id: str, secret: str) -> dict[str, str]:
    """HTTP Basic as RFC 6749, section 2.3.1 has it: both parts are form-encoded first."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


def _token_error(answer: Answer) -> Exception:
    if answer.status == 401 or answer.body.get("error") == "invalid_client":
        return malformed("client")
    if answer.body.get("error") == "invalid_grant":
        return SignInRefused("code_refused", begin_again(), status=400)
    return malformed("token")
