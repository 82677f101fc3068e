"""The wheel in a bare Django project: nothing of this checkout, no app but Django's own three."""

import email.message
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import uuid
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.analytics.test_context import CHROME
from tests.analytics.test_docs import blocks
from tests.capture import CaptureServer, wait_until
from tests.conftest import PASSWORD
from tests.processes import ROOT, answers, free_port
from timetracker import __version__

# One worker builds the wheel, and all its tests run there.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]
KEPT = (
    "analytics",
    "timetracker",
    "accounts",
    "tracking",
    "tests",
    "pyproject.toml",
    "MANIFEST.in",
)
# Of the tests' own environment nothing that Python or Django would read.
ENV = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}

SETTINGS = """
from pathlib import Path

FOLDER = Path(__file__).parent
SECRET_KEY = "the-key-of-a-bare-project-that-a-test-has-written-0123456789"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
TEMPLATES = [
    {"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [FOLDER / "templates"]}
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "bare.sqlite3"}}
LOGIN_REDIRECT_URL = "/"
"""
URLS = """
from django.contrib.auth.views import LoginView
from django.http import HttpResponse
from django.urls import path

urlpatterns = [
    path("", lambda request: HttpResponse(f"Hello {request.user}")),
    path("login/<slug:campaign>/", LoginView.as_view()),
]
"""
LOGIN = "<form method=post>{% csrf_token %}{{ form }}<button>Sign in</button></form>"
CONFTEST = 'pytest_plugins = ["analytics.testing_pytest"]'
TESTS = """
import analytics
from analytics.testing import captured_events as captured
from django.contrib.auth.models import User
from django.test import TestCase

PROPERTIES = {"feature_name": "export", "format": "csv"}


class Tests(TestCase):
    def test_a_block(self):
        user = User.objects.create_user("dora")
        with captured() as events:
            analytics.track_event(user.pk, "feature.used", PROPERTIES)
        assert events.assert_recorded("feature.used", PROPERTIES, user=user).distinct_id != user.pk


def test_the_fixture(captured_events):
    user = User.objects.create_user("dora")
    analytics.track_event(user.pk, "feature.used", PROPERTIES)
    captured_events.assert_recorded("feature.used", PROPERTIES, user=user)
"""
MANAGE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""


def run(*command: object, folder: Path, seconds: float = 120) -> str:
    """The output of a command, away from this checkout. Raises where it fails or takes too long."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=ENV,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, made of a source distribution, made of a copy: builds leave folders behind."""
    source = tmp_path_factory.mktemp("source")
    for name in KEPT:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / name, source / name)
    run(sys.executable, "-m", "build", "--no-isolation", ".", folder=source)
    made: list[Path] = [*(source / "dist").glob("*.whl")]
    assert len(made) == 1
    return made[0]


def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


def test_the_wheel_holds_analytics_whole_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    there_is = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "analytics").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert held == there_is - {"analytics/README.md"}
    assert {"analytics/py.typed", "analytics/migrations/0001_initial.py"} <= held
    assert "analytics/management/commands/telemetry_ping.py" in held
    assert "analytics/static/analytics/interactions.js" in held


def test_the_wheel_says_what_it_is_and_needs(wheel):
    about = metadata(wheel)
    given = (ROOT / "requirements" / "base.in").read_text().splitlines()
    (pinned,) = (line for line in given if line.startswith("posthog=="))

    assert wheel.name == f"timetracker_analytics-{__version__}-py3-none-any.whl"
    assert (about["Name"], about["Version"]) == ("timetracker-analytics", __version__)
    assert about["Requires-Python"] == ">=3.11"
    needed = about.get_all("Requires-Dist")
    assert {re.split(r"[^\w-]", one)[0] for one in needed} == {
        "Django",
        "posthog",
        "requests",
        "ua-parser",
    }
    assert pinned in needed  # the wheel and the site run the same SDK


