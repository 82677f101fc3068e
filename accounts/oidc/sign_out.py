"""Ending the provider's session too (OpenID Connect RP-Initiated Logout 1.0)."""

from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from accounts import doors
from accounts.oidc.discovery import provider

ID_TOKEN = "oidc_id_token"  # noqa: S105 - a session key
MAX_HINT = 4000  # characters: servers refuse longer addresses


def sign_out_address(request: HttpRequest, id_token: str) -> str:
    """Where the provider ends its session and sends the browser back to the sign-in page.

    Empty where the provider offers no such thing. Raises `ProviderUnavailable`.
    """
    endpoint = provider().end_session_endpoint if doors.oidc_open() else ""
    if not endpoint:
        return ""
    query = {
        "client_id": settings.OIDC_CLIENT_ID,
        "post_logout_redirect_uri": request.build_absolute_uri(reverse("account_login")),
    }
    if len(id_token) <= MAX_HINT:
        query["id_token_hint"] = id_token
    return endpoint + ("&" if urlsplit(endpoint).query else "?") + urlencode(query)


def is_allowed_after_a_form(address: str) -> bool:
    """Whether the content security policy lets a form's answer redirect there."""
    return urlsplit(address)[:2] == urlsplit(settings.OIDC_ISSUER)[:2]
