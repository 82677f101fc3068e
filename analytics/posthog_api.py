"""PostHog's management API: dashboards, insights, cohorts, persons. Never used to send events.

It answers on the app host, to a personal key, for one project.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import requests
import urllib3
from posthog.request import determine_app_host

from analytics.backends.posthog import OneAnswerSession, json_object, read, retry_after
from analytics.conf import Config

TIMEOUT = 10.0  # seconds for the connection, and between two bytes
DEADLINE = 30.0  # seconds for the whole exchange, however the peer drips
MAX_BYTES = 16 * 1024 * 1024
LIST = 100  # objects that a page of a list holds
NOT_POSTHOGS = "not in PostHog's words; look at POSTHOG_HOST, and the proxy."


class ApiError(Exception):
    """PostHog refused, or cannot be reached: `str()` is a sentence with its words, and no key."""

    def __init__(
        self,
        words: str,
        status: int | None = None,
        wait: float | None = None,
        *,
        posthogs: bool = True,
    ) -> None:
        super().__init__(words)
        self.status = status  # None where nothing answered
        self.wait = wait  # seconds after which to ask again, where PostHog says so
        self.posthogs = posthogs  # whether it was PostHog that answered, not a proxy or a portal

    @property
    def passes(self) -> bool:
        """Whether it makes sense to ask again later."""
        return self.status is None or self.status in (408, 429) or self.status >= 500


class Api:
    """One project's API; paths are below `/api/projects/<id>/`, such as `insights/`."""

    def __init__(self, config: Config) -> None:
        self.key = config.POSTHOG_PERSONAL_API_KEY
        self.host = determine_app_host(config.POSTHOG_HOST)
        self.base = f"{self.host}/api/projects/{config.POSTHOG_PROJECT_ID}/"

    @staticmethod
    def missing(config: Config) -> str | None:
        """Why the API cannot be asked, in a sentence; None where it can."""
        if config.DO_NOT_TRACK:
            return "DO_NOT_TRACK is set: PostHog is not asked."
        for name in ("POSTHOG_PERSONAL_API_KEY", "POSTHOG_PROJECT_ID"):
            if not getattr(config, name):
                return f"{name} is not set."
        return None

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The JSON object that PostHog answers; an empty one for an empty answer.

        Raises `ApiError` for anything else, within `DEADLINE`. Where nothing answered, or a 5xx,
        PostHog may have done it all the same. Follows no redirect: the key is for one host.
        """
        # A session of its own: once it has hung up, it stays so.
        with OneAnswerSession() as session, session.deadline(DEADLINE):
            try:
                with session.request(
                    method,
                    self.base + path,
                    json=body,
                    params=query,
                    auth=self._sign,
                    timeout=TIMEOUT,
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    content = read(response, MAX_BYTES)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise self._silent(session, error) from None
            if session.hung_up:  # what came until then may look like an answer
                raise self._silent(session)
        answer = json_object(content)
        if response.status_code // 100 == 2 and (answer is not None or not content):
            return answer or {}
        raise ApiError(
            f"PostHog answered {response.status_code}: {_words(answer)}",
            response.status_code,
            retry_after(response.headers),
            posthogs=answer is not None,
        )

    def every(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """All objects of a list, page by page. Raises `ApiError`."""
        offset = 0
        while True:
            page = self.request("GET", path, query={**query, "limit": LIST, "offset": offset})
            there = page.get("results")
            if not isinstance(there, list):
                raise ApiError(f"PostHog answered 200: {NOT_POSTHOGS}", 200)
            yield from there
            # Only whether there is a next page: its address may name another host, behind a proxy.
            if not (page.get("next") and there):
                return
            offset += len(there)  # a page may hold fewer than it was asked for

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """As `auth`, because a header alone gives way to a .netrc that knows the host."""
        request.headers["Authorization"] = f"Bearer {self.key}"
        return request

    def _silent(self, session: OneAnswerSession, error: Exception | None = None) -> ApiError:
        if session.hung_up:
            return ApiError(f"{self.host} did not answer within {DEADLINE:.0f} seconds.")
        return ApiError(f"{self.host} cannot be reached: {type(error).__name__}.")


def _words(answer: dict[str, Any] | None) -> str:
    """What PostHog says is wrong."""
    if answer is None:
        return NOT_POSTHOGS
    said = [str(answer[name]) for name in ("attr", "detail", "error") if answer.get(name)]
    return ": ".join(said)[:500] or "without a word."
