"""Fill an empty database with demo data, and say how to sign in."""

import random
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from accounts.demo import DEMO_ADMIN_USERNAME, DEMO_USERNAME, demo_password
from accounts.models import Role, User
from tracking.models import Client, Project, Rate, Task, TimeEntry, local_day
from tracking.services.rates import revalue
from tracking.typed import EARLIEST

DAYS = 28
SEED = 2008  # the same weeks on every installation


class Plan(NamedTuple):
    """A project to make: what people do in it, by task; the empty task is none."""

    client: str
    name: str
    color: str
    work: dict[str, tuple[str, ...]]


PLANS = (
    Plan(
        "Aurora Coffee",
        "Online shop",
        "#2a7f9e",
        {
            "Checkout": ("Guest checkout", "Test card payments", "Fix the rounding of vouchers"),
            "Product pages": ("Photo gallery", "Write the roast descriptions", "Sort by origin"),
            "Support": ("Answer questions about delivery", "Call with Mira"),
        },
    ),
    Plan(
        "Aurora Coffee",
        "Loyalty card",
        "#8a6bb8",
        {
            "Concept": ("Interview two regulars", "Sketch the stamp screen"),
            "App": ("Scan a code at the till", "Offline stamps"),
        },
    ),
    Plan(
        "Harbour Museum",
        "Audio guide",
        "#c0713a",
        {
            "Recording": ("Cut the second floor", "Choose a voice"),
            "Player": ("Keep the place after a call", "Captions", "Try it on old phones"),
        },
    ),
    Plan(
        "Harbour Museum",
        "Ticket office",
        "#b1485d",
        {
            "Till": ("Print group tickets", "End-of-day report"),
            "": ("Meeting at the museum", "Train the weekend team"),
        },
    ),
    Plan(
        "Fjord Architects",
        "Portfolio site",
        "#5d8a4a",
        {
            "Design": ("Type and grid", "Plans on small screens"),
            "Build": ("Image pipeline", "Contact form", "Accessibility review"),
        },
    ),
    Plan(
        "Fjord Architects",
        "Model viewer",
        "#a08a2e",
        {
            "Prototype": ("Load a model in parts", "Measure distances"),
            "": ("Weekly call",),
        },
    ),
)
RATES = {"": 8000, "Aurora Coffee": 9500}  # cents per hour, of everybody's time and a client's
BUDGETS = {"Online shop": 60, "Audio guide": 90, "Ticket office": 75}  # hours
# Each person's own rhythm: the minutes after midnight at which they begin, and their projects.
RHYTHMS = {DEMO_USERNAME: (8 * 60 + 20, PLANS[:4]), DEMO_ADMIN_USERNAME: (9 * 60, PLANS[2:])}


