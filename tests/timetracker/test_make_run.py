"""`make run` on a fresh clone, as a newcomer meets it."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import requests

from tests.capture import wait_until
from tests.conftest import need
from tests.processes import ROOT, answers, free_port

pytestmark = pytest.mark.slow


class Run:
    """A `make run` in a folder, in a process group of its own, as a terminal would have it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder.with_suffix(".log")
        environment = {name: os.environ[name] for name in os.environ if name in PASSED_ON}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["make", "run", f"PORT={self.port}"],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self, seconds: float) -> None:
        wait_until(lambda: self.process.poll() is not None or answers(self.url), seconds)
        assert self.process.poll() is None, self.output

    @property
    def output(self) -> str:
        return self.log.read_text()

    def interrupt(self) -> None:
        """Ctrl-C: the terminal signals the whole group."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(15)


# A machine's ways to its package registries, and nothing of this project.
PASSED_ON = {
    name for name in os.environ if name in ("PATH", "HOME", "LANG") or name.startswith("PIP_")
}

CREDENTIALS = re.compile(r"^ *Demo \w+: +(\S+) / (\S+)$", re.MULTILINE)


def sign_in(url: str, name: str, password: str) -> requests.Response:
    visitor = requests.Session()
    page = visitor.get(f"{url}/accounts/login/").text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    form = {"csrfmiddlewaretoken": token[1], "login": name, "password": password}
    return visitor.post(f"{url}/accounts/login/", data=form)


def dump(folder: Path) -> str:
    """Everything in the database but sessions and the shared cache."""
    command = [".venv/bin/python", "manage.py", "dumpdata", "accounts", "tracking"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    need(shutil.which("git"), "git is not on this machine.")
    folder = tmp_path_factory.mktemp("newcomer") / "timetracker"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def test_it_runs_on_a_fresh_clone_and_again(clone):
    first = Run(clone)
    first.wait(300)
    assert sorted(path.name for path in clone.glob(".env")) == [".env"]
    assert (clone / ".env").stat().st_mode & 0o077 == 0
    credentials = CREDENTIALS.findall(first.output)
    assert [name for name, _ in credentials] == ["demo", "demo-admin"], first.output
    assert first.url in first.output
    for name, password in credentials:
        answer = sign_in(first.url, name, password)
        assert answer.url == f"{first.url}/", answer.text
    first.interrupt()
    assert "Traceback" not in first.output
    assert not answers(first.url)
    before = dump(clone)

    start = time.monotonic()
    second = Run(clone)
    second.wait(60)
    seconds = time.monotonic() - start
    assert CREDENTIALS.findall(second.output) == credentials
    second.interrupt()
    assert dump(clone) == before
    assert seconds < 30, "a second start takes seconds"
