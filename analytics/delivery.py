"""Takes what waits in the outbox to the backend: one pass (`deliver`), or a thread that goes on.

No database connection is held while the backend waits for the network, and none while idle.
"""

from __future__ import annotations

import atexit
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from django.db import connection, connections
from django.utils import timezone
from django.utils.module_loading import import_string

from analytics import conf
from analytics.backends.base import Answer, Backend, Outgoing

GATHER = 0.2  # seconds that the thread waits for more events before it sends
IDLE = 30.0  # seconds between two looks at the queue, at most
EXIT = 0.4  # seconds that a process's end waits for the batch in hand, and then for its lease


@dataclass
class Report:
    """What a pass has done, in events."""

    delivered: int = 0
    rejected: int = 0
    kept: int = 0
    error: str = ""
    lost: bool = False
    """Whether the peer answered for rows that had become somebody else's meanwhile."""

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
    from analytics import housekeeping

    stop = stop or threading.Event()
    report = _send_all(everything=everything, stop=stop)
    housekeeping.tidy(stop)
    return report


def _send_all(*, everything: bool, stop: threading.Event) -> Report:
    from analytics import outbox, telemetry

    config = conf.get()
    if config.closed_because or (outbox.resting() and not everything):
        return Report()
    if config.telemetry_off_because:
        telemetry.withhold()
    work = Pass(backend(), stop)
    while not stop.is_set() and work.batch(everything=everything):
        pass
    return work.report


def deliver_for(seconds: float) -> Report:
    """Deliver all that can be in so many seconds, and the batch that is in hand then.

    For a page: what else is to be done goes to the process's thread, which may wait.
    """
    stop = threading.Event()
    timer = threading.Timer(seconds, stop.set)
    timer.daemon = True
    timer.start()
    try:
        return _send_all(everything=True, stop=stop)
    finally:
        timer.cancel()
        wake()


def deliver_one(event_id: int) -> Report:
    """Send one event that waits, now, whether the peer is to be left alone or not.

    Nothing is done where nothing may leave, nor with an event that another process is sending.
    """
    work = Pass(backend(), threading.Event())
    if not conf.get().closed_because:
        work.batch(everything=True, only=event_id)
    return work.report


class Pass:
    """One pass over what waits; `report` tells what it has done."""

    def __init__(self, sender: Backend, stop: threading.Event) -> None:
        self.sender = sender
        self.stop = stop
        self.report = Report()

    def batch(self, *, everything: bool, only: int | None = None) -> bool:
        """Lease a batch, send it, settle each row; False where it makes no sense to go on.

        `only` is the id of a row that is to be the whole batch.
        """
        from analytics import outbox

        lease = Lease(self.sender)
        _leases.append(lease)  # before the rows are taken, so that an end finds it
        try:
            lease.rows = outbox.lease(lease.token, everything=everything, only=only)[1]
            if not lease.rows:
                return False
            if self.stop.is_set():
                lease.give_back()
                return False
            return self._send(lease, lease.rows)
        except BaseException:
            lease.give_back()
            raise
        finally:
            _leases.remove(lease)

    def _send(self, lease: Lease, rows: list[Outgoing]) -> bool:
        """Send rows of a lease and settle each; False where it makes no sense to go on."""
        answer = self._ask(rows)
        if answer.refused and len(rows) > 1:
            return self._send_halves(lease, rows)
        if answer.refused:
            answer.rejected = {rows[0].uuid: answer.refused}
        settled = self._settle(lease, rows, answer)
        kept = len(rows) - len(answer.delivered) - len(answer.rejected)
        if kept:
            self._keep(lease, kept, answer)
        # Where nothing could be settled the lease has run out: to go on would be to send it again.
        self.report.lost = not kept and not settled
        return not kept and not self.report.lost

    def _settle(self, lease: Lease, rows: list[Outgoing], answer: Answer) -> int:
        """Keep what became of each; returns how many the lease still held."""
        from analytics import outbox

        taken, rejected = set(answer.delivered), 0
        delivered = outbox.settle_delivered(lease.token, [row for row in rows if row.uuid in taken])
        for row in rows:
            if row.uuid in answer.rejected:
                reason = answer.rejected[row.uuid]
                rejected += outbox.settle_rejected(lease.token, row, reason)
                outbox.warn_once(f"PostHog rejects events: {reason.partition(':')[0]}.")
        if delivered or rejected:  # either is an answer of a peer that is there
            outbox.resume()
        self.report.delivered += delivered
        self.report.rejected += rejected
        return delivered + rejected

    def _send_halves(self, lease: Lease, rows: list[Outgoing]) -> bool:
        """Send smaller pieces of a batch that was refused, down to the event that is at fault."""
        from analytics import outbox

        middle = len(rows) // 2
        for half in (rows[:middle], rows[middle:]):
            if not outbox.renew(lease.token, lease.rows):
                self.report.lost = True
                return False
            if not self._send(lease, half):
                return False
        return True

    def _keep(self, lease: Lease, kept: int, answer: Answer) -> None:
        """Give the rest of a lease back, and leave the peer alone for a while."""
        from analytics import outbox

        if self.stop.is_set():  # at an end it is we who hung up
            lease.give_back()
        else:
            lease.give_back(answer.error)
            outbox.pause(answer.retry_after, reason=answer.error, remedy=answer.remedy)
        self.report.kept += kept
        self.report.error = answer.error

    def _ask(self, rows: list[Outgoing]) -> Answer:
        """The backend's answer; one that raises, against its promise, has delivered nothing."""
        release_connection()
        try:
            return self.sender.send(rows)
        except Exception as error:
            return Answer(error=type(error).__name__)


@dataclass(eq=False)
class Lease:
    """Rows that are this process's for a time, and who sends them."""

    sender: Backend
    token: UUID = field(default_factory=uuid4)
    rows: list[Outgoing] = field(default_factory=list)

    def give_back(self, reason: str = "") -> None:
        """Let others have at once what is not settled."""
        from analytics import outbox

        outbox.release(self.token, reason, self.rows)


_leases: list[Lease] = []  # what this process holds now


def hang_up_all() -> None:
    """Have no backend of this process wait for its peer any longer."""
    for lease in tuple(_leases):
        if hang_up := getattr(lease.sender, "hang_up", None):
            hang_up()


def give_back_all() -> None:
    """Give back what this process holds, so that another one need not wait for the leases' end."""
    from analytics import patience

    for lease in tuple(_leases):
        with patience.briefly():
            lease.give_back()


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
        if self._thread.is_alive():  # the peer lets it wait: it ends the batch without an answer
            hang_up_all()
            self._thread.join(EXIT)
        if self._thread.is_alive():  # not even connected
            give_back_all()

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
        lost = deliver(stop=stop).lost
        moment = None if conf.get().closed_because else outbox.next_try()
    except Exception as error:
        outbox.warn_once(f"Delivery failed and is tried again: {type(error).__name__}.")
        return IDLE
    finally:
        connections.close_all()
    if lost:  # to somebody whose clock differs: of two that take each other's rows one has to yield
        stop.wait(IDLE * random.uniform(0.5, 1.5))  # noqa: S311 - no secret rests on it
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
    """End this process's thread, within a second."""
    from analytics import outbox

    try:
        _worker.stop()
    except Exception as error:  # the process ends, whatever it is
        outbox.warn_once(f"Leases are not given back: {type(error).__name__}.")


def _after_fork() -> None:
    global _worker
    _worker = Worker()  # the thread stayed in the parent, and so did what it holds
    _leases.clear()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(stop)
