"""The kinds of property: what each lets through, and what it refuses."""

import ast
import math
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from analytics import catalogue
from analytics.catalogue import (
    Choice,
    Count,
    Duration,
    EventType,
    Flag,
    GroupType,
    Identifier,
    Number,
    Timestamp,
    TimeZone,
    Version,
    register,
    register_person_properties,
)
from tests.processes import ROOT

BERLIN = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("kind", "given", "leaves"),
    [
        (Flag(), True, True),
        (Count(), 0, 0),
        (Number(), -1.5, -1.5),
        (Number(), 2**53, 2**53),
        (Duration(), timedelta(minutes=1), 60.0),
        (Duration(), 90, 90),
        (Choice("csv", "xlsx"), "csv", "csv"),
        (Choice("csv", "xlsx"), "Dear diary, alice@example.org", "other"),
        (Identifier(), "time_entry.list-2", "time_entry.list-2"),
        (Version(), "3.0.0", "3.0.0"),
        (Version(), "3.12.0rc1", "3.12.0rc1"),
        (Version(), "3.0.0-beta.2", "3.0.0-beta.2"),
        (Timestamp(), datetime(2026, 7, 1, 12, tzinfo=BERLIN), "2026-07-01T10:00:00+00:00"),
        (Timestamp(), "2026-07-01T12:00:00+02:00", "2026-07-01T10:00:00+00:00"),
        (Timestamp(), date(2026, 7, 1), "2026-07-01"),
        (Timestamp(), "2026-07-01", "2026-07-01"),
        (TimeZone(), "Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_it_lets_through(kind, given, leaves):
    assert kind.clean(given) == leaves


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        *((Flag(), given) for given in (1, 0, "true", None)),
        *((Count(), given) for given in (-1, 1.0, True, "1", None)),
        *((Number(), given) for given in (math.nan, math.inf, 2**53 + 1, True, "1", 1j)),
        *((Duration(), given) for given in (-1, timedelta(seconds=-1), "1:30", math.inf)),
        *((Choice("csv"), given) for given in (1, None, True, b"csv")),
        *((Identifier(), given) for given in ("Alice", "a b", "a@b.c", "", "a" * 65, "1a", "a\n")),
        *((Version(), given) for given in ("latest", "3.0 for Alice", "", "1.2.3.4.5", 3, "3\n")),
        *(
            (Timestamp(), given)
            for given in (datetime(2026, 7, 1), "yesterday", 1, "2026-07-01T12")
        ),
        *((TimeZone(), given) for given in ("Alice", "europe/berlin", "", 1, None)),
        (Timestamp(), datetime(1, 1, 1, tzinfo=BERLIN)),
    ],
)
def test_it_refuses(kind, given):
    with pytest.raises((ValueError, OverflowError)):
        kind.clean(given)


def test_it_misses_what_is_required():
    cleaned, refused = catalogue.clean("x.y", {"rows": Count(required=True)}, {})

    assert cleaned == {}
    assert refused == ["x.y: the property 'rows' is required."]


@pytest.mark.parametrize("name", ["", "Timer.started", "timer", "timer.started.again", "a.b\n"])
def test_it_refuses_names_that_are_not_resource_action(name):
    with pytest.raises(ValueError, match=r"resource\.action"):
        EventType(name, "A sentence.")


@pytest.mark.parametrize(
    "twice",
    [
        EventType("auth.login", "Another sentence."),
        GroupType("version", "Another sentence.", Version(), {}),
    ],
)
def test_it_refuses_two_declarations_of_one_name(twice):
    with pytest.raises(ValueError, match="declared twice"):
        register(twice)
    with pytest.raises(ValueError, match="declared twice"):
        register_person_properties(role=Flag())


def tracked_names(path):
    """The event names that a file tracks, as far as they stand there as text."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        position = {"track_event": 1, "atrack_event": 1, "record_anonymous": 0}.get(called)
        if position is None or len(node.args) <= position:
            continue
        if isinstance(name := node.args[position], ast.Constant):
            yield name.value


def test_all_that_the_code_tracks_is_declared():
    found = {
        name
        for app in ("analytics", "accounts", "tracking", "timetracker")
        for path in (ROOT / app).rglob("*.py")
        for name in tracked_names(path)
    }

    assert found >= {"auth.login", "auth.login_failed", "timer.started", "preferences.updated"}
    assert found <= catalogue.events.keys()


def test_the_events_of_the_plan_are_declared():
    names = {
        *("auth.login", "auth.logout", "auth.signup", "auth.login_failed"),
        *("timer.started", "timer.stopped", "timer.discarded"),
        *("time_entry.created", "time_entry.updated", "time_entry.deleted", "time_entry.split"),
        *("time_entry.duplicated", "time_entries.bulk_updated"),
        *("project.created", "project.updated", "project.archived", "client.created"),
        *("task.created", "task.completed", "report.viewed", "export.csv", "export.xlsx"),
        *("import.completed", "preferences.updated", "feature_interaction", "feature.used"),
        *("telemetry.install", "telemetry.update", "telemetry.health", "telemetry.test"),
    }

    assert catalogue.events.keys() == names
    assert {"plan", "signup_date"} <= catalogue.person_properties.keys()
    assert catalogue.events["auth.logout"].properties == {}


def test_moments_leave_in_utc():
    now = datetime.now(UTC)
    assert datetime.fromisoformat(str(Timestamp().clean(now))) == now
