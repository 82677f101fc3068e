"""A list in memory, for tests: `locmem.messages` holds what would have left."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analytics.backends.base import Answer, Outgoing, message

if TYPE_CHECKING:
    from analytics.conf import Config

messages: list[dict[str, Any]] = []
"""Every message of this process, oldest first; a test empties it with `messages.clear()`."""


class LocmemBackend:
    """Keeps messages, as JSON would carry them, in `messages`. Nothing leaves the machine."""

    def __init__(self, config: Config) -> None: ...

    def send(self, events: Sequence[Outgoing]) -> Answer:
        """Keep a batch."""
        messages.extend(json.loads(json.dumps(message(event))) for event in events)
        return Answer(delivered=[event.uuid for event in events])
