"""What the Dockerfile does, done without an engine: read from it, in a folder instead of a root.

Each absolute path of the image (/app, /venv, /data) stands below that folder; both stages share it,
so what a later stage copies from an earlier one must keep its place. What starts the site runs as
the Dockerfile's user, who may write nothing but /data and the temporary folder.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.processes import ROOT

PLACES = re.compile(r"(?<![\w.])/(app|venv|data)\b")
USED_BY_PROCESSES = ("PATH", "LANG")


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """The instructions of a Dockerfile: their names and arguments."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _space, argument = line.partition(" ")
            yield name, argument


def allowed(ignore: str) -> list[str]:
    """What a .dockerignore that starts with `*` lets in."""
    lines = [line for line in ignore.splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    return [line[1:] for line in lines[1:] if line.startswith("!")]


class Image:
    """The Dockerfile's steps in a folder; `python` stands for the image's own."""

    def __init__(self, folder: Path, python: str) -> None:
        self.folder = folder
        self.python = python
        self.env: dict[str, str] = {}
        self.work = folder
        self.user: int | None = None
        self.ports: list[str] = []
        self.command: list[str] = []
        self.health: list[str] = []
        self.stages = 0

    def build(self) -> None:
        """Take every step; one that this does not know is an error."""
        for name, argument in instructions((ROOT / "Dockerfile").read_text()):
            getattr(self, f"do_{name.lower()}")(argument)
        assert self.stages == 2

    def here(self, text: str) -> str:
        """The text with the paths of the image as they are in the folder."""
        return PLACES.sub(rf"{self.folder}/\1", text)

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the finished image, as its user; the caller judges the exit code."""
        return subprocess.run(
            command,
            **self.process(env),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def process(self, env: dict[str, str]) -> dict[str, Any]:
        """How a process of the image is started, with further variables."""
        as_whom: dict[str, Any] = {"user": self.user, "group": self.user, "extra_groups": []}
        return {"cwd": self.work, "env": {**self.environment(), **env}, **as_whom}

    def environment(self) -> dict[str, str]:
        """The image's variables, over the few that any process needs."""
        kept = {name: os.environ[name] for name in USED_BY_PROCESSES if name in os.environ}
        return {**kept, "TMPDIR": str(self.folder / "tmp"), **self.env}

    # --- the instructions ---

    def do_from(self, argument: str) -> None:
        self.stages += 1
        self.env, self.work = {}, self.folder

    def do_env(self, argument: str) -> None:
        for pair in shlex.split(argument):
            name, value = pair.split("=", 1)
            before = self.environment().get("PATH", "")
            self.env[name] = self.here(value).replace("$PATH", before)

    def do_workdir(self, argument: str) -> None:
        self.work = Path(self.here(argument))
        self.work.mkdir(exist_ok=True)

    def do_copy(self, argument: str) -> None:
        *options, source, target = argument.split()
        if options:  # from the stage before: it is there
            assert source == target
            assert Path(self.here(source)).is_dir()
            return
        for one in allowed((ROOT / ".dockerignore").read_text()):
            if source in (".", one):
                self._copy(one)

    def _copy(self, name: str) -> None:
        target = self.work / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(ROOT / name, target, ignore=ignored)
        else:
            shutil.copy(ROOT / name, target)

    def do_run(self, argument: str) -> None:
        # The way to the packages is the machine's own.
        pip = {name: os.environ[name] for name in os.environ if name.startswith("PIP_")}
        env = {**pip, "HOME": os.environ["HOME"], **self.environment()}
        env["PATH"] = f"{self.folder}/base:{env['PATH']}"  # where `python3` is the base image's
        command = ["sh", "-ec", self.here(argument)]
        subprocess.run(command, cwd=self.work, env=env, check=True, timeout=600)

    def do_user(self, argument: str) -> None:
        user, group = argument.split(":")
        assert user == group
        self.user = int(user)

    def do_volume(self, argument: str) -> None:
        assert Path(self.here(argument)).is_dir()

    def do_expose(self, argument: str) -> None:
        self.ports.append(argument)

    def do_cmd(self, argument: str) -> None:
        self.command = json.loads(self.here(argument))

    def do_healthcheck(self, argument: str) -> None:
        self.health = json.loads(self.here(argument.partition("CMD ")[2]))