class Command(BaseCommand):
    """Never fills a database that has an account; run again, it only prints.

    With DEMO_MODE it also makes the demo account what the sign-in page says that it is.
    """

    help = "Fill an empty database with demo data; then print the address and the demo accounts."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address under which the site is about to be served."""
        parser.add_argument(
            "--address", default="http://127.0.0.1:8000", help="where the site is served"
        )

    def handle(self, *args: Any, address: str, **options: Any) -> None:
        """Fill, then print."""
        self._fill_if_empty()
        if settings.DEMO_MODE:
            restore_demo_account()
        self.stdout.write(f"\nTimeTracker: {address}")
        accounts = [user for user in demo_accounts() if user.check_password(_password(user))]
        for user in accounts:
            self.stdout.write(f"  {_title(user):<11} {user.username} / {_password(user)}")
        if accounts:
            self.stdout.write(
                "  Not wanted? Make your own admin with `manage.py createsuperuser`, sign in with"
                f" it, and switch these accounts off at {address}/admin/accounts/user/."
            )

    def _fill_if_empty(self) -> None:
        # One transaction: what is interrupted leaves an empty database, which the next run fills.
        with transaction.atomic():
            if User.objects.exists():
                return
            self.stdout.write("Filling the empty database with demo data …")
            users = make_accounts()
            self._progress("accounts", len(users))
            projects = make_projects()
            self._progress("projects, with clients and tasks", len(projects))
            now = timezone.now()
            for user in users:
                entries = TimeEntry.objects.bulk_create(weeks_of(user, projects, now))
                self._progress(f"time entries of {user.username}", len(entries))
            revalue(TimeEntry.objects.all())

    def _progress(self, what: str, count: int) -> None:
        self.stdout.write(f"  {count:>4} {what}")
        self.stdout.flush()


def demo_accounts() -> Iterator[User]:
    """The demo accounts that can sign in here, as far as they still exist; the user first."""
    names = [DEMO_USERNAME] if settings.DEMO_MODE else [DEMO_USERNAME, DEMO_ADMIN_USERNAME]
    if settings.LOCAL_ENABLED:
        yield from User.objects.filter(username__in=names, is_active=True).order_by("username")


def restore_demo_account() -> None:
    """Make the demo account sign in with the password that is shown, whatever became of it."""
    demo, _created = User.objects.get_or_create(username=DEMO_USERNAME)
    demo.role, demo.is_active = Role.USER, True
    if not demo.check_password(_password(demo)):
        demo.set_password(_password(demo))
    demo.save(update_fields=["role", "is_active", "password"])


def make_accounts() -> list[User]:
    """Make the demo user and the demo admin."""
    return [
        User.objects.create_user(name, password=demo_password(name), role=role)
        for name, role in ((DEMO_USERNAME, Role.USER), (DEMO_ADMIN_USERNAME, Role.ADMIN))
    ]


class Made(NamedTuple):
    """A project as it was made, with its tasks by name."""

    project: Project
    tasks: dict[str, Task]


def make_projects() -> dict[str, Made]:
    """Make clients, projects and tasks; by the projects' names."""
    made = {}
    for plan in PLANS:
        client, _created = Client.objects.get_or_create(name=plan.client)
        project = Project.objects.create(
            client=client, name=plan.name, color=plan.color, budget_hours=BUDGETS.get(plan.name)
        )
        tasks = {
            name: Task.objects.create(project=project, name=name) for name in plan.work if name
        }
        made[plan.name] = Made(project, tasks)
    for name, cents in RATES.items():
        payer = Client.objects.filter(name=name).first()
        Rate.objects.get_or_create(client=payer, since=EARLIEST, defaults={"cents": cents})
    return made


def weeks_of(user: User, projects: dict[str, Made], now: datetime) -> list[TimeEntry]:
    """Four weeks of a person's time up to `now` (aware), not saved; their day is remembered."""
    dice = random.Random(f"{SEED} {user.username}")  # noqa: S311 - made-up data
    today = local_day(now, user.time_zone)
    days = [today - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    return [
        entry
        for day in days
        if day.weekday() < 5 or day == today  # the first page should show what it is for
        for entry in _day_of(user, projects, day, dice)
        if entry.ended_at and entry.ended_at <= now
    ]


def _day_of(
    user: User, projects: dict[str, Made], day: date, dice: random.Random
) -> Iterator[TimeEntry]:
    begins, plans = RHYTHMS[user.username]
    minute = begins + dice.randrange(-20, 30)
    lunch = 12 * 60 + dice.randrange(-15, 45)
    evening = 16 * 60 + 30 + dice.randrange(0, 75)
    while minute < evening:
        length = dice.choice((25, 40, 55, 70, 90, 110)) + dice.randrange(-5, 6)
        if minute < lunch < minute + length:
            length = max(lunch - minute, 15)
        yield _entry(user, projects, dice, plans, _at(user, day, minute), length)
        minute += length + dice.choice((0, 0, 5, 10))
        if lunch <= minute < lunch + 30:
            minute = lunch + 35 + dice.randrange(0, 20)


def _entry(
    user: User,
    projects: dict[str, Made],
    dice: random.Random,
    plans: tuple[Plan, ...],
    started_at: datetime,
    minutes: int,
) -> TimeEntry:
    plan = dice.choice(plans)
    task, descriptions = dice.choice(list(plan.work.items()))
    made = projects[plan.name]
    entry = TimeEntry(
        user=user,
        project=made.project,
        task=made.tasks.get(task),
        description=dice.choice(descriptions),
        billable=plan.client != "Harbour Museum",
        started_at=started_at,
        ended_at=started_at + timedelta(minutes=minutes, seconds=-dice.randrange(0, 60)),
    )
    entry.follow()
    return entry


def _at(user: User, day: date, minute: int) -> datetime:
    """A minute of a person's day, as their clock shows it."""
    clock = time(minute // 60, minute % 60)
    return datetime.combine(day, clock, ZoneInfo(user.time_zone))


def _password(user: User) -> str:
    return demo_password(user.username)


def _title(user: User) -> str:
    return "Demo admin:" if user.role == Role.ADMIN else "Demo user:"
