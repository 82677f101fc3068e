"""The pages about analytics say what is so: each of their code blocks is run here."""

import inspect
import json
import os
import re
import runpy
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from unittest import SkipTest
from unittest.mock import patch

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.template import Context, Template
from django.utils.module_loading import import_string

import analytics
from accounts.models import User
from analytics import catalogue, conf, provisioning
from analytics.backends.base import message
from analytics.events import CONTEXT
from analytics.insights import cohorts, dashboards
from analytics.insights.posthog import MARK
from analytics.models import Event, Person
from analytics.testing_pytest import captured_events  # noqa: F401 - the pages use the fixture
from tests.analytics.test_context import CHROME, visit
from tests.conftest import PASSWORD
from timetracker.settings import env

pytestmark = pytest.mark.django_db
DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PAGES = ("analytics.md", "posthog-quick-reference.md", "posthog.md")
MANAGE = re.compile(r"manage\.py (.+)")


@dataclass(frozen=True)
class Block:
    """A fenced code block: its language, its text, and the line of the page on which it begins."""

    language: str
    text: str
    line: int


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[Block]:
    """The fenced code blocks of a page, in their order."""
    text = page(name)
    return [
        Block(found[1], found[2], text[: found.start(2)].count("\n"))
        for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]


def rows(name: str, heading: str) -> list[list[str]]:
    """The table's rows below a heading, as cells without their marks."""
    section = page(name).split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


class Reader:
    """Somebody who follows a page from its first block to its last."""

    def __init__(self, name: str, request: pytest.FixtureRequest, user: User) -> None:
        self.name = name
        self.request = request
        self.namespace: dict[str, Any] = {
            "__name__": "page",
            "user": user,
            "INSTALLED_APPS": [],
            "MIDDLEWARE": [],
            "urlpatterns": [],
        }

    def follow(self, given: list[Block]) -> None:
        for block in given:
            run: Callable[[str], None] | None = getattr(self, f"run_{block.language}", None)
            assert run, f"{self.name}, line {block.line}: nobody runs {block.language!r} blocks"
            try:
                run(block.text)
            except BaseException as error:
                error.add_note(f"docs/{self.name}, the block below line {block.line}")
                raise

    def run_python(self, text: str) -> None:
        """Execute it; then its tests, and its settings if there are any."""
        before = dict(self.namespace)
        exec(compile(text, self.name, "exec"), self.namespace)
        new = {name: one for name, one in self.namespace.items() if before.get(name) is not one}
        for name, one in new.items():
            if name.startswith("test_"):
                self._run_test(one)
            elif isinstance(one, type) and name.startswith("Test"):
                self._run_class(one)
        if "ANALYTICS" in new:
            assert [*conf.problems(new["ANALYTICS"])] == []

    def _run_test(self, test: Callable[..., None]) -> None:
        names = [*inspect.signature(test).parameters]
        for _mock in getattr(test, "patchings", []):
            names.pop(0)
        test(**{name: self.request.getfixturevalue(name) for name in names})

    def _run_class(self, cls: type) -> None:
        names = [name for name in dir(cls) if name.startswith("test_")]
        assert names
        for name in names:
            instance = cls()
            getattr(instance, "setup_method", lambda: None)()
            try:
                getattr(instance, name)()
            except SkipTest:
                continue

    def run_ini(self, text: str) -> None:
        """Start the site's settings with these lines as its `.env`."""
        given = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        assert given.keys() <= env.variables.keys()
        with patch.dict(os.environ, given):
            settings = runpy.run_path(str(DOCS.parent / "timetracker" / "settings.py"))
        for name, value in given.items():
            flags = {"true": True, "false": False}
            assert settings[name] == flags.get(value, value)
            assert settings["ANALYTICS"].get(name, settings[name]) == settings[name]

    def run_console(self, text: str) -> None:
        """Run the commands; tests/analytics/test_wheel.py runs those that install the wheel."""
        for line in text.splitlines():
            if line.startswith("$ python -m pip install dist/"):
                continue
            assert line.startswith("$ python manage.py "), line
            self._manage(line)

    def run_cron(self, text: str) -> None:
        """Run what the table would, once it is well-formed: silently, or cron would mail."""
        said = self.request.getfixturevalue("capsys")
        said.readouterr()
        for line in text.splitlines():
            assert re.match(r"(?:[\d*/,-]+ ){5} *cd /\S+ && \.venv/bin/python manage\.py ", line)
            self._manage(line)
            assert said.readouterr() == ("", "")

    def _manage(self, line: str) -> None:
        command = MANAGE.search(line)
        assert command
        self.request.getfixturevalue("analytics_on")()
        call_command(*shlex.split(command[1]))

    def run_json(self, text: str) -> None:
        """Compare an event as it leaves with what leaves."""
        shown = json.loads(text)
        own = {"line_count": 3, "channel": "mail"}

        def track(person: object, _event: str) -> Any:
            return original(person, shown["event"], own)

        original = analytics.track_event
        with patch("analytics.track_event", track):
            visit("/accounts/login/", self.namespace["user"], user_agent=CHROME)
        sent = message(Event.objects.filter(event=shown["event"]).latest("id").outgoing)
        assert shown.keys() == sent.keys()
        assert shown["properties"].keys() == sent["properties"].keys()
        fixed = {*own, "$browser", "$browser_version", "$os", "$lib", "$lib_version", "$ip"}
        assert {name: shown["properties"][name] for name in fixed} == {
            name: sent["properties"][name] for name in fixed
        }

    def run_html(self, text: str) -> None:
        """Render it; its files are there, its features are declared."""
        rendered = Template(text).render(Context())
        files = re.findall(r'src="/static/([^"]+)"', rendered)
        assert files
        assert all(finders.find(file) for file in files)
        marked = re.findall(r'data-analytics-feature="([^"]+)"', rendered)
        assert marked
        assert {*marked} <= catalogue.features.keys()

    def run_query(self, text: str) -> None:
        """What a query names is declared, with that very value."""
        asked = dict(line.split(": ", 1) for line in text.splitlines())
        declared = {
            **catalogue.person_properties,
            **CONTEXT,
            **catalogue.events[asked["Event"]].properties,
        }
        assert asked.get("Breakdown") in {None, *declared}
        if filtered := re.fullmatch(r'(\w+) = "(.+)"', asked.get("Filter", "")):
            assert declared[filtered[1]].clean(filtered[2]) == filtered[2]
        else:
            assert "Filter" not in asked


