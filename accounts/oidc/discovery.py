"""What the provider says about itself, asked for at first use and kept for an hour."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache

from accounts.oidc.errors import ProviderUnavailable
from accounts.oidc.transport import REMEMBER_FAILURE, ask, cache_key, malformed, recently_failed

__all__ = [
    "Provider",
    "ProviderUnavailable",
    "document_address",
    "forget",
    "provider",
    "recently_failed",
    "signing_keys",
]

KEEP = 60 * 60  # seconds
WELL_KNOWN = "/.well-known/openid-configuration"
REQUIRED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
OPTIONAL = ("userinfo_endpoint", "end_session_endpoint")
DEFAULT_CLIENT_AUTHENTICATION = ["client_secret_basic"]  # where the document names none


@dataclass(frozen=True)
class Provider:
    """The endpoints of the configured provider; an optional one that it lacks is empty."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    end_session_endpoint: str
    takes_secret_in_body: bool


def provider() -> Provider:
    """The configured provider. Raises `ProviderUnavailable`."""
    document = cache.get(cache_key("document"))
    if document is not None:
        return _provider(document)
    answer = ask("GET", document_address(), remember_errors=True)
    try:
        found = _provider(answer.body)
    except ProviderUnavailable:
        # What is wrong with the document stays wrong for a while: do not fetch it at every click.
        cache.set(cache_key("failed"), True, REMEMBER_FAILURE)
        raise
    cache.set(cache_key("document"), answer.body, KEEP)
    return found


def document_address() -> str:
    """Where the provider describes itself."""
    return str(settings.OIDC_ISSUER).rstrip("/") + WELL_KNOWN


def forget() -> None:
    """Ask the provider anew at the next use, whatever is kept of it, also that it has failed."""
    cache.delete_many([cache_key(name) for name in ("document", "keys", "failed")])


def signing_keys(*, refresh: bool = False) -> list[dict[str, Any]]:
    """The provider's public keys (JWK); `refresh` asks anew. Raises `ProviderUnavailable`."""
    keys: list[dict[str, Any]] | None = None if refresh else cache.get(cache_key("keys"))
    if keys is not None:
        return keys
    listed = ask("GET", provider().jwks_uri, remember_errors=True).body.get("keys")
    if not isinstance(listed, list):
        raise malformed("keys")
    keys = [key for key in listed if isinstance(key, dict)]
    cache.set(cache_key("keys"), keys, KEEP)
    return keys


def _provider(document: dict[str, Any]) -> Provider:
    """The document, checked: with a foreign issuer another provider would speak for this one."""
    if document.get("issuer") != settings.OIDC_ISSUER:
        raise malformed("issuer")
    endpoints = {name: _endpoint(document, name) for name in (*REQUIRED, *OPTIONAL)}
    methods = document.get("token_endpoint_auth_methods_supported", DEFAULT_CLIENT_AUTHENTICATION)
    return Provider(
        issuer=settings.OIDC_ISSUER,
        takes_secret_in_body=isinstance(methods, list) and "client_secret_post" in methods,
        **endpoints,
    )


def _endpoint(document: dict[str, Any], name: str) -> str:
    """An address; one that leaves HTTPS where the issuer has it is refused."""
    url = document.get(name, "")
    if url == "" and name in OPTIONAL:
        return ""
    allowed = {"https"} if settings.OIDC_ISSUER.startswith("https:") else {"https", "http"}
    if not isinstance(url, str) or not _has_scheme_and_host(url, allowed):
        raise malformed(name)
    return url


def _has_scheme_and_host(url: str, schemes: set[str]) -> bool:
    if not url.isprintable() or " " in url:  # `urlsplit` overlooks line breaks, headers do not
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname)
