"""The console: each event is a line of JSON. To see what would leave while one works."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from analytics.backends.base import Answer, Outgoing, message

if TYPE_CHECKING:
    from analytics.conf import Config

_whole_lines = threading.Lock()  # the delivery thread is not the only one that writes


class ConsoleBackend:
    """Writes to standard output, or to the stream that it is given. Nothing leaves the machine."""

    def __init__(self, config: Config, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout

    def send(self, events: Sequence[Outgoing]) -> Answer:
        """Write a line for each event; a closed stream is an outage."""
        answer = Answer()
        try:
            with _whole_lines:
                for event in events:
                    self.stream.write(f"{json.dumps(message(event))}\n")
                    self.stream.flush()
                    answer.delivered.append(event.uuid)
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            answer.error = type(error).__name__
        return answer
