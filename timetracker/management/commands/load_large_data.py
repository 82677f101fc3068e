"""Fill an empty database with the time of a large team, to see that pages stay quick."""

import random
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from accounts.models import Role, User
from tracking.models import Client, Project, Rate, Tag, Task, TimeEntry

SEED = 2008
BATCH = 5_000  # entries
DAYS = 730
COLORS = ("#2a7f9e", "#8a6bb8", "#c0713a", "#b1485d", "#5d8a4a", "#a08a2e")
DESCRIPTIONS = ("Meeting", "Review", "Write the report", "Fix what was found", "Call", "")
TAGS = 12
TAGGED = 5  # one entry in so many carries a tag


class Command(BaseCommand):
    """The same people, projects and lengths on every run; the days end today."""

    help = "Fill an empty database with 200 people, 500 projects and 1,000,000 entries."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How large the team is."""
        parser.add_argument("--people", type=int, default=200)
        parser.add_argument("--projects", type=int, default=500)
        parser.add_argument("--entries", type=int, default=1_000_000)

    def handle(self, *args: Any, people: int, projects: int, entries: int, **options: Any) -> None:
        """Fill, and show how far it is."""
        if min(people, projects) < 1 or entries < 0:
            raise CommandError("There must be at least one person and one project.")
        if User.objects.exists():
            raise CommandError("This database has accounts. Name an empty one (DATABASE_URL).")
        now = timezone.now()
        with transaction.atomic():
            team = make_people(people)
            tasks = make_projects(projects)
            rates = make_rates(team, tasks, now.date())
        tags = Tag.objects.bulk_create(Tag(name=f"tag {n}") for n in range(TAGS))
        made = 0
        rows = entries_of(team, tasks, rates, entries, now)
        while batch := list(islice(rows, BATCH)):
            with transaction.atomic():
                self._save(batch, tags, made)
            made += len(batch)
            self.stdout.write(f"\r{made:>9,} of {entries:,} entries", ending="")
            self.stdout.flush()
        self.stdout.write("")

    def _save(self, batch: list[TimeEntry], tags: list[Tag], made: int) -> None:
        saved = TimeEntry.objects.bulk_create(batch, batch_size=BATCH)
        TimeEntry.tags.through.objects.bulk_create(
            TimeEntry.tags.through(timeentry_id=entry.pk, tag_id=tags[(made + n) % TAGS].pk)
            for n, entry in enumerate(saved)
            if n % TAGGED == 0
        )


def make_people(number: int) -> list[User]:
    """Make people without a password; the first is an admin, the second a manager."""
    roles = {0: Role.ADMIN, 1: Role.MANAGER}
    people = [
        User(
            username=f"person-{n}",
            role=roles.get(n, Role.USER),
            is_staff=n == 0,
            is_superuser=n == 0,
            password="!",  # noqa: S106 - marks that none is set
        )
        for n in range(number)
    ]
    return User.objects.bulk_create(people)


def make_projects(number: int) -> list[Task]:
    """Make projects with two tasks each, ten projects a client; returns the tasks."""
    clients = Client.objects.bulk_create(
        Client(name=f"Client {n}") for n in range((number + 9) // 10)
    )
    projects = Project.objects.bulk_create(
        Project(
            name=f"Project {n}",
            client=clients[n // 10],
            color=COLORS[n % len(COLORS)],
            budget_hours=100 * (n % 40 + 1),
        )
        for n in range(number)
    )
    return Task.objects.bulk_create(
        Task(name=name, project=project) for project in projects for name in ("Work", "Support")
    )


Rates = dict[tuple[Any, Any, Any], list[Rate]]  # by user, project and client; the latest first


def make_rates(team: list[User], tasks: list[Task], today: date) -> Rates:
    """Make rates of every level, each of which has risen within the two years."""
    projects = list({task.project_id: task.project for task in tasks}.values())
    clients = list({project.client_id: project.client for project in projects}.values())
    levels: list[dict[str, Any]] = [
        {},
        *({"client": client} for client in clients[::2]),
        *({"user": person} for person in team[::4]),
        *({"project": project} for project in projects[::5]),
        *(
            {"user": person, "project": task_of(n, 0, tasks).project}
            for n, person in enumerate(team)
            if n % 5 == 0
        ),
    ]
    rates: Rates = {}
    for n, level in enumerate(levels):
        of_level = [
            Rate(since=today - timedelta(since), cents=6_000 + 35 * (n % 99) + rise, **level)
            for since, rise in ((DAYS // 2, 750), (2 * DAYS, 0))
        ]
        rates[tuple(getattr(of_level[0], f"{name}_id") for name in LEVEL)] = of_level
    Rate.objects.bulk_create(rate for of_level in rates.values() for rate in of_level)
    return rates


LEVEL = ("user", "project", "client")


def cents_of(entry: TimeEntry, client: Any, rates: Rates) -> int | None:
    """The rate that applies to an entry of a client, without asking the database."""
    user, project = entry.user_id, entry.project_id
    nearest_first = [
        *((user, project, None), (None, project, None), (user, None, None)),
        *((None, None, client), (None, None, None)),
    ]
    of_levels = (rate for level in nearest_first for rate in rates.get(level, ()))
    return next((rate.cents for rate in of_levels if rate.since <= entry.day), None)


def task_of(person: int, turn: int, tasks: list[Task]) -> Task:
    """One of the few tasks on which the person of this number works."""
    return tasks[(hash((person, turn)) * 7919) % len(tasks)]


def entries_of(
    team: list[User], tasks: list[Task], rates: Rates, number: int, now: datetime
) -> Iterator[TimeEntry]:
    """So many entries of two years up to `now` (aware), not saved; each person's are in order.

    A person works on a few projects, and on some days more than on others.
    """
    dice = random.Random(SEED)  # noqa: S311 - made-up data
    each = -(-number // len(team))
    for n in range(number):
        person, turn = team[n // each], n % each
        task = task_of(n // each, dice.randrange(8), tasks)
        started_at = now - timedelta(days=DAYS) * ((each - turn) / each)
        length = timedelta(seconds=dice.randrange(300, 2 * 3600))
        entry = TimeEntry(
            user=person,
            project_id=task.project_id,
            task=task,
            description=dice.choice(DESCRIPTIONS),
            billable=dice.random() < 0.7,
            started_at=started_at,
            ended_at=min(started_at + length, now),
        )
        entry.follow()
        entry.rate_cents = cents_of(entry, task.project.client_id, rates)
        yield entry
