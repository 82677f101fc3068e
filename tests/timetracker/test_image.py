"""The image, built and run step by step as the Dockerfile says, without an engine."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.capture import wait_until
from tests.conftest import need
from tests.image import Image, allowed
from tests.processes import ROOT, answers, free_port
from timetracker import gunicorn
from timetracker.settings import env

NOBODY = 10001
KEY = {"SECRET_KEY": "the-key-of-a-site-that-the-tests-start-and-stop-0123456789"}
NEEDED = {**KEY, "ALLOWED_HOSTS": "127.0.0.1", "HTTPS": "false"}


def interpreter() -> str | None:
    """A Python of this version, with venv, that any user of this machine may start."""
    name = "python{}.{}".format(*sys.version_info)
    for folder in (f"{sys.base_prefix}/bin", "/usr/local/bin", "/usr/bin"):
        command = [f"{folder}/{name}", "-c", "import ensurepip"]
        with suppress(OSError):  # not there, or not for everybody
            if (
                subprocess.run(command, user=NOBODY, capture_output=True, check=False).returncode
                == 0
            ):
                return command[0]
    return None


@pytest.fixture(scope="module")
def image():
    need(os.getuid() == 0, "Only root may run the image's steps as another user.")
    python = interpreter()
    need(python, "No Python of this version with venv is installed for all users.")
    folder = Path(tempfile.mkdtemp(prefix="timetracker-image-"))
    folder.chmod(0o755)
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o1777)
    (folder / "base").mkdir()
    (folder / "base" / "python3").symlink_to(str(python))
    image = Image(folder, str(python))
    try:
        image.build()
        yield image
    finally:
        shutil.rmtree(folder)


def tree(image: Image) -> dict[str, tuple[int, int]]:
    """Every file that the site must not change: size and time."""
    files = [path for place in ("app", "venv") for path in (image.folder / place).rglob("*")]
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in files}


def test_no_secret_gets_into_a_layer():
    """What is let in is a list; nothing that holds a secret or somebody's data is on it."""
    inside = {one.partition("/")[0] for one in allowed((ROOT / ".dockerignore").read_text())}

    assert inside == {
        *("accounts", "analytics", "locale", "timetracker", "tracking"),
        *("manage.py", "requirements"),
    }
    text = (ROOT / "Dockerfile").read_text()
    assert [word for word in ("ARG ", "ADD ", "--build-arg", "EXTRA_INDEX") if word in text] == []


def test_compose_holds_no_secret():
    lines = (ROOT / "compose.yml").read_text().splitlines()
    named = [line for line in lines if "PASSWORD" in line and not line.startswith("#")]

    assert named
    assert [line for line in named if "${POSTGRES_PASSWORD:?" not in line] == []


def test_compose_starts_what_has_to_be_there_first():
    """As far as text tells, where there is no engine."""
    text = (ROOT / "compose.yml").read_text()

    assert text.count("build: .") == 1, "builds at once would dispute the image's name"
    # A server that is only being set up listens at its socket and not by TCP.
    assert '"pg_isready", "--quiet", "--host", "127.0.0.1"' in text
    assert text.count("condition: service_completed_successfully") == 2, "nobody before migrate"
    (grace,) = re.findall(r"stop_grace_period: (\d+)s", text)
    assert int(grace) > gunicorn.graceful_timeout
    assert "read_only: true" in text
    (ping,) = re.findall(r"command: (\[.*telemetry_ping.*\])", text)
    assert json.loads(ping)[:2] == ["sh", "-c"]
    assert "while :; do python manage.py telemetry_ping" in ping
    assert "sleep 3600" in ping
    named = set(re.findall(r"\$\{(\w+)", text))
    assert named - set(env.variables) == {"POSTGRES_PASSWORD"}


@pytest.mark.slow
def test_it_serves_as_a_user_who_may_write_nothing_but_data(image):
    before = tree(image)
    port = free_port()
    address = f"http://127.0.0.1:{port}"

    migrated = image.run("python", "manage.py", "migrate", "--noinput", **NEEDED)
    assert migrated.returncode == 0, migrated.stderr
    refused = image.run("python", "-c", "open('timetracker/new', 'w')", **NEEDED)
    assert "PermissionError" in refused.stderr

    command = [part.replace("8000", str(port)) for part in image.command]
    health = [part.replace("8000", str(port)) for part in image.health]
    assert image.run(*health, **NEEDED).returncode != 0, "nobody answers yet"
    log = image.folder / "tmp" / "log"
    with log.open("w") as written:
        site = subprocess.Popen(command, **image.process(NEEDED), stdout=written, stderr=written)
    try:
        wait_until(lambda: answers(f"{address}/healthz"), 30)
        assert image.run(*health, **NEEDED).returncode == 0
        assert requests.get(f"{address}/readyz", timeout=10).json() == {"status": "ready"}
        page = requests.get(f"{address}/accounts/login/", timeout=10)
        assert page.status_code == 200
        style = page.text.partition('rel="stylesheet" href="')[2].partition('"')[0]
        assert requests.get(address + style, timeout=10).status_code == 200, "collected"
        doctor = image.run("python", "manage.py", "doctor", **NEEDED)
        assert doctor.returncode == 0, doctor.stdout
    finally:
        site.terminate()
        site.wait(15)

    assert tree(image) == before
    assert (image.folder / "data" / "timetracker.sqlite3").stat().st_uid == NOBODY
    assert image.env["DEPLOYMENT_METHOD"] == "docker"


@pytest.mark.slow
def test_it_does_not_start_without_a_key(image):
    done = image.run(*image.command)

    assert done.returncode == 3
    assert "SECRET_KEY is not set" in done.stderr