class Bare:
    """A project of its own, with the wheel installed as docs/analytics.md says."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder
        self.venv = folder / "venv"
        self.python = self.venv / "bin" / "python"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._make_environment()
        self._write()
        self._install(wheel)

    def _make_environment(self) -> None:
        """A fresh environment that finds Django and the others where these tests have them."""
        venv.create(self.venv, symlinks=True)
        home = sysconfig.get_path("purelib", vars={"base": str(self.venv)})
        places = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
        (Path(home) / "third-party.pth").write_text("\n".join(sorted(places)))

    def _write(self) -> None:
        (self.folder / "templates" / "registration").mkdir(parents=True)
        (self.folder / "templates" / "registration" / "login.html").write_text(LOGIN)
        (self.folder / "urls.py").write_text(URLS)
        (self.folder / "manage.py").write_text(MANAGE)
        (self.folder / "conftest.py").write_text(CONFTEST)
        (self.folder / "test_bare.py").write_text(TESTS)

    def _install(self, wheel: Path) -> None:
        """The five lines of the page."""
        install, settings, migrate = blocks("analytics.md")[:3]
        assert settings.text.count("\n") == 3
        (self.folder / "settings.py").write_text(f"{SETTINGS}\n{settings.text}")
        (self.folder / "dist").symlink_to(wheel.parent)
        for block, options in ((install, "--no-index --quiet"), (migrate, "--verbosity 0")):
            (line,) = block.text.splitlines()
            command = f"{line.removeprefix('$ python ')} {options}"
            run("sh", "-c", f"exec {self.python} {command}", folder=self.folder)

    def manage(self, *arguments: str) -> str:
        return run(self.python, "manage.py", *arguments, folder=self.folder)

    def shell(self, code: str) -> str:
        return self.manage("shell", "--verbosity", "0", "--command", code).strip()

    def point_at(self, posthog: CaptureServer) -> None:
        with (self.folder / "settings.py").open("a") as settings:
            settings.write(f"\nANALYTICS['POSTHOG_HOST'] = {posthog.url!r}\n")

    @contextmanager
    def serving(self) -> Iterator[None]:
        """A process that serves the project until the end of the block."""
        address = f"127.0.0.1:{self.port}"
        command = [str(self.python), "manage.py", "runserver", "--noreload", address]
        with (self.folder / "server.log").open("w") as log:
            server = subprocess.Popen(command, cwd=self.folder, env=ENV, stdout=log, stderr=log)
        try:
            wait_until(lambda: answers(self.url), 30)
            yield
        finally:
            server.terminate()
            server.wait(15)


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory) -> Bare:
    return Bare(tmp_path_factory.mktemp("bare"), wheel)


def sign_in(bare: Bare, name: str) -> requests.Response:
    """Sign in through Django's own page."""
    visitor = requests.Session()
    visitor.headers["User-Agent"] = CHROME
    address = f"{bare.url}/login/spring-campaign/"
    page = visitor.get(address, timeout=10)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token, page.text
    fields = {"csrfmiddlewaretoken": token[1], "username": name, "password": PASSWORD}
    return visitor.post(f"{address}?next=/", data=fields, timeout=10)


def test_the_app_is_the_wheels_and_no_other_is_there(bare):
    home = bare.shell("import analytics; print(analytics.__file__)")
    others = "from importlib.util import find_spec as f;"
    others += "print([n for n in ('accounts', 'tracking', 'timetracker', 'tests') if f(n)])"

    assert Path(home).is_relative_to(bare.venv)
    assert bare.shell(others) == "[]"


def test_the_bare_project_is_in_order(bare):
    assert "no issues" in bare.manage("check", "--fail-level", "WARNING")
    assert "No changes" in bare.manage("makemigrations", "--check", "--dry-run")


def test_its_own_tests_see_what_is_recorded(bare):
    """Under Django's runner, and under pytest by the fixture; the project's key is set."""
    assert "Found 1 test(s)" in bare.manage("test")
    options = ("-p", "no:cacheprovider", "-n0", "--ds=settings", "-q")
    said = run(bare.python, "-m", "pytest", *options, folder=bare.folder)

    assert "2 passed" in said


def test_a_sign_in_arrives_with_its_person(bare, posthog):
    bare.point_at(posthog)
    made = "from django.contrib.auth.models import User as U;"
    made += f"print(U.objects.create_superuser('root', 'root@example.org', {PASSWORD!r}).pk)"
    key = bare.shell(made)
    assert key == "1"
    with bare.serving():
        assert sign_in(bare, "root").text == "Hello root"
        posthog.wait_for("$set", "auth.login", seconds=20)

    (person,), (login,) = posthog.named("$set"), posthog.named("auth.login")
    assert login["distinct_id"] == person["distinct_id"] != key
    assert str(uuid.UUID(login["distinct_id"])) == login["distinct_id"]
    properties = login["properties"]
    assert properties["auth_method"] == "local"
    assert properties["$pathname"] == "/login/campaign/"
    assert properties["$current_url"] == f"{bare.url}/login/campaign/"
    assert (properties["$browser"], properties["$os"]) == ("Chrome", "Linux")
    assert person["properties"]["$set"]["role"] == "admin"
    assert person["properties"]["$set"]["is_admin"] is True
    assert person["properties"]["$set_once"]["signup_method"] == "local"
    everything = b"".join(posthog.bodies)
    for private in (b"root", b"example.org", b"spring-campaign"):
        assert private not in everything


def test_a_person_is_erased_by_their_user_name(bare):
    made = "from django.contrib.auth.models import User as U; import analytics;"
    made += "key = U.objects.create_user('leaver').pk;"
    made += "print(bool(analytics.track_event(key, 'auth.login')))"
    assert bare.shell(made) == "True"

    said = bare.manage("erase_person", "leaver")

    assert "Everything that was recorded of the person is deleted here." in said
    assert "leaver" not in said
    left = "from analytics.models import Erasure as E, Event;"
    left += "print(Event.objects.filter(distinct_id=E.objects.get().distinct_id).count())"
    assert bare.shell(left) == "0"
