"""Every query, cohort and dashboard tile of the seed documents has rows in recorded traffic.

Each is written down as event, breakdown and filters; `person.` marks a property of the person (or
of the installation), all others stand on the event itself.
"""

import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.management import call_command

import analytics
from analytics.models import Event, Person
from timetracker import __version__
from tracking import services

pytestmark = pytest.mark.django_db
NEXT = "3.0.0"
SYSTEM = platform.system()


@dataclass(frozen=True)
class Query:
    """A question of the seed documents."""

    title: str
    event: str
    breakdown: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)
    expected: Mapping[Any, int] = field(default_factory=dict)

    def answer(self) -> Counter[Any]:
        """How many events there are, by the breakdown's value."""
        persons = {person.distinct_id: person.properties for person in Person.objects.all()}
        rows = [
            row
            for event in Event.objects.filter(event=self.event)
            if matches(row := flat(event, persons), self.where)
        ]
        return Counter(row.get(self.breakdown) if self.breakdown else "all" for row in rows)


def flat(event: Event, persons: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    about = persons.get(event.distinct_id, {})
    return {**event.properties, **{f"person.{name}": value for name, value in about.items()}}


def matches(row: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    return all(row.get(name) == value for name, value in where.items())


@pytest.fixture
def traffic(client, alice, bob, charlie, analytics_on, posthog):
    """A day: an admin and two people in docker and out of it, two versions, some features."""
    for person, deployment in ((alice, "docker"), (bob, "native"), (charlie, "docker")):
        analytics_on(DEPLOYMENT_METHOD=deployment)
        password = {"login": person.username, "password": "correct horse battery staple"}
        assert client.post("/accounts/login/", password).status_code == 302
        services.start_timer(person)
        services.stop_timer(person)
        for action in ("clicked", "clicked"):
            interaction = {"feature_flag": "preferences", "action": action}
            analytics.track_event(person.pk, "feature_interaction", interaction)
        analytics.track_event(person.pk, "export.csv", {"rows": 3, "days": 1})
        client.post("/accounts/logout/")
    analytics_on(DEPLOYMENT_METHOD="docker")
    for version in (__version__, NEXT):
        analytics_on(APP_VERSION=version)
        for kind in ("install", "update", "health") if version == NEXT else ("install", "health"):
            call_command("telemetry_ping", "--event", kind, "--verbosity=0")


QUERIES = [
    # posthog-enhancements-summary: Example PostHog Queries
    Query("Active Installations by Version", "telemetry.health", "app_version", {}, {
        __version__: 1, NEXT: 1}),
    Query("… broken down by platform", "telemetry.health", "platform", {}, {SYSTEM: 2}),
    Query("New Features by User Role", "feature_interaction", "feature_flag",
          {"person.role": "admin"}, {"preferences": 2}),
    Query("Update Adoption Timeline", "telemetry.update", "", {"new_version": NEXT}, {"all": 1}),
    Query("Login Methods Distribution", "auth.login", "auth_method", {}, {"local": 3}),
    Query("Docker vs Native: docker", "timer.started", "",
          {"person.deployment_method": "docker"}, {"all": 2}),
    Query("Docker vs Native: all users", "timer.started", "person.deployment_method", {},
          {"docker": 2, "native": 1}),
    # its cohorts
    Query("Cohort Docker Admins", "auth.login", "",
          {"person.is_admin": True, "person.deployment_method": "docker"}, {"all": 1}),
    Query("Cohort Recent Installs", "telemetry.install", "",
          {"person.first_seen_version": __version__}, {"all": 2}),
    # its dashboard Installation Health
    Query("Active installations (last 24h)", "telemetry.health", "", {}, {"all": 2}),
    Query("Version distribution", "telemetry.health", "app_version", {}, {
        __version__: 1, NEXT: 1}),
    Query("Platform distribution", "telemetry.health", "platform", {}, {SYSTEM: 2}),
    Query("Update timeline", "telemetry.update", "new_version", {}, {NEXT: 1}),
    # its dashboard User Engagement
    Query("Daily active users", "auth.login", "", {}, {"all": 3}),
    Query("Feature usage by role", "feature_interaction", "person.role", {},
          {"admin": 2, "user": 4}),
    Query("Timer activity: started", "timer.started", "", {}, {"all": 3}),
    Query("Timer activity: stopped", "timer.stopped", "", {}, {"all": 3}),
    Query("Export activity", "export.csv", "", {}, {"all": 3}),
    # what it says of installation health and analytics of versions and platforms
    Query("Deployment methods of installations", "telemetry.health", "deployment_method", {},
          {"docker": 2}),
    Query("Installations by time zone", "telemetry.health", "person.timezone", {}, {"UTC": 2}),
    Query("By environment", "timer.started", "environment", {}, {"test": 3}),
    # posthog-quick-reference: Useful PostHog Queries
    Query("Active Users by Role", "auth.login", "person.role", {}, {"admin": 1, "user": 2}),
    Query("Feature Usage", "feature_interaction", "feature_flag", {"action": "clicked"},
          {"preferences": 6}),
    Query("Version Distribution", "telemetry.health", "app_version", {}, {
        __version__: 1, NEXT: 1}),
    Query("Update Adoption", "telemetry.update", "", {"new_version": NEXT}, {"all": 1}),
    Query("Platform Comparison", "timer.started", "platform", {}, {SYSTEM: 3}),
]  # fmt: skip


def test_every_question_has_an_answer(traffic):
    answers = {query.title: dict(query.answer()) for query in QUERIES}

    assert answers == {query.title: dict(query.expected) for query in QUERIES}


def test_installations_are_grouped_by_version_and_platform(traffic):
    groups = {
        (event.properties["$group_type"], event.properties["$group_key"])
        for event in Event.objects.filter(event="$groupidentify")
    }
    assert groups == {("version", __version__), ("version", NEXT), ("platform", SYSTEM)}
    attached = Event.objects.filter(event="telemetry.health").latest("id").properties["$groups"]
    assert attached == {"version": NEXT, "platform": SYSTEM}
