"""Requests to the provider: bounded in time and size, and a failure is remembered for a while."""

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

import requests
import urllib3
from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext as _

from accounts.oidc.errors import ProviderUnavailable

MAX_BYTES = 512 * 1024
CHUNK = 16 * 1024
# While a failure is remembered nobody asks again, so that a hanging provider ties up no threads.
REMEMBER_FAILURE = 30  # seconds


@dataclass(frozen=True)
class Answer:
    """What came back: the HTTP status and the JSON object (empty where there was none)."""

    status: int
    body: dict[str, Any]


def cache_key(name: str) -> str:
    """A key of the shared cache that belongs to the configured issuer alone."""
    issuer = hashlib.sha256(settings.OIDC_ISSUER.encode()).hexdigest()[:16]
    return f"accounts.oidc.{name}.{issuer}"


def recently_failed() -> bool:
    """Whether the provider failed within the last seconds; asks the cache only."""
    return bool(cache.get(cache_key("failed")))


def unavailable() -> ProviderUnavailable:
    """Remember that the provider does not answer, and the error to raise."""
    cache.set(cache_key("failed"), True, REMEMBER_FAILURE)
    return _no_answer()


def malformed(what: str) -> ProviderUnavailable:
    """The error to raise for an answer that cannot be worked with; `what` is a word for the log."""
    return ProviderUnavailable(
        f"malformed_{what}",
        _(
            "The sign-in provider gave an answer that this site cannot use."
            " Please tell your administrator."
        ),
        status=502,
    )


def ask(
    method: str,
    url: str,
    *,
    data: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    remember_errors: bool = False,
) -> Answer:
    """Send one request and return the provider's answer.

    A silent provider is remembered as failed; one that answers with an error of its own (5xx) only
    with `remember_errors`: one person's code must not close the door to everybody else.
    Raises `ProviderUnavailable` where there is none within `settings.OIDC_TIMEOUT` seconds, where
    the server has failed, or where a good answer is no JSON object.
    """
    if recently_failed():
        raise _no_answer()
    try:
        status, text = _exchange(method, url, data, headers)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise unavailable() from error
    if status >= 500:
        raise unavailable() if remember_errors else _no_answer()
    return Answer(status, _json_object(text, required=status == 200))


def _exchange(
    method: str, url: str, data: dict[str, str] | None, headers: dict[str, str] | None
) -> tuple[int, bytes]:
    deadline = time.monotonic() + settings.OIDC_TIMEOUT
    with requests.request(
        method,
        url,
        data=data,
        headers={"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})},
        auth=_as_given,
        timeout=settings.OIDC_TIMEOUT,
        allow_redirects=False,
        stream=True,
    ) as response:
        return response.status_code, _read(response, deadline)


def _as_given(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Authentication that adds nothing: without it requests would put in what a .netrc says."""
    return request


def _read(response: requests.Response, deadline: float) -> bytes:
    """The body. The deadline is for the whole: a peer that drips bytes outlives any timeout."""
    body = b""
    while chunk := response.raw.read1(CHUNK, decode_content=True):
        body += chunk
        if len(body) > MAX_BYTES:
            raise ValueError("larger than any answer of the protocol")
        if time.monotonic() > deadline:
            raise TimeoutError
    return body


def _json_object(text: bytes, *, required: bool) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict):
        return parsed
    if required:
        raise malformed("json")
    return {}


def _no_answer() -> ProviderUnavailable:
    return ProviderUnavailable(
        "no_answer", _("The sign-in provider does not answer. Try again in a minute.")
    )
