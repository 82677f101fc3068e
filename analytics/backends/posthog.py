"""PostHog, over the official SDK's `batch_post`.

The SDK's client is passed by on purpose: its queue lives in memory, and `capture()` puts the
server's system over the browser's. `batch_post` is exported but undocumented; a contract test holds
it, and the SDK is pinned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import requests
from posthog.request import APIError, batch_post, determine_server_host
from posthog.version import VERSION

from analytics.backends.base import Answer

if TYPE_CHECKING:
    from analytics.conf import Config
    from analytics.models import Event

TIMEOUT = 10.0  # seconds for the connection, and between two bytes
NO_ADDRESS = "0.0.0.0"  # noqa: S104 - a missing $ip would be filled with the sender's address
FINAL = {400, 413}  # the payload is at fault: smaller pieces find the event


def message(event: Event) -> dict[str, Any]:
    """An event as it leaves."""
    return {
        "event": event.event,
        "distinct_id": event.distinct_id,
        "uuid": str(event.uuid),
        "timestamp": event.timestamp.isoformat(),
        "properties": {
            **event.properties,
            "$lib": "posthog-python",
            "$lib_version": VERSION,
            "$geoip_disable": True,
            "$ip": NO_ADDRESS,
        },
    }


class PostHogBackend:
    """Sends batches to `POST /batch/`."""

    def __init__(self, config: Config) -> None:
        self.key = config.POSTHOG_API_KEY
        self.host = determine_server_host(config.POSTHOG_HOST)

    def send(self, events: Sequence[Event]) -> Answer:
        """Send a batch; one that is refused for its content is halved down to its culprit."""
        try:
            response = batch_post(
                self.key, self.host, timeout=TIMEOUT, batch=[message(event) for event in events]
            )
        except APIError as error:
            if error.status in FINAL:
                return self._halve(events, error)
            return Answer(error=f"HTTP {error.status}", retry_after=error.retry_after)
        except requests.RequestException as error:
            return Answer(error=type(error).__name__)
        if not is_posthogs(response):
            return Answer(error="HTTP 200 with an answer that is not PostHog's")
        return Answer(delivered=[event.uuid for event in events])

    def _halve(self, events: Sequence[Event], error: APIError) -> Answer:
        if len(events) == 1:
            return Answer(rejected={events[0].uuid: f"HTTP {error.status}: {error.message}"[:500]})
        middle = len(events) // 2
        first, second = self.send(events[:middle]), self.send(events[middle:])
        return Answer(
            delivered=first.delivered + second.delivered,
            rejected=first.rejected | second.rejected,
            error=first.error or second.error,
            retry_after=first.retry_after or second.retry_after,
        )


def is_posthogs(response: requests.Response) -> bool:
    """Whether a 200 is PostHog's own: a captive portal answers 200 as well, with a page."""
    try:
        answer = response.json()
    except ValueError:
        return False
    return isinstance(answer, dict) and "status" in answer
