"""A PostgreSQL of the tests' own, made in a temporary folder and removed afterwards.

`python -m tests.postgresql COMMAND…` runs a command with `DATABASE_URL` pointing at one.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.processes import free_port

# Nothing here outlives the run: what makes PostgreSQL durable only costs time.
QUICK = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"
DURABLE = ""  # as PostgreSQL comes
MISSING = "PostgreSQL is not on this machine (Debian's package postgresql)."


def binaries() -> Path | None:
    """The folder of initdb and pg_ctl, which Debian keeps out of the PATH; None without them."""
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")), shutil.which("initdb")]
    return next((Path(place).parent for place in reversed(found) if place), None)


class Cluster(NamedTuple):
    """A running server: its address as `DATABASE_URL` takes it, and how to command it."""

    url: str
    control: list[str]

    def crash_and_restart(self) -> None:
        """End it as a power cut does, and start it again; returns when it has recovered."""
        _run([*self.control, "-m", "immediate", "restart"])


@contextmanager
def postgresql() -> Iterator[str]:
    """A running server for tests that outlive no power cut: its address."""
    with cluster(QUICK) as server:
        yield server.url


@contextmanager
def cluster(more: str) -> Iterator[Cluster]:
    """A running server with these options of the command line."""
    folder = binaries()
    assert folder is not None, MISSING
    data = Path(tempfile.mkdtemp(prefix="timetracker-postgresql-"))
    port = free_port()
    prefix = _owner(data)
    cluster = data / "cluster"
    options = f"{more} -c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
    control = [*prefix, str(folder / "pg_ctl"), "-D", str(cluster), "-w", "-s"]
    try:
        initdb = [str(folder / "initdb"), "-D", str(cluster), "-U", "timetracker", "-A", "trust"]
        _run([*prefix, *initdb, "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"])
        _run([*control, "-o", options, "-l", str(data / "log"), "start"])
        try:
            yield Cluster(f"postgres://timetracker@127.0.0.1:{port}/postgres", control)
        finally:
            _run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(data)


def _owner(data: Path) -> list[str]:
    """How to run PostgreSQL's programs: root may not, so the system's own `postgres` does."""
    if os.getuid() != 0:
        return []
    shutil.chown(data, pwd.getpwnam("postgres").pw_uid)
    return ["runuser", "-u", "postgres", "--"]


def _run(command: list[str]) -> None:
    # pg_ctl's server would keep a captured pipe open.
    subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL, cwd="/")


def main() -> int:
    """Run the command of the arguments on a PostgreSQL; returns its exit code."""
    if binaries() is None:
        print(f"Skipped: {MISSING}")
        return int(os.environ.get("CI") == "true")
    with postgresql() as url:
        return subprocess.run(
            sys.argv[1:], env={**os.environ, "DATABASE_URL": url}, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
