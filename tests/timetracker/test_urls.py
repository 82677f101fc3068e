"""Every address of the site, asked for by five people: the answers stand in `answers.py`."""

import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase
from http.cookies import SimpleCookie
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client
from django.urls import URLResolver, get_resolver, path, resolve
from django.utils import timezone
from django.utils.regex_helper import normalize

from accounts.models import User
from analytics.models import Erasure, Event, Installation, Person
from tests.conftest import PASSWORD
from tests.timetracker.answers import TABLE, Answer, Five, Row, all_five
from tests.tracking.importing import checked, fixture, line, toggl
from tracking import services
from tracking.models import (
    Client as Customer,
    Project,
    Rate,
    SavedReport,
    Tag,
    Task,
    TimeEntry,
    TimesheetRow,
    local_day,
)
from tracking.services import imports, timesheet

FIVE = ("stranger", "owner", "other", "manager", "admin")
NO_ROW = """These addresses have no row in tests/timetracker/answers.py:
{lines}
Add one to ROWS for each (for a model in Django's admin one to MODELS), such as
    Row({route!r}, get=…, post=…, changes=…, args=…)
with what a stranger, the owner, another user, a manager and an admin get there."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
POST_REFUSED = all_five(405)
# What is recorded of a request, and the session that it belongs to, are no change of anything.
TRACES = ("analytics", "sessions")


# --- every address has a row ---


def routes(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The route of every pattern as Django names it, from the site's root, and its name."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern).removeprefix("^")
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route, pattern.name or "without a name"


def without_row(patterns: list[Any]) -> str:
    """What to say of the addresses that the table does not know; empty where it knows all.

    Of two patterns with the same route the first answers: ours stand before django-allauth's.
    """
    known = {row.route for row in TABLE}
    missing = {route: name for route, name in routes(patterns) if route not in known}
    lines = "\n".join(f"    {route}  ({name})" for route, name in missing.items())
    return NO_ROW.format(lines=lines, route=next(iter(missing))) if missing else ""


def test_every_address_has_a_row():
    missing = without_row(get_resolver().url_patterns)
    assert not missing, missing


def test_every_row_is_of_an_address_that_there_is():
    there = {route for route, _name in routes(get_resolver().url_patterns)}
    assert [row.route for row in TABLE if row.route not in there] == []


def test_no_address_has_two_rows():
    every = [row.route for row in TABLE]
    assert [route for route in every if every.count(route) > 1] == []


def test_an_address_without_a_row_is_named():
    def view(_request: Any, **_args: Any) -> Any: ...

    new = path("sheets/<int:pk>/lock/", view, name="sheet_lock")

    missing = without_row([*get_resolver().url_patterns, new])

    assert "sheets/<int:pk>/lock/  (sheet_lock)" in missing
    assert "dashboard" not in missing


# --- and answers as the row says ---


class World(NamedTuple):
    """The five, as browsers that stay signed in, and the keys of what belongs to the owner."""

    browsers: dict[str, Client]
    keys: dict[str, str]
    before: list[Any]  # all that is in the database

    def ask(self, person: str, method: str, row: Row) -> tuple[Answer, bool]:
        """What one of them gets, and whether it changed anything; nothing of it stays."""
        browser = self.browsers[person]
        cookies = SimpleCookie(browser.cookies)
        data = {self.fill(name): self.fill(value) for name, value in row.data.items()}
        writes = Writes()
        with transaction.atomic():
            with connection.execute_wrapper(writes):
                given = data if method == "post" else {}
                response = getattr(browser, method)(self.address(row), given)
            changed = writes.seen and everything() != self.before
            transaction.set_rollback(True)
        browser.cookies = cookies
        return answer_of(response), changed

    def address(self, row: Row) -> str:
        """The row's route with its arguments filled in."""
        args = {name: self.fill(value) for name, value in row.args.items()}
        if "(?P" in row.route:  # a regular expression: Django's own tool fills it in
            template, _names = normalize(row.route)[0]
            filled = template % args
        else:
            filled = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: args[found[1]], row.route)
        query = self.fill(row.query)
        return f"/{filled}?{query}" if query else f"/{filled}"

    def fill(self, text: str) -> str:
        """The text with the keys of things for their names in braces."""
        return text.format_map(self.keys)

    def check(self, answers: list[Answer], five: Five) -> None:
        """Compare the answers with those of the table, in which `*` stands for a new key."""
        wanted = [self.fill(one) if isinstance(one, str) else one for one in five]
        pairs = zip(answers, wanted, strict=True)
        assert [w if fnmatchcase(str(a), str(w)) else a for a, w in pairs] == wanted


def answer_of(response: Any) -> Answer:
    """An answer as the table writes it."""
    if "Location" in response:
        return str(urlsplit(response["Location"]).path)
    return int(response.status_code)


