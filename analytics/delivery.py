"""Takes what waits in the outbox to the backend: one pass (`deliver`), or a thread that goes on.

No database connection is held while the backend waits for the network, and none while idle.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.db import connection, connections
from django.utils import timezone
from django.utils.module_loading import import_string

from analytics import conf
from analytics.backends.base import Answer, Backend

if TYPE_CHECKING:
    from analytics.models import Event


GATHER = 0.2  # seconds that the thread waits for more events before it sends
IDLE = 30.0  # seconds between two looks at the queue, at most
EXIT = 0.5  # seconds that a process's end waits for the batch in hand; then it gives it back


@dataclass
class Report:
    """What a pass has done, in events."""

    delivered: int = 0
    rejected: int = 0
    kept: int = 0
    error: str = ""

    @property
    def sentence(self) -> str:
        """The counts, and why events were kept."""
        counts = f"Delivered {self.delivered}, rejected {self.rejected}, kept {self.kept}"
        return f"{counts} ({self.error})." if self.error else f"{counts}."


def backend() -> Backend:
    """The configured backend."""
    made: Backend = import_string(conf.get().BACKEND)(conf.get())
    return made


def deliver(*, everything: bool = False, stop: threading.Event | None = None) -> Report:
    """Send what waits, batch by batch, until nothing is left, the peer fails, or `stop` is set.

    `everything` asks a peer that is to be left alone, too. Sends nothing where nothing may leave.
    """
    from analytics import housekeeping, outbox, telemetry

    stop = stop or threading.Event()
    housekeeping.tidy(stop)
    config = conf.get()
    if config.closed_because or (outbox.resting() and not everything):
        return Report()
    if config.telemetry_off_because:
        telemetry.withhold()
    work = Pass(backend(), stop)
    while not stop.is_set() and work.batch(everything=everything):
        pass
    return work.report


class Pass:
    """One pass over what waits; `report` tells what it has done."""

    def __init__(self, sender: Backend, stop: threading.Event) -> None:
        self.sender = sender
        self.stop = stop
        self.report = Report()

    def batch(self, *, everything: bool) -> bool:
        """Lease a batch, send it, settle each row; False where it makes no sense to go on."""
        from analytics import outbox

        token = uuid4()
        _held.add(token)  # before there is a lease, so that an end finds it
        try:
            rows = outbox.lease(token, everything=everything)[1]
            return bool(rows) and self._send(token, rows)
        except BaseException:
            outbox.release(token, "interrupted")
            raise
        finally:
            _held.discard(token)

    def _send(self, token: UUID, rows: list[Event]) -> bool:
        """Send rows of a lease and settle each; False where it makes no sense to go on."""
        from analytics import outbox

        answer = self._ask(rows)
        if answer.refused and len(rows) > 1:
            return self._send_halves(token, rows)
        rejected = {rows[0].uuid: answer.refused} if answer.refused else answer.rejected
        delivered = outbox.settle_delivered(token, answer.delivered)
        settled_rejected = 0
        for event_uuid, reason in rejected.items():
            settled_rejected += outbox.settle_rejected(token, event_uuid, reason)
            outbox.warn_once(f"PostHog rejects events: {reason.partition(':')[0]}.")
        self.report.delivered += delivered
        self.report.rejected += settled_rejected
        if delivered:
            outbox.resume()
        kept = len(rows) - len(answer.delivered) - len(rejected)
        if kept:
            self._keep(token, kept, answer)
        # Where nothing could be settled the lease has run out: to go on would be to send it again.
        return not kept and delivered + settled_rejected > 0

    def _send_halves(self, token: UUID, rows: list[Event]) -> bool:
        """Send smaller pieces of a batch that was refused, down to the event that is at fault."""
        from analytics import outbox

        middle = len(rows) // 2
        return all(
            outbox.renew(token) and self._send(token, half)
            for half in (rows[:middle], rows[middle:])
        )

    def _keep(self, token: UUID, kept: int, answer: Answer) -> None:
        """Give the rest of a lease back, and leave the peer alone for a while."""
        from analytics import outbox

        outbox.release(token, answer.error)
        outbox.pause(answer.retry_after, reason=answer.error, remedy=answer.remedy)
        self.report.kept += kept
        self.report.error = answer.error

    def _ask(self, rows: list[Event]) -> Answer:
        """The backend's answer; one that raises, against its promise, has delivered nothing."""
        release_connection()
        try:
            return self.sender.send(rows)
        except Exception as error:
            return Answer(error=type(error).__name__)


_held: set[UUID] = set()  # the leases that this process holds now


def release_held() -> None:
    """Give back what this process holds, so that another one need not wait for the leases' end."""
    from analytics import outbox, patience

    for token in tuple(_held):
        with patience.briefly():
            outbox.release(token, "interrupted")


def release_connection() -> None:
    """Hold no connection to the database while waiting for something else."""
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
        """End the thread; what is not sent stays in the outbox, and is anybody's at once."""
        self._stop.set()
        self._work.set()
        if self._thread is None:
            return
        self._thread.join(EXIT)
        if self._thread.is_alive():  # the peer lets it wait
            release_held()

    def _run(self) -> None:
        deliver_until(self._stop, self._work)


def deliver_until(stop: threading.Event, work: threading.Event, idle: float = IDLE) -> None:
    """Deliver until `stop` is set: when `work` is set, when the peer may be asked again, and every
    `idle` seconds. Outlives a database that went away; holds no connection while it waits.
    """
    pause = 0.0
    while not stop.is_set():
        work.wait(pause)
        stop.wait(GATHER)
        work.clear()
        pause = min(_pass(stop), idle)


def _pass(stop: threading.Event) -> float:
    """One pass; returns the seconds until the next one if nothing wakes it before."""
    from analytics import outbox

    try:
        deliver(stop=stop)
        moment = None if conf.get().closed_because else outbox.next_try()
    except Exception as error:
        outbox.warn_once(f"Delivery failed and is tried again: {type(error).__name__}.")
        return IDLE
    finally:
        connections.close_all()
    if moment is None:
        return IDLE
    return min(max((moment - timezone.now()).total_seconds(), 0.0), IDLE)


_worker = Worker()


_by_hand: ContextVar[bool] = ContextVar("analytics_delivery_by_hand", default=False)


@contextmanager
def by_hand() -> Iterator[None]:
    """For the time of the block the caller delivers what it records, and wakes no thread."""
    token = _by_hand.set(True)
    try:
        yield
    finally:
        _by_hand.reset(token)


def wake() -> None:
    """Have this process's thread deliver soon, where it has one."""
    if conf.get().DELIVERY_THREAD and not _by_hand.get():
        _worker.wake()


def stop() -> None:
    """End this process's thread, within a second; write what could not be written before."""
    from analytics import dropped, outbox

    try:
        _worker.stop()
        dropped.write()
    except Exception as error:  # the process ends, whatever it is
        outbox.warn_once(f"Leases are not given back: {type(error).__name__}.")


def _after_fork() -> None:
    global _worker
    _worker = Worker()  # the thread stayed in the parent, and so did what it holds
    _held.clear()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(stop)
