"""A PostHog in a process of its own: as fast as can be, or one that accepts and never answers.

`python -m tests.benchmarks.peer PORT answers` or `… PORT hangs`; `GET /` tells the events it took.
"""

import asyncio
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from tests.capture import OK, wait_until
from tests.processes import ROOT, answers, free_port

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
TAKEN = HEAD % len(OK) + OK
EVENT = b'"distinct_id": '  # stands once in each event of a batch, whoever sends it


class Peer(asyncio.Protocol):
    """Takes requests whole and parses nothing: it is not what is measured."""

    taken = 0

    def __init__(self, silent: bool) -> None:
        self.silent = silent
        self.received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, blank, body = self.received.partition(b"\r\n\r\n")
        if blank and len(body) >= length(head):
            self.received.clear()
            self.answer(head, body)

    def answer(self, head: bytearray, body: bytearray) -> None:
        if head.startswith(b"GET"):
            words = str(Peer.taken).encode()
            self.transport.write(HEAD % len(words) + words)
        elif not self.silent:
            Peer.taken += body.count(EVENT)
            self.transport.write(TAKEN)


def length(head: bytearray) -> int:
    """How long the body is that follows these lines."""
    _, named, rest = head.lower().partition(b"content-length:")
    return int(rest.split(b"\r\n")[0]) if named else 0


async def serve(port: int, silent: bool) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Peer(silent), "127.0.0.1", port, backlog=100)
    await server.serve_forever()


@contextmanager
def peer(how: str) -> Iterator[str]:
    """A running peer that `answers` or `hangs`: its address."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "tests.benchmarks.peer", str(port), how]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        wait_until(lambda: answers(url), 20)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def taken(url: str) -> int:
    """How many events a peer has taken."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return int(answer.read())


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2] == "hangs"))
