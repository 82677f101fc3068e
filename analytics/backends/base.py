"""What a backend is: it takes a batch of events and says what became of each.

`wire` is how an event leaves, whatever the backend. Nothing here needs the SDK's network part.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from analytics.conf import Config

NO_ADDRESS = "0.0.0.0"  # noqa: S104 - a missing $ip would be filled with the sender's address


class Outgoing(NamedTuple):
    """An event as a backend gets it."""

    id: int
    """Its row."""
    uuid: UUID
    event: str
    distinct_id: str
    timestamp: datetime
    properties: str
    """A JSON object, as it is stored: to read it only to write it again would take most of the time
    that sending takes."""


@dataclass
class Answer:
    """What became of a batch; an event that is in neither list is to be tried again."""

    delivered: list[UUID] = field(default_factory=list)
    rejected: dict[UUID, str] = field(default_factory=dict)
    refused: str = ""
    """Why the batch was refused as a whole, for its content: it is sent again in halves."""
    error: str = ""
    """Why the others are to be tried again, in words without any secret."""
    remedy: str = ""
    """What a person has to do before anything is taken, in a sentence; a wrong key, say."""
    retry_after: float | None = None
    """Seconds that the peer asked to be left alone."""


class Backend(Protocol):
    """Takes batches of events; made anew for every pass. `testing.BackendContract` tries it.

    One that may wait for its peer can have a method `hang_up()`, too: called from another thread
    when the process ends, it makes `send` return at once.
    """

    def __init__(self, config: Config) -> None: ...

    def send(self, events: Sequence[Outgoing]) -> Answer:
        """Hand over a batch. Never raises."""
        ...


def wire(event: Outgoing) -> str:
    """An event as it leaves: a JSON object."""
    name, person = json.dumps(event.event), json.dumps(event.distinct_id)
    own = event.properties.strip()[1:-1]
    properties = f"{own}, {_everywhere()}" if own else _everywhere()
    return (
        f'{{"event": {name}, "distinct_id": {person}, "uuid": "{event.uuid}",'
        f' "timestamp": "{event.timestamp.isoformat()}", "properties": {{{properties}}}}}'
    )


@cache
def _everywhere() -> str:
    """What stands in the properties of every event, whatever was recorded."""
    properties = {
        "$lib": "posthog-python",
        "$lib_version": sdk_version(),
        "$geoip_disable": True,
        "$ip": NO_ADDRESS,
    }
    return json.dumps(properties)[1:-1]


def message(event: Outgoing) -> dict[str, Any]:
    """What a peer reads in `wire`."""
    read: dict[str, Any] = json.loads(wire(event))
    return read


@cache
def sdk_version() -> str:
    """The version of the installed SDK, read without importing it; "0" where there is none."""
    try:
        return version("posthog")
    except PackageNotFoundError:
        return "0"
