"""Real processes for the tests: the site under gunicorn, an OpenID Connect provider."""

import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.capture import wait_until

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
TEST_RUN = f"{ROOT} {os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"
STATIC_LOCK = Path(tempfile.gettempdir()) / f"timetracker-tests-static-{os.getuid()}"


def free_port() -> int:
    """A port of the loopback interface on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Site:
    """An installation of its own: settings from `env` alone, a database in `folder`."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "site.log"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.env = {
            **kept,
            "DJANGO_SETTINGS_MODULE": "timetracker.settings",
            "PYTHONPATH": str(ROOT),
            "ENV_FILE": "",
            "SECRET_KEY": "the-key-of-a-site-that-the-tests-start-and-stop-0123456789",
            "HTTPS": "false",
            "DATABASE_URL": f"sqlite:///{folder / 'site.sqlite3'}",
            **(env or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def manage(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a management command to its end; the caller judges its output and exit code."""
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run(self, code: str) -> str:
        """Run Python within the site; returns what it prints. Raises where it fails."""
        done = self.manage("shell", "--no-imports", "--command", code)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def prepare(self) -> None:
        """Make the database and the static files."""
        self._must("migrate", "--verbosity=0")
        with STATIC_LOCK.open("a+") as lock:
            # All sites of a test run serve one folder: the first one fills it, the others wait.
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.seek(0)
            if lock.read() != TEST_RUN:
                self._must("collectstatic", "--noinput", "--verbosity=0")
                lock.truncate(0)
                lock.write(TEST_RUN)

    def _must(self, *arguments: str) -> None:
        done = self.manage(*arguments)
        assert done.returncode == 0, done.stderr

    def start(self, *options: str) -> None:
        """Serve, as `make run` does; returns when the site answers."""
        config = ("--config", str(ROOT / "timetracker" / "gunicorn.py"))
        bind = ("--bind", f"127.0.0.1:{self.port}")
        self.serve(str(BIN / "gunicorn"), *config, *bind, *options, "timetracker.wsgi")

    def start_uvicorn(self, *options: str) -> None:
        """Serve over ASGI; returns when the site answers."""
        bind = ("--host=127.0.0.1", f"--port={self.port}")
        self.serve(str(BIN / "uvicorn"), *bind, *options, "timetracker.asgi:application")

    def start_development(self) -> None:
        """Serve by `manage.py runserver`, which reloads; returns when the site answers."""
        manage = str(ROOT / "manage.py")
        self.serve(sys.executable, manage, "runserver", f"127.0.0.1:{self.port}")

    def serve(self, *command: str) -> None:
        """Run a server of the site; returns when it answers."""
        self.process = self.background(*command)
        wait_until(lambda: answers(f"{self.url}/accounts/login/"), 30)

    def background(self, *command: str) -> subprocess.Popen[bytes]:
        """Run a program of the site, in a process group of its own; it writes to the log."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, env=self.env, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self) -> int:
        """End it as an operator does; returns the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(15)

    def kill(self) -> None:
        """`kill -9` for every process of the site."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(15)

    def clear(self) -> None:
        """Leave nothing running, whatever has been done with it."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.kill()


@contextmanager
def running(site: Site) -> Iterator[Site]:
    """A prepared site that serves until the end of the block."""
    site.start()
    try:
        yield site
    finally:
        site.stop()


@contextmanager
def oidc_provider(*people: Mapping[str, Any]) -> Iterator[str]:
    """A process of `oidc-provider-mock` that knows these people (claims with `sub`): its issuer."""
    port = free_port()
    claims = [f"--user-claims={json.dumps(dict(person))}" for person in people]
    process = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *claims],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    issuer = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(f"{issuer}/.well-known/openid-configuration"), 20)
        yield issuer
    finally:
        process.terminate()
        process.wait(10)


def answers(url: str) -> bool:
    """Whether a server answers there, whatever it says; where that leads is not looked at."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=5)
    try:
        connection.request("GET", address.path or "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
