from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import User
from tracking.models import Client as Customer, Project, Task, TimeEntry

pytestmark = pytest.mark.django_db
EIGHT = datetime(2026, 5, 4, 8, tzinfo=UTC)
LISTS = ["client", "project", "task", "timeentry"]


@pytest.fixture
def alice_in(client, alice):
    client.force_login(alice, backend="accounts.backends.LocalBackend")
    return client


def add(user, number: int) -> TimeEntry:
    customer = Customer.objects.create(name=f"Customer {number}")
    project = Project.objects.create(name=f"Project {number}", client=customer)
    task = Task.objects.create(name=f"Task {number}", project=project)
    start = EIGHT + timedelta(hours=number)
    return TimeEntry.objects.create(
        user=user, project=project, task=task, started_at=start, ended_at=start
    )


@pytest.mark.parametrize("name", LISTS)
def test_it_lists_and_searches(alice_in, bob, name):
    add(bob, 1)

    assert alice_in.get(f"/admin/tracking/{name}/").status_code == 200
    assert alice_in.get(f"/admin/tracking/{name}/?q=1").status_code == 200
    assert alice_in.get(f"/admin/tracking/{name}/add/").status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_it_takes_as_many_queries_for_thirty_rows_as_for_one(
    alice_in, bob, name, django_assert_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    add(bob, 1)
    alice_in.get(f"/admin/tracking/{name}/")
    with CaptureQueriesContext(connection) as queries:
        alice_in.get(f"/admin/tracking/{name}/")
    for number in range(2, 31):
        add(bob, number)
    with django_assert_num_queries(len(queries)):
        alice_in.get(f"/admin/tracking/{name}/")


def test_it_opens_each_row(alice_in, bob):
    entry = add(bob, 1)
    assert entry.project is not None

    for name, row in {
        "client": entry.project.client,
        "project": entry.project,
        "task": entry.task,
        "timeentry": entry,
    }.items():
        assert row is not None
        assert alice_in.get(f"/admin/tracking/{name}/{row.pk}/change/").status_code == 200


@pytest.mark.parametrize("query", ["ended_at__isempty=1", "day__year=2026", "project__id__exact=1"])
def test_it_filters_entries(alice_in, bob, query):
    add(bob, 1)
    assert alice_in.get(f"/admin/tracking/timeentry/?{query}").status_code == 200


def test_it_says_why_an_entry_is_refused(alice_in, bob, work):
    TimeEntry.objects.create(user=bob, started_at=EIGHT)
    data = {
        "user": bob.pk,
        "project": work.garden.pk,
        "task": work.checkout.pk,
        "description": "",
        "started_at_0": "2026-05-04",
        "started_at_1": "08:00",
    }

    page = alice_in.post("/admin/tracking/timeentry/add/", data).content.decode()

    assert "This task belongs to another project." in page
    page = alice_in.post("/admin/tracking/timeentry/add/", {**data, "task": ""}).content.decode()
    assert "A timer is running already." in page
    data = {**data, "task": "", "ended_at_0": "2026-05-03", "ended_at_1": "08:00"}
    page = alice_in.post("/admin/tracking/timeentry/add/", data).content.decode()
    assert "An entry cannot end before it starts." in page
    assert TimeEntry.objects.count() == 1


@pytest.mark.parametrize("name", ["started_at", "ended_at"])
@pytest.mark.parametrize(("day", "time"), [("9999-12-31", "23:00"), ("0001-01-01", "01:00")])
def test_it_refuses_a_year_that_no_calendar_holds_everywhere(alice_in, bob, name, day, time):
    User.objects.filter(pk=bob.pk).update(time_zone="Asia/Tokyo")
    data = {"user": bob.pk, "started_at_0": "2026-05-04", "started_at_1": "08:00"}

    page = alice_in.post(
        "/admin/tracking/timeentry/add/", {**data, f"{name}_0": day, f"{name}_1": time}
    )

    assert page.status_code == 200
    assert "Choose a year from 2 to 9998." in page.content.decode()


def test_it_survives_a_filter_by_a_year_that_is_none(alice_in, bob):
    add(bob, 1)

    page = alice_in.get("/admin/tracking/timeentry/?day__year=99999999999999999999")

    assert (page.status_code, page["Location"]) == (302, "/admin/tracking/timeentry/?e=1")


def test_it_saves_an_entry_with_its_day(alice_in, bob):
    bob.time_zone = "Pacific/Auckland"
    bob.save()
    data = {
        "user": bob.pk,
        "project": "",
        "task": "",
        "description": "By hand",
        "started_at_0": "2026-05-04",
        "started_at_1": "13:00",
        "ended_at_0": "2026-05-04",
        "ended_at_1": "14:00",
    }

    assert alice_in.post("/admin/tracking/timeentry/add/", data).status_code == 302
    assert TimeEntry.objects.get().day.isoformat() == "2026-05-05"


def test_it_refuses_to_delete_a_project_on_which_time_was_spent(alice_in, bob):
    entry = add(bob, 1)
    assert entry.project is not None

    alice_in.post(f"/admin/tracking/project/{entry.project.pk}/delete/", {"post": "yes"})

    assert Project.objects.filter(pk=entry.project.pk).exists()


def test_it_is_closed_to_everybody_else(bob_in):
    assert bob_in.get("/admin/tracking/timeentry/").status_code in (302, 403)
