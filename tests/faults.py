"""A PostHog that fails in every way there is, and takes what it is sent in between.

The faults come in the order that it is given: `shuffled` draws one from a seed. Whatever is due,
the poisonous event is never taken: it is what PostHog refuses for good.
"""

import json
import os
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from typing import Any

from tests.capture import OK, wait_until

WELL = "well"
TOO_LARGE, POISONED = "413", "400"
WORDS = "Invalid payload: poison"  # what PostHog says of the poisonous event
ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    WELL: (200, {}, OK),
    POISONED: (400, {}, json.dumps({"type": "validation_error", "detail": WORDS}).encode()),
    "401": (401, {}, b'{"detail": "Invalid API key"}'),
    "408": (408, {}, b""),
    TOO_LARGE: (413, {}, b"<html>Request Entity Too Large</html>"),
    "429": (429, {}, b"{}"),
    "429 for a second": (429, {"Retry-After": "1"}, b"{}"),
    "500": (500, {}, b"<html>Oops</html>"),
    "503": (503, {}, b""),
    "a page": (200, {"Content-Type": "text/html"}, b"<html>Welcome to the airport</html>"),
    "half a JSON": (200, {}, OK[: len(OK) // 2]),
    "cut off": (200, {"Content-Length": "1000"}, OK),
}
TAKEN = "taken, then "  # the batch is kept, and then the sender is told something else
FAULTS = [
    *(name for name in ANSWERS if name not in (WELL, POISONED)),
    *("refuse", "reset", "hang", "drip", "close the port"),
    *(TAKEN + name for name in ("500", "cut off", "reset", "hang")),
]
CLOSED = 1.0  # seconds that the port is closed
PATIENCE = 40  # seconds until it gives a sender up, should that have no end


def shuffled(seed: int) -> Iterator[str]:
    """Every fault in random order, some of the time well, then again in another order."""
    order = random.Random(seed)
    while True:
        deck = [*FAULTS, *[WELL] * (len(FAULTS) // 2)]
        order.shuffle(deck)
        yield from deck


class FaultServer:
    """Listens on loopback; a request gets what the next of `faults` says, afterwards all is well.

    `poisonous` tells the event that is refused from the others.
    """

    def __init__(self, faults: Iterable[str], poisonous: Callable[[dict[str, Any]], bool]) -> None:
        self.accepted: list[list[dict[str, Any]]] = []
        """The batches that the sender was told to be taken."""
        self.replayed: list[list[dict[str, Any]]] = []
        """The batches that were taken although the sender does not know."""
        self.happened: Counter[str] = Counter()
        self.port = 0
        self._faults: Iterator[str] = chain(faults, repeat(WELL))
        self._poisonous = poisonous
        self._refuses = False
        self._lock, self._port_lock = threading.Lock(), threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def received(self) -> list[dict[str, Any]]:
        """Every event of every batch that was taken, known to the sender or not."""
        return [event for batch in (*self.accepted, *self.replayed) for event in batch]

    def recover(self) -> None:
        """From now on all is well."""
        with self._lock:
            self._faults = repeat(WELL)
            self._refuses = False

    def start(self) -> None:
        """Listen; on the same port as before after a stop."""
        self._server = _Server(self)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Close the port; waits until it is open if it is closed for the moment."""
        with self._port_lock:
            self._close()

    def close_for_a_moment(self) -> None:
        """Close the port, so that the system itself refuses connections, and open it again."""
        with self._port_lock:
            self._close()
            time.sleep(CLOSED)
            wait_until(self._opens, 10)  # another program's connection may have the port's number

    def _close(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def _opens(self) -> bool:
        with suppress(OSError):
            self.start()
            return True
        return False

    def refuses(self) -> bool:
        """Whether the connection that was just made is to be closed."""
        with self._lock:
            refuses, self._refuses = self._refuses, False
            return refuses

    def judge(self, batch: list[dict[str, Any]]) -> str:
        """What this batch gets; keeps it where it is taken."""
        with self._lock:
            poisoned = any(map(self._poisonous, batch))
            fault = self._due(len(batch), poisoned)
            self.happened[fault] += 1
            self._refuses |= fault == "refuse"
            if fault == WELL:
                self.accepted.append(batch)
            elif fault.startswith(TAKEN) and not poisoned:
                self.replayed.append(batch)
        return fault.removeprefix(TAKEN)

    def _due(self, size: int, poisoned: bool) -> str:
        fault = next(self._faults)
        if fault == TOO_LARGE and size == 1:  # one event is never too large
            fault = WELL
        return POISONED if fault == WELL and poisoned else fault


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, faults: FaultServer) -> None:
        self.faults = faults
        super().__init__(("127.0.0.1", faults.port), _Handler)

    def verify_request(self, *_request: object) -> bool:
        return not self.faults.refuses()

    def handle_error(self, *_request: object) -> None:
        """Senders that give up are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept, as PostHog does
    timeout = PATIENCE
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fault = self.server.faults.judge(json.loads(body)["batch"])
        if fault in ANSWERS:
            self._answer(*ANSWERS[fault])
            self.close_connection = fault == "cut off"
        else:
            self.close_connection = True
            self._break(fault)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _break(self, fault: str) -> None:
        """Answer nothing, in one of several ways."""
        if fault == "reset":
            self._reset()
        elif fault == "hang":
            self.rfile.read(1)  # comes back when the sender has given up
        elif fault == "drip":
            self._drip()
        elif fault == "close the port":
            self._reset()
            self.server.faults.close_for_a_moment()

    def _reset(self) -> None:
        """End the connection as a machine does that knows nothing of it."""
        now = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
        os.close(self.connection.detach())  # `close` would wait for the files made of it

    def _drip(self) -> None:
        """A good answer, a byte a second, until the sender has given up."""
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(OK)
        for byte in head + OK:
            self.wfile.write(bytes([byte]))
            time.sleep(1)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@contextmanager
def fault_server(
    faults: Iterable[str], poisonous: Callable[[dict[str, Any]], bool] = lambda _: False
) -> Iterator[FaultServer]:
    """A running fault server, stopped at the end."""
    server = FaultServer(faults, poisonous)
    server.start()
    try:
        yield server
    finally:
        server.stop()