@pytest.fixture
def _catalogue() -> Iterator[None]:
    """What a page declares is forgotten with its test."""
    homes: list[dict[str, Any]] = [
        catalogue.events,
        catalogue.groups,
        catalogue.person_properties,
        catalogue.features,
    ]
    kept = [dict(home) for home in homes]
    yield
    for home, before in zip(homes, kept, strict=True):
        home.clear()
        home.update(before)


@pytest.mark.usefixtures("_catalogue")
@pytest.mark.parametrize("name", PAGES)
def test_every_block_runs(name, request, bob, posthog):
    Reader(name, request, bob).follow(blocks(name))


@pytest.mark.parametrize("name", PAGES)
def test_there_are_blocks_to_run(name):
    """The page is read rightly: as many blocks as there are fences."""
    assert len(blocks(name)) * 2 == len(re.findall("^```", page(name), re.MULTILINE)) > 0


def test_a_block_that_fails_is_named(request, bob):
    broken = Block("python", "raise ValueError('no')", 7)
    with pytest.raises(ValueError, match="no") as failure:
        Reader("analytics.md", request, bob).follow([broken])

    assert failure.value.__notes__ == ["docs/analytics.md, the block below line 7"]


def test_every_setting_stands_in_the_page():
    documented = [(key, default) for key, default, _what in rows("analytics.md", "Every setting")]
    there_are = [
        (field.name, json.dumps(field.default) if field.type == "str" else repr(field.default))
        for field in fields(conf.Config)
    ]

    assert documented == there_are


def test_every_kind_stands_in_the_page():
    documented = {row[0] for row in rows("analytics.md", "Declare an event")}
    kinds = {
        name
        for name, one in vars(catalogue).items()
        if isinstance(one, type) and issubclass(one, catalogue.Kind) and not inspect.isabstract(one)
    }

    assert documented == kinds


def test_every_backend_stands_in_the_page():
    documented = {row[0] for row in rows("analytics.md", "Backends")}
    modules = {path.stem for path in (DOCS.parent / "analytics" / "backends").glob("*.py")}

    assert {path.split(".")[2] for path in documented} == modules - {"__init__", "base"}
    assert all(hasattr(import_string(path), "send") for path in documented)


def test_the_page_on_dashboards_names_the_scopes_the_mark_and_the_dashboards():
    text = page("posthog.md")

    assert all(f"`{scope}`" in text for scope in re.findall(r"\w+:write", provisioning.SCOPES))
    assert f"`{MARK}`" in text
    for declared in (*dashboards.values(), *cohorts.values()):
        assert f"**{declared.name}**" in text


@pytest.mark.parametrize("name", PAGES)
def test_no_link_is_dead(name):
    for target in re.findall(r"\]\(([^)]+)\)", page(name)):
        file, _, anchor = target.partition("#")
        assert (DOCS / file).is_file(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", page(file), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


class TestQuickReference:
    NAME = PAGES[1]

    def listed(self, heading: str) -> set[str]:
        """The names in the bullets below a heading."""
        section = page(self.NAME).split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
        bullets = [line.split(" – ")[0] for line in section.splitlines() if line.startswith("- ")]
        return {name for bullet in bullets for name in re.findall(r"`(\w+)`", bullet)}

    def test_it_keeps_the_order_of_the_original(self):
        headings = re.findall(r"^##+ (.+)$", page(self.NAME), re.MULTILINE)

        assert headings == [
            "Quick start",
            "Common tasks",
            "Track an event",
            "Identify a user",
            "Application toggles (server-side)",
            "Person properties",
            "Set on login",
            "Set for installations",
            "Useful PostHog queries",
            "Active users by role",
            "Feature usage",
            "Version distribution",
            "Update adoption",
            "Platform comparison",
            "Privacy guidelines",
            "Testing",
            "Mock track events",
            "See what was recorded",
            "More information",
        ]

    def test_it_lists_what_a_sign_in_sets(self, client, alice):
        client.post("/accounts/login/", {"login": "alice", "password": PASSWORD})

        assert Person.objects.get().properties.keys() == self.listed("Set on login")

    def test_it_lists_what_a_ping_sets(self, analytics_on):
        analytics_on()
        call_command("telemetry_ping")

        assert Person.objects.get().properties.keys() == self.listed("Set for installations")


def test_a_block_that_nobody_runs_is_refused(request, bob):
    with pytest.raises(AssertionError, match="nobody runs 'text' blocks"):
        Reader("analytics.md", request, bob).follow([Block("text", "…", 1)])
