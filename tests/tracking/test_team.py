from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from tracking import spans
from tracking.models import Project, TimeEntry, local_day

pytestmark = pytest.mark.django_db


@pytest.fixture
def dora_in(client, dora):
    """A client of dora, who is signed in."""
    client.force_login(dora, backend="accounts.backends.LocalBackend")
    return client


def spend(user, start: datetime, hours: float) -> TimeEntry:
    return TimeEntry.objects.create(
        user=user, started_at=start, ended_at=start + timedelta(hours=hours)
    )


def rows(browser) -> dict[str, tuple[str, str, bool]]:
    """By name: today's and the week's time in hours, and whether a timer runs."""
    found = browser.get("/team/").context["rows"]
    return {
        row.name: (
            f"{row.today / timedelta(hours=1):.2f}",
            f"{row.week / timedelta(hours=1):.2f}",
            row.running is not None,
        )
        for row in found
    }


def at(days: int, hour: int = 1) -> datetime:
    """A moment of the day that lies so many days after the first of this week."""
    monday = spans.week_of(timezone.now().date(), 0)[0]
    return datetime(monday.year, monday.month, monday.day, hour, tzinfo=UTC) + timedelta(days)


def test_only_managers_see_the_team(client, bob_in, alice, dora):
    assert bob_in.get("/team/").status_code == 403
    client.logout()
    assert client.get("/team/")["Location"] == "/accounts/login/?next=/team/"
    for person in (alice, dora):
        client.force_login(person, backend="accounts.backends.LocalBackend")
        assert client.get("/team/").status_code == 200


def test_it_sums_the_day_and_the_week_of_each(dora_in, dora, bob, charlie):
    today = timezone.now().weekday()
    for day in range(7):
        spend(bob, at(day), 1)
    spend(bob, at(-1), 5)
    spend(bob, at(7), 5)
    spend(charlie, at(today), 2.5)

    assert rows(dora_in) == {
        "bob": ("1.00", "7.00", False),
        "charlie": ("2.50", "2.50", False),
        "dora": ("0.00", "0.00", False),
    }
    context = dora_in.get("/team/").context
    assert context["today"] == timedelta(hours=3.5)
    assert context["week"] == timedelta(hours=9.5)


def test_the_week_starts_as_the_manager_has_it(dora_in, dora, bob):
    spend(bob, at(0), 1)
    tuesday = (timezone.now().weekday() + 1) % 7  # a week that ends today
    User.objects.filter(pk=dora.pk).update(week_start=tuesday)
    week = spans.week_of(timezone.now().date(), tuesday)

    expected = "1.00" if at(0).date() in week else "0.00"
    assert rows(dora_in)["bob"][1] == expected
    assert week[-1] == timezone.now().date()


def test_an_entry_counts_for_the_day_that_it_keeps(dora_in, dora, bob):
    """Bob's day is that of his own zone, though dora looks from another one."""
    User.objects.filter(pk=bob.pk).update(time_zone="Pacific/Kiritimati")  # UTC+14
    User.objects.filter(pk=dora.pk).update(time_zone="Pacific/Pago_Pago")  # UTC-11
    bob.refresh_from_db()
    there = local_day(timezone.now(), "Pacific/Pago_Pago")
    noon = spans.day_bounds(there, _zone("Pacific/Kiritimati"))[0] + timedelta(hours=12)
    entry = spend(bob, noon, 2)

    assert entry.day == there
    assert rows(dora_in)["bob"][0] == "2.00"


def _zone(name: str):
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


def test_it_shows_who_works_on_what_and_counts_it(dora_in, bob, charlie, work):
    start = timezone.now() - timedelta(minutes=5)
    TimeEntry.objects.create(
        user=charlie, project=work.shop, task=work.checkout, description="<b>", started_at=start
    )

    response = dora_in.get("/team/")
    page = response.content.decode()

    assert "1 timer runs" in page
    assert "&lt;b&gt;" in page
    assert "Online shop" in page
    assert "Checkout" in page
    assert 'data-elapsed="30' in page
    first, second = response.context["rows"][:2]
    assert (first.name, second.name) == ("charlie", "bob")  # who works stands first
    assert first.duration >= timedelta(minutes=5)
    counted = first.today if local_day(start, "UTC") == timezone.now().date() else first.duration
    assert counted == first.duration


def test_it_leads_to_a_persons_entries_and_week(dora_in, bob):
    page = dora_in.get("/team/").content.decode()
    assert page.count(f"?person={bob.pk}") == 2


def test_people_who_have_left_stand_under_a_fold(dora_in, bob):
    User.objects.create_user("former-member-7", is_active=False)
    User.objects.filter(pk=bob.pk).update(is_active=False, first_name="Bob", last_name="Becker")
    spend(bob, timezone.now(), 1)

    response = dora_in.get("/team/")

    assert [row.name for row in response.context["rows"]] == ["dora"]
    assert [name for _person, name in response.context["gone"]] == ["Bob Becker", "Former member 7"]
    assert "2 people have left" in response.content.decode()


def test_it_takes_as_many_queries_for_two_hundred_people_as_for_three(dora_in):
    def add(number: int) -> None:
        person = User.objects.create_user(f"p{number}")
        project, _made = Project.objects.get_or_create(name=f"P{number % 20}")
        spend(person, timezone.now(), 1)
        TimeEntry.objects.create(user=person, project=project, started_at=timezone.now())

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            dora_in.get("/team/")
        return len(found)

    for number in range(3):
        add(number)
    three = queries()
    for number in range(3, 40):
        add(number)
    User.objects.bulk_create(User(username=f"idle{number}") for number in range(160))
    assert queries() == three


class TestBudgets:
    def test_it_names_those_that_run_over_or_nearly_do(self, dora_in, bob, work):
        def budget(hours: float, **fields) -> Project:
            project = Project.objects.create(name=f"{hours} of {fields}", **fields)
            entry = spend(bob, at(-20), hours)
            TimeEntry.objects.filter(pk=entry.pk).update(
                project=project, billable=True, rate_cents=100
            )
            return project

        over = budget(3, budget_hours=2)
        near = budget(1.8, budget_money=2)
        budget(1.7, budget_hours=2)
        budget(9, budget_hours=2, archived=True)
        budget(9)

        response = dora_in.get("/team/")

        assert [project for project, _budget in response.context["budgets"]] == [over, near]
        page = " ".join(response.content.decode().split())
        assert "1 budget runs over, 1 is nearly spent" in page
        assert f'href="/projects/{over.pk}/"' in page
        assert "over budget by 1:00" in page.replace("\N{NO-BREAK SPACE}", " ")

    def test_it_says_nothing_where_there_are_none(self, dora_in, work):
        assert "team-budgets" not in dora_in.get("/team/").content.decode()

    def test_it_shows_twenty_in_as_many_queries_as_two(self, dora_in, bob):
        def add(number: int) -> None:
            project = Project.objects.create(name=f"B{number}", budget_hours=1)
            entry = spend(bob, at(-20), 2)
            TimeEntry.objects.filter(pk=entry.pk).update(project=project)

        def queries() -> int:
            with CaptureQueriesContext(connection) as found:
                dora_in.get("/team/")
            return len(found)

        for number in range(2):
            add(number)
        queries()
        two = queries()
        for number in range(2, 25):
            add(number)
        assert queries() == two
        assert "And 5 more." in dora_in.get("/team/").content.decode()