class Writes:
    """Whether a statement may have changed anything; to look at all rows takes long."""

    seen = False

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.seen = self.seen or not sql.startswith(("SELECT", "SAVEPOINT", "RELEASE"))
        return execute(sql, params, many, context)


def everything() -> list[Any]:
    """All rows of all tables, but for traces."""
    models = apps.get_models(include_auto_created=True)
    kept = [model for model in models if model._meta.app_label not in TRACES]
    return [list(model._base_manager.order_by("pk").values_list()) for model in kept]


def make_world() -> World:
    people = {
        "owner": User.objects.create_user("bob", "bob@example.org", PASSWORD),
        "other": User.objects.create_user("charlie", "", PASSWORD),
        "manager": User.objects.create_user("dora", "", PASSWORD, role="manager"),
        "admin": User.objects.create_user("alice", "", PASSWORD, role="admin"),
    }
    browsers = {"stranger": Client(), **{person: Client() for person in people}}
    for person, user in people.items():
        browsers[person].force_login(user, backend="accounts.backends.LocalBackend")
    things = dict(things_of(people["owner"]))
    keys = {name: str(getattr(thing, "pk", thing)) for name, thing in things.items()}
    return World(browsers, keys, before=everything())


def things_of(owner: User) -> Iterator[tuple[str, Any]]:
    """What belongs to the owner, or is worked on by him, by the names that the table uses."""
    now = timezone.now()
    client = Customer.objects.create(name="Aurora Coffee")
    project = Project.objects.create(name="Online shop", client=client)
    project.members.add(owner)
    task = Task.objects.create(name="Checkout", project=project)

    def spent(start: datetime, lasting: timedelta | None = HOUR, task: Task | None = task) -> Any:
        end = None if lasting is None else start + lasting
        return TimeEntry.objects.create(
            user=owner, project=project, task=task, started_at=start, ended_at=end
        )

    today = local_day(now, owner.time_zone)
    nine = datetime.combine(today - DAY, time(9), UTC)
    spent(nine - 6 * DAY, task=None)  # a row of last week
    yield "user", owner
    yield "address", EmailAddress.objects.create(user=owner, email=owner.email)
    yield "group", Group.objects.create(name="Night shift")
    yield "installation", Installation.load()
    yield "person", Person.objects.get(distinct_id=str(owner.pk))
    yield "erasure", Erasure.objects.create(distinct_id="somebody-who-was-erased")
    yield "event", Event.objects.earliest("id")
    yield "client", client
    yield "project", project
    yield "task", task
    yield "tag", Tag.objects.create(name="call")
    yield "entry", spent(nine)
    timesheet.add_row(owner, today - 21 * DAY, project=project, task=None)
    yield "row", TimesheetRow.objects.get()
    yield "timer", spent(now - HOUR, None)
    yield "deletion", services.delete_entries(owner, [spent(nine + 4 * HOUR).pk])
    yield "rate", Rate.objects.create(since=today + 30 * DAY, cents=8500)
    yield "lock", services.lock(owner, None)
    yield "report", SavedReport.objects.create(user=owner, name="Billing", query="range=today")
    yield "later", today + 60 * DAY
    yield "import", checked(owner, toggl(line()))
    yield "import_asking", checked(owner, fixture("clockify_undecided.csv"))
    yield "import_unchecked", imports.read(owner, BytesIO(toggl(line(4))), "time.csv", "UTC")
    yield "day", today
    yield "day_before", today - DAY
    yield "long_ago", today - 21 * DAY


@pytest.fixture(scope="module")
def made_once(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """The world, in a transaction around those of the tests."""
    with django_db_blocker.unblock():
        outer = transaction.atomic()
        outer._from_testcase = True  # type: ignore[attr-defined]  # as Django's TestCase does
        with outer:
            yield make_world()
            transaction.set_rollback(True)


@pytest.fixture
def world(made_once: World, db: None, caplog: pytest.LogCaptureFixture) -> World:
    caplog.set_level(logging.ERROR)  # refusals are what is looked for
    return made_once


every_row = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.route or "/")


@every_row
def test_it_is_reached(made_once, row):
    assert resolve(urlsplit(made_once.address(row)).path).route == row.route


@every_row
def test_it_answers_get_as_written_and_changes_nothing(world, row):
    got = [world.ask(person, "get", row) for person in FIVE]

    world.check([answer for answer, _changed in got], row.get)
    assert not any(changed for _answer, changed in got)


@every_row
def test_it_answers_post_as_written_and_changes_only_what_it_may(world, row):
    got = [world.ask(person, "post", row) for person in FIVE]

    world.check([answer for answer, _changed in got], row.post or POST_REFUSED)
    changed = [person for person, (_answer, changed) in zip(FIVE, got, strict=True) if changed]
    assert changed == row.changes.split()
