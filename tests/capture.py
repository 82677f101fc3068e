"""A capture server: it speaks PostHog's `POST /batch/` over real HTTP and keeps what it is sent."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OK = json.dumps({"status": "Ok"}).encode()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that hung up before the answer is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Listener:
    """A server of the tests on loopback, with a port that it keeps over stops."""

    def __init__(self) -> None:
        self._server: Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen; on the same port as before after a stop."""
        self._server = Server(("127.0.0.1", self.port), self._handler())
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Close the port: connections are refused from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        """What answers a request."""
        raise NotImplementedError


class CaptureServer(Listener):
    """Listens on loopback; `answer` decides on what a batch gets (status, headers, body)."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[bytes] = []
        self.batches: list[dict[str, Any]] = []
        self.connections = 0
        self.answer: Callable[[dict[str, Any]], tuple[int, dict[str, str], bytes]] = accept

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event of every accepted batch, in the order of arrival."""
        return [event for batch in self.batches for event in batch["batch"]]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]

    def wait_for(self, *names: str, seconds: float = 15) -> None:
        """Wait until events of all these names have come; `AssertionError` when they don't."""
        wait_until(lambda: {event["event"] for event in self.events} >= set(names), seconds)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        capture = self

        class Handler(BaseHTTPRequestHandler):
            def setup(self) -> None:
                capture.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                capture.bodies.append(body)
                if self.path != "/batch/":
                    self._send(404, {}, b"")
                    return
                batch = json.loads(body)
                status, headers, answer = capture.answer(batch)
                if status == 200 and answer == OK:
                    capture.batches.append(batch)
                self._send(status, headers, answer)

            def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        return Handler


def accept(_batch: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """What PostHog answers to a batch that it takes."""
    return 200, {"Content-Type": "application/json"}, OK


@contextmanager
def capture_server() -> Iterator[CaptureServer]:
    """A running capture server, stopped at the end."""
    server = CaptureServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def wait_until(condition: Callable[[], Any], seconds: float = 15) -> None:
    """Wait until something is true. Raises `AssertionError` when it does not become so in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {condition}"
        time.sleep(0.02)
