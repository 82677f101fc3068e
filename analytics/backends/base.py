"""What a backend is: it takes a batch of events and says what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from analytics.conf import Config
    from analytics.models import Event


@dataclass
class Answer:
    """What became of a batch; an event that is in neither list is to be tried again."""

    delivered: list[UUID] = field(default_factory=list)
    rejected: dict[UUID, str] = field(default_factory=dict)
    error: str = ""
    """Why the others are to be tried again, in words without any secret."""
    retry_after: float | None = None
    """Seconds that the peer asked to be left alone."""


class Backend(Protocol):
    """Takes batches of events; made anew for every pass."""

    def __init__(self, config: Config) -> None: ...

    def send(self, events: Sequence[Event]) -> Answer:
        """Hand over a batch. Never raises."""
        ...
