"""`manage.py deliver_events`: take what waits to PostHog, in a process of its own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from analytics import conf, delivery, housekeeping

PAUSE = 5.0  # seconds between two looks at the queue


class Command(BaseCommand):
    """Deliver events once or for ever."""

    help = "Delivers what waits in the outbox: with --once now, otherwise until it is told to end."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--once` sends everything that waits, whatever its next try, and ends."""
        parser.add_argument("--once", action="store_true", help="send everything that waits, end")

    def handle(self, *args: Any, once: bool = False, **options: Any) -> None:
        """Ends with 0; SIGTERM and Ctrl-C end it after the batch in hand."""
        if reason := conf.get().closed_because:
            housekeeping.tidy()
            self._say(f"Nothing leaves this machine: {reason}.", options["verbosity"])
            return
        with ended_by_signals() as (stop, work):
            if once:
                report = delivery.deliver(everything=True, stop=stop)
                self._say(report.sentence, options["verbosity"])
            else:
                delivery.deliver_until(stop, work, idle=PAUSE)

    def _say(self, sentence: str, verbosity: int) -> None:
        if verbosity > 0:  # cron mails whatever is said
            self.stdout.write(sentence)


@contextmanager
def ended_by_signals() -> Iterator[tuple[threading.Event, threading.Event]]:
    """Two events that SIGTERM and Ctrl-C set, for the time of the block: stop, and look at it."""
    stop, work = threading.Event(), threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()
        work.set()

    main = threading.current_thread() is threading.main_thread()  # only there signals are heard
    signals = (signal.SIGTERM, signal.SIGINT) if main else ()
    before = {number: signal.signal(number, end) for number in signals}
    try:
        yield stop, work
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
