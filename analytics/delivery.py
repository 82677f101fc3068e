"""Takes what waits in the outbox to the backend: one pass (`deliver`), or a thread that goes on.

No database connection is held while the backend waits for the network, and none while idle.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from dataclasses import dataclass

from django.db import connection, connections
from django.utils import timezone
from django.utils.module_loading import import_string

from analytics import conf
from analytics.backends.base import Backend

logger = logging.getLogger("analytics")

GATHER = 0.2  # seconds that the thread waits for more events before it sends
IDLE = 30.0  # seconds between two looks at the queue
EXIT = 1.0  # seconds that a process's end may be held up


@dataclass
class Report:
    """What a pass has done, in events."""

    delivered: int = 0
    rejected: int = 0
    kept: int = 0
    error: str = ""


def backend() -> Backend:
    """The configured backend."""
    made: Backend = import_string(conf.get().BACKEND)(conf.get())
    return made


def deliver(*, everything: bool = False, stop: threading.Event | None = None) -> Report:
    """Send what is due, batch by batch, until nothing is left, the peer fails, or `stop` is set.

    `everything` sends what waits for a later try, too. Where nothing may leave, nothing is done.
    """
    report = Report()
    if conf.get().closed_because:
        return report
    sender = backend()
    while not (stop and stop.is_set()) and _send_batch(sender, report, everything):
        pass
    return report


def _send_batch(sender: Backend, report: Report, everything: bool) -> bool:
    """Send one batch and settle it; False where it makes no sense to go on."""
    from analytics import outbox

    token, rows = outbox.lease(everything=everything)
    if not rows:
        return False
    _release_connection()
    answer = sender.send(rows)
    report.delivered += outbox.settle_delivered(token, answer.delivered)
    for event_uuid, reason in answer.rejected.items():
        report.rejected += outbox.settle_rejected(token, event_uuid, reason)
        logger.warning("PostHog rejected the event %s: %s", event_uuid, reason)
    done = {*answer.delivered, *answer.rejected}
    kept = [row for row in rows if row.uuid not in done]
    if kept:
        outbox.settle_later(token, kept, answer.error, answer.retry_after)
        report.kept += len(kept)
        report.error = answer.error
    return not kept


def _release_connection() -> None:
    if not connection.in_atomic_block:  # a test's transaction is not ours to end
        connection.close()


class Worker:
    """The thread that delivers for its process; started after a fork, by the first event."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._work = threading.Event()
        self._stop = threading.Event()

    def wake(self) -> None:
        """Look at the queue soon."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="analytics", daemon=True)
                self._thread.start()
        self._work.set()

    def stop(self) -> None:
        """End the thread; what is not sent stays in the outbox."""
        self._stop.set()
        self._work.set()
        if self._thread is not None:
            self._thread.join(EXIT)

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.is_set():
            self._work.wait(pause)
            self._stop.wait(GATHER)
            self._work.clear()
            pause = self._pass()

    def _pass(self) -> float:
        """One pass; returns the seconds until the next one if nothing wakes it before."""
        from analytics import outbox

        try:
            deliver(stop=self._stop)
            due = outbox.next_due()
        except Exception as error:  # the thread must outlive a database that went away
            outbox.warn_once(f"Delivery failed and is tried again: {type(error).__name__}.")
            return IDLE
        finally:
            connections.close_all()
        if due is None:
            return IDLE
        return min(max((due - timezone.now()).total_seconds(), 0.0), IDLE)


_worker = Worker()


def wake() -> None:
    """Have this process's thread deliver soon, where it has one."""
    if conf.get().DELIVERY_THREAD:
        _worker.wake()


def stop() -> None:
    """End this process's thread."""
    _worker.stop()


def _after_fork() -> None:
    global _worker
    _worker = Worker()  # the thread stayed in the parent


os.register_at_fork(after_in_child=_after_fork)
atexit.register(stop)
