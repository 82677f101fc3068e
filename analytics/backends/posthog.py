"""PostHog, over the official SDK's `post`.

The SDK's client is passed by on purpose: its queue lives in memory, and `capture()` puts the
server's system over the browser's. `post` is undocumented; a contract test holds it, and the SDK
is pinned.
"""

from __future__ import annotations

import json
import math
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from django.utils import timezone
from posthog.request import EVENTS_ENDPOINT, determine_server_host, post
from requests.adapters import HTTPAdapter

from analytics.backends.base import Answer, Outgoing, wire

if TYPE_CHECKING:
    from analytics.conf import Config

TIMEOUT = 10.0  # seconds for the connection, and between two bytes
DEADLINE = 20.0  # seconds for the whole exchange, however the peer drips; well below a lease
LATE = "DeadlineExceeded"
PLACE = "the batch"
CHUNK, MAX_BYTES = 16 * 1024, 1024 * 1024
TAKEN = (1, "Ok", "ok")  # what PostHog's servers say, by their age
TRANSIENT = {408, 429}  # and 5xx; any other answer needs a person
REMEDIES = {
    401: "PostHog does not know the key: put POSTHOG_API_KEY right.",
    402: "PostHog's plan is used up: look at the project's billing.",
    403: "PostHog does not let this key in: put POSTHOG_API_KEY right.",
}
NOT_POSTHOG = "What answers there is not PostHog: put POSTHOG_HOST right, or look at the proxy."


class OneAnswerSession(requests.Session):
    """One answer, in time. Follows no redirect: a POST becomes a GET, and some page says 200."""

    def __init__(self) -> None:
        super().__init__()
        self.batch = "[]"
        """The events as JSON, for the place that the SDK leaves: it takes longer to write them."""
        self.hung_up = False
        self.connections: list[urllib3.connection.HTTPConnection] = []
        for scheme in ("https://", "http://"):
            self.mount(scheme, WatchedAdapter(self))

    def post(self, url: Any, data: Any = None, json: Any = None, **kwargs: Any) -> Any:
        """Post what the SDK has made, and leave the answer to be read piece by piece."""
        body = data.replace(f'"{PLACE}"', self.batch, 1)
        return super().post(url, body, json, **kwargs, allow_redirects=False, stream=True)

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """End whatever goes on after these seconds: a time-out is for two bytes, not for all."""
        timer = threading.Timer(seconds, self.hang_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def hang_up(self) -> None:
        """End whatever goes on, and what is begun from now on."""
        self.hung_up = True
        for connection in self.connections:
            if connection.sock is not None:
                with suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)


class WatchedAdapter(HTTPAdapter):
    """Tells its session of the connections that it opens."""

    def __init__(self, session: OneAnswerSession) -> None:
        super().__init__()
        self._session = session

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """The pool for a request, whose new connections are watched."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        make = type(pool).ConnectionCls

        def watched(*args: Any, **kwargs: Any) -> Any:
            self._session.connections.append(made := make(*args, **kwargs))
            made.connect = partial(self._connect, made.connect)
            return made

        pool.ConnectionCls = watched
        return pool

    def _connect(self, connect: Callable[[], None]) -> None:
        connect()  # takes its time for each address that the name has
        if self._session.hung_up:
            raise OSError(LATE)


class PostHogBackend:
    """Sends batches to `POST /batch/`."""

    def __init__(self, config: Config) -> None:
        self.key = config.POSTHOG_API_KEY
        self.host = determine_server_host(config.POSTHOG_HOST)
        self.session = OneAnswerSession()  # of its own: the SDK's would be shared over a fork

    def send(self, events: Sequence[Outgoing]) -> Answer:
        """Send a batch: PostHog takes or refuses it as a whole."""
        self.session.batch = f"[{', '.join(map(wire, events))}]"
        try:
            with (
                self.session.deadline(DEADLINE),
                post(
                    self.key,
                    self.host,
                    EVENTS_ENDPOINT,
                    timeout=TIMEOUT,
                    session=self.session,
                    batch=PLACE,
                ) as response,
            ):
                body = read(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return Answer(error=self._reason(error))
        if self.session.hung_up:  # what came until then may look like an answer
            return Answer(error=LATE)
        return judge(response, body, events)

    def hang_up(self) -> None:
        """Give up what is being sent; called by another thread, at the end of the process."""
        self.session.hang_up()

    def _reason(self, error: Exception) -> str:
        return LATE if self.session.hung_up else type(error).__name__


def read(response: requests.Response, most: int = MAX_BYTES) -> bytes:
    """The body; of one that does not end, the beginning (about so many bytes)."""
    body = b""
    while len(body) < most and (chunk := response.raw.read1(CHUNK, decode_content=True)):
        body += chunk
    return body


def judge(response: requests.Response, body: bytes, events: Sequence[Outgoing]) -> Answer:
    """What an answer means. Only what PostHog could have said counts as PostHog's word."""
    status, words = response.status_code, json_object(body)
    if status == 200 and words is not None and words.get("status") in TAKEN:
        return Answer(delivered=[event.uuid for event in events])
    if status == 413 or (status == 400 and words is not None):
        return Answer(refused=f"HTTP {status}: {(words or {}).get('detail', '')}"[:500])
    not_posthogs = " with an answer that is not PostHog's" if status in (200, 400) else ""
    return Answer(
        error=f"HTTP {status}{not_posthogs}",
        remedy=remedy(status),
        retry_after=retry_after(response.headers),
    )


def remedy(status: int) -> str:
    """What a person has to do about an answer; nothing where time alone helps."""
    if status in TRANSIENT or status >= 500:
        return ""
    return REMEDIES.get(status, NOT_POSTHOG)


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
