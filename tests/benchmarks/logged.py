"""Sites with a long log of events, on both databases; each is filled once, for all topics."""

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any

from tests.benchmarks.filled import EMPTY, kept
from tests.benchmarks.sites import run, site
from tests.processes import Site, free_port

EVENTS, PEOPLE, DAYS = 1_000_000, 200, 90
CODE = "from tests.benchmarks import logged; logged.fill()"
AT_ONCE = 10_000
WORK = {  # of a person, and how often of a thousand
    "timer.started": 220,
    "timer.stopped": 215,
    "feature_interaction": 200,
    "report.viewed": 90,
    "time_entry.updated": 80,
    "time_entry.created": 70,
    "auth.login": 40,
    "$set": 40,
    "auth.logout": 15,
    "time_entry.deleted": 12,
    "export.csv": 7,
    "export.xlsx": 5,
    "project.created": 3,
    "timer.discarded": 3,
}
VERSIONS = ("1.4.0", "1.4.1", "1.5.0")  # of which the installation took one after the other
HOURS = (7, 8, 8, 9, 9, 9, 10, 10, 11, 11, 12, 13, 13, 14, 14, 15, 15, 16, 16, 17, 18, 20)
EVERYWHERE = {
    "environment": "production",
    "deployment_method": "docker",
    "platform": "Linux",
    "$lib": "posthog-python",
    "$lib_version": "7.91.1",
    "$geoip_disable": True,
    "$ip": "0.0.0.0",
}


@cache
def logged(database: str) -> Site:
    """A site with `EVENTS` in its log, not served; it is there until the program ends."""
    env = kept.enter_context(EMPTY[database]())
    made = kept.enter_context(site(f"http://127.0.0.1:{free_port()}", **env))
    run(made, CODE)
    return made


def fill(events: int = EVENTS) -> None:
    """Within a site: the log of 200 people and of the installation over the last 90 days.

    Everything is delivered, but for the last hundred events.
    """
    from django.db import connection

    from analytics.models import Event

    rows = _rows(events)
    while some := list(islice(rows, AT_ONCE)):
        Event.objects.bulk_create(some)
    Event.objects.filter(pk__in=Event.objects.order_by("-pk").values("pk")[:100]).update(
        state="waiting", settled_at=None
    )
    # What PostgreSQL does by itself within minutes of a load, and SQLite's ANALYZE.
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _people() -> list[str]:
    """Make people, one in twenty an admin: their ids on the wire."""
    from accounts.models import User
    from analytics.models import Person

    roles = [
        "admin" if n % 20 == 0 else "manager" if n % 20 == 1 else "user" for n in range(PEOPLE)
    ]
    made = [
        User.objects.create_user(f"person-{number}", role=role) for number, role in enumerate(roles)
    ]
    Person.objects.bulk_create(
        Person(
            distinct_id=str(user.pk),
            properties={
                "role": user.role,
                "is_admin": user.role == "admin",
                "deployment_method": "docker",
            },
        )
        for user in made
    )
    return [str(user.pk) for user in made]


def _installation() -> str:
    """The installation's id, and the person that it is."""
    from analytics.models import Installation, Person

    row = Installation.load_salted()
    about = {"deployment_method": "docker", "timezone": "Europe/Berlin", "current_version": "1.5.0"}
    Person.objects.create(distinct_id=row.fingerprint, properties=about)
    return row.fingerprint


def _rows(events: int) -> Iterator[Any]:
    """Rows of events, the oldest first."""
    from django.utils import timezone

    from analytics.models import Event, State

    chance, people, installation = random.Random(7), _people(), _installation()
    names, often = zip(*WORK.items(), strict=True)
    begin = timezone.now() - timedelta(days=DAYS)
    for moment in _moments(chance, begin, events):
        version = VERSIONS[len(VERSIONS) * (moment - begin) // timedelta(days=DAYS)]
        whose = chance.choice(people)
        event = chance.choices(names, often)[0]
        properties = _properties(chance, event)
        if chance.random() < 0.002:
            whose, event, properties = installation, "telemetry.health", {"python_version": "3.13"}
        elif chance.random() < 0.0005:
            versions = {"old_version": VERSIONS[0], "new_version": version}
            whose, event, properties = installation, "telemetry.update", versions
        yield Event(
            uuid=uuid.UUID(int=chance.getrandbits(128), version=4),
            event=event,
            distinct_id=whose,
            timestamp=moment,
            properties={**properties, "app_version": version, **EVERYWHERE},
            state=State.DELIVERED,
            attempts=1,
            settled_at=moment + timedelta(seconds=2),
        )


def _moments(chance: random.Random, begin: datetime, events: int) -> list[datetime]:
    """When the events happened: by day, few on weekends, none in the future."""
    found: list[datetime] = []
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    end = begin + timedelta(days=DAYS)
    while len(found) < events:
        day = midnight + timedelta(days=chance.randint(0, DAYS))
        if day.weekday() > 4 and chance.random() < 0.9:
            continue
        moment = day + timedelta(hours=chance.choice(HOURS), seconds=chance.random() * 3600)
        if begin <= moment < end:
            found.append(moment)
    return sorted(found)


FEATURES = (
    *("calendar_add", "entry_add", "entry_edit", "report_filter", "shortcuts", "undo"),
    *("entries_filter", "continue_latest", "entry_continue", "list_filter", "report_save"),
)


def _properties(chance: random.Random, event: str) -> dict[str, Any]:
    """What is declared of an event, and what the request puts on it."""
    about: dict[str, Any] = {
        "$current_url": f"https://time.example.org/entries/{chance.randint(1, 10**6)}/",
        "$pathname": "/entries/",
        "$browser": chance.choice(("Chrome", "Firefox", "Safari")),
        "$browser_version": chance.randint(120, 130),
        "$os": chance.choice(("Linux", "Windows", "Mac OS X")),
        "$device_type": chance.choice(("desktop", "desktop", "mobile")),
    }
    if event.startswith(("timer.", "time_entry.")):
        filled_in = {name: chance.random() < 0.5 for name in ("has_project", "has_task")}
        about |= {**filled_in, "has_description": True}
        if event != "timer.started":
            about["duration_seconds"] = chance.randint(60, 30_000)
    elif event == "auth.login":
        about["auth_method"] = chance.choice(("local", "oidc"))
    elif event == "feature_interaction":
        about |= {"feature_flag": chance.choice(FEATURES), "action": "clicked"}
    elif event == "$set":
        about["$set"] = {"role": "user", "is_admin": False}
    elif event.startswith(("export.", "report.")):
        about |= {"days": chance.choice((7, 30, 31, 365))}
    return about
