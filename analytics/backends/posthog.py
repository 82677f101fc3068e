"""PostHog, over the official SDK's `post`.

The SDK's client is passed by on purpose: its queue lives in memory, and `capture()` puts the
server's system over the browser's. `post` is undocumented; a contract test holds it, and the SDK
is pinned.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from django.utils import timezone
from posthog.request import EVENTS_ENDPOINT, determine_server_host, post

from analytics.backends.base import Answer, message

if TYPE_CHECKING:
    from analytics.conf import Config
    from analytics.models import Event

TIMEOUT = 10.0  # seconds for the connection, and between two bytes
DEADLINE = 20.0  # seconds for an answer's body, however it drips
CHUNK, MAX_BYTES = 16 * 1024, 1024 * 1024
TRANSIENT = {408, 429}  # and 5xx; any other answer that is none of PostHog's needs a person


class OneAnswerSession(requests.Session):
    """Follows no redirect: a POST becomes a GET on the way, and some page would answer 200."""

    def post(self, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """Post, and leave the body to be read under a deadline."""
        return super().post(url, *args, **kwargs, allow_redirects=False, stream=True)


class PostHogBackend:
    """Sends batches to `POST /batch/`."""

    def __init__(self, config: Config) -> None:
        self.key = config.POSTHOG_API_KEY
        self.host = determine_server_host(config.POSTHOG_HOST)
        self.session = OneAnswerSession()  # of its own: the SDK's would be shared over a fork

    def send(self, events: Sequence[Event]) -> Answer:
        """Send a batch: PostHog takes or refuses it as a whole."""
        batch = [message(event) for event in events]
        try:
            with post(
                self.key,
                self.host,
                EVENTS_ENDPOINT,
                timeout=TIMEOUT,
                session=self.session,
                batch=batch,
            ) as response:
                body = read(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return Answer(error=type(error).__name__)
        return judge(response, body, events)


def read(response: requests.Response) -> bytes:
    """The body. Raises `TimeoutError` for one that drips, and cuts off one that does not end."""
    deadline = time.monotonic() + DEADLINE
    body = b""
    while len(body) < MAX_BYTES and (chunk := response.raw.read1(CHUNK, decode_content=True)):
        body += chunk
        if time.monotonic() > deadline:
            raise TimeoutError
    return body


def judge(response: requests.Response, body: bytes, events: Sequence[Event]) -> Answer:
    """What an answer means. Only what PostHog could have said counts as PostHog's word."""
    status, words = response.status_code, json_object(body)
    if status == 200 and words is not None and "status" in words:
        return Answer(delivered=[event.uuid for event in events])
    if status == 413 or (status == 400 and words is not None):
        return Answer(refused=f"HTTP {status}: {(words or {}).get('detail', '')}"[:500])
    not_posthogs = " with an answer that is not PostHog's" if status in (200, 400) else ""
    return Answer(
        error=f"HTTP {status}{not_posthogs}",
        attention=status not in TRANSIENT and status < 500,
        retry_after=retry_after(response.headers),
    )


def json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object that a body is; None where it is none."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the peer asks to be left alone; None where it says nothing that makes sense."""
    value = headers.get("Retry-After", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - timezone.now()).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
