from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from tracking.models import (
    Client as Customer,
    Membership,
    Project,
    Rate,
    Tag,
    Task,
    TimeEntry,
    TimesheetRow,
)

pytestmark = pytest.mark.django_db
EIGHT = datetime(2026, 5, 4, 8, tzinfo=UTC)
LISTS = ["client", "project", "task", "tag", "timeentry", "timesheetrow"]
MADE_ELSEWHERE = {"timesheetrow"}  # on the page of the week


@pytest.fixture
def alice_in(client, alice):
    client.force_login(alice, backend="accounts.backends.LocalBackend")
    return client


def add(user, number: int) -> TimeEntry:
    customer = Customer.objects.create(name=f"Customer {number}")
    project = Project.objects.create(name=f"Project {number}", client=customer, budget_money=900)
    Membership.objects.create(project=project, user=user)
    task = Task.objects.create(name=f"Task {number}", project=project)
    start = EIGHT + timedelta(hours=number)
    entry = TimeEntry.objects.create(
        user=user, project=project, task=task, started_at=start, ended_at=start
    )
    entry.tags.add(Tag.objects.create(name=f"Tag {number}"))
    TimesheetRow.objects.create(user=user, week=EIGHT.date(), project=project, task=task)
    return entry


@pytest.mark.parametrize("name", LISTS)
def test_it_lists_and_searches(alice_in, bob, name):
    add(bob, 1)

    assert alice_in.get(f"/admin/tracking/{name}/").status_code == 200
    assert alice_in.get(f"/admin/tracking/{name}/?q=1").status_code == 200
    made_here = alice_in.get(f"/admin/tracking/{name}/add/").status_code == 200
    assert made_here == (name not in MADE_ELSEWHERE)


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
        "tag": entry.tags.get(),
        "timeentry": entry,
        "timesheetrow": TimesheetRow.objects.get(),
    }.items():
        assert row is not None
        assert alice_in.get(f"/admin/tracking/{name}/{row.pk}/change/").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "ended_at__isempty=1",
        "day__year=2026",
        "project__id__exact=1",
        "billable__exact=1",
        "user__id__exact=nobody",
    ],
)
def test_it_filters_entries(alice_in, bob, query):
    add(bob, 1)
    assert alice_in.get(f"/admin/tracking/timeentry/?{query}").status_code in (200, 302)


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

    assert page.status_code in (200, 400)  # PostgreSQL compares with it; SQLite cannot


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


@pytest.mark.parametrize(
    "query", ["billable__exact=1", "budget_hours__isempty=1", "budget_money__isempty=0"]
)
def test_it_filters_projects_and_shows_their_budgets(alice_in, bob, query):
    add(bob, 1)

    page = alice_in.get(f"/admin/tracking/project/?{query}").content.decode()

    assert "900.00\N{NO-BREAK SPACE}EUR" in page


def test_it_shows_what_is_counted_and_lets_nobody_write_it(alice_in, bob):
    entry = add(bob, 1)

    page = alice_in.get(f"/admin/tracking/timeentry/{entry.pk}/change/").content.decode()

    for name in ("day", "seconds", "version", "active_at"):
        assert f'name="{name}' not in page
        assert f"field-{name}" in page
    for name in ("tags", "billable", "description"):
        assert f'name="{name}"' in page


def test_it_counts_seconds_and_changes_when_an_entry_is_saved(alice_in, bob):
    entry = add(bob, 1)
    data = {
        "user": bob.pk,
        "description": "Longer",
        "started_at_0": "2026-05-04",
        "started_at_1": "08:00",
        "ended_at_0": "2026-05-04",
        "ended_at_1": "09:30",
        "tags": [entry.tags.get().pk],
        "seconds": 7,
        "version": 99,
    }

    assert alice_in.post(f"/admin/tracking/timeentry/{entry.pk}/change/", data).status_code == 302

    saved = TimeEntry.objects.get()
    assert (saved.seconds, saved.version) == (5400, entry.version + 1)
    assert saved.tags.count() == 1


def test_it_keeps_members_and_tasks_on_the_page_of_their_project(alice_in, bob, charlie):
    entry = add(bob, 1)
    project = entry.project
    assert project is not None
    member = Membership.objects.get()
    path = f"/admin/tracking/project/{project.pk}/change/"

    data = {
        "name": "Web shop",
        "client": project.client_id,
        "color": "#123456",
        "budget_hours": "40",
        "tasks-TOTAL_FORMS": 2,
        "tasks-INITIAL_FORMS": 1,
        "tasks-0-id": entry.task_id,
        "tasks-0-project": project.pk,
        "tasks-0-name": "Renamed",
        "tasks-1-project": project.pk,
        "tasks-1-name": "Second",
        "membership_set-TOTAL_FORMS": 2,
        "membership_set-INITIAL_FORMS": 1,
        "membership_set-0-id": member.pk,
        "membership_set-0-project": project.pk,
        "membership_set-0-user": bob.pk,
        "membership_set-1-project": project.pk,
        "membership_set-1-user": charlie.pk,
    }

    assert alice_in.post(path, data).status_code == 302
    project.refresh_from_db()
    assert (project.name, project.budget_hours) == ("Web shop", 40)
    assert {task.name for task in project.tasks.all()} == {"Renamed", "Second"}
    assert set(project.members.all()) == {bob, charlie}

    data["membership_set-0-DELETE"] = "on"
    data |= {"membership_set-TOTAL_FORMS": 1, "tasks-TOTAL_FORMS": 1}
    assert alice_in.post(path, data).status_code == 302
    assert list(project.members.all()) == [charlie]


def test_the_page_of_a_project_takes_as_many_queries_for_thirty_members_as_for_three(alice_in, bob):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    project = add(bob, 1).project
    assert project is not None

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            alice_in.get(f"/admin/tracking/project/{project.pk}/change/")
        return len(found)

    def join(number: int) -> None:
        person = User.objects.create_user(f"p{number}")
        Membership.objects.create(project=project, user=person)
        Task.objects.create(project=project, name=f"T{number}")

    for number in range(3):
        join(number)
    queries()  # the first page of a process looks up the content type, which is then remembered
    three = queries()
    for number in range(3, 30):
        join(number)
    assert queries() == three


def test_a_task_stays_with_its_project(alice_in, bob, work):
    """Its entries would be those of a task of another project."""
    entry = add(bob, 1)
    task, path = entry.task, f"/admin/tracking/task/{entry.task_id}/change/"
    assert task is not None
    assert 'name="project"' not in alice_in.get(path).content.decode()

    assert alice_in.post(path, {"name": "Moved", "project": work.garden.pk}).status_code == 302

    task.refresh_from_db()
    assert (task.name, task.project) == ("Moved", entry.project)


@pytest.mark.parametrize(("part", "twice"), [("tasks", "name"), ("membership_set", "user")])
def test_a_new_project_has_each_task_and_member_once(alice_in, bob, part, twice):
    data = {
        "name": "Site",
        "color": "#123456",
        **{f"{name}-INITIAL_FORMS": 0 for name in ("tasks", "membership_set")},
        **{f"{name}-TOTAL_FORMS": 0 for name in ("tasks", "membership_set")},
        f"{part}-TOTAL_FORMS": 2,
        f"{part}-0-{twice}": bob.pk,
        f"{part}-1-{twice}": bob.pk,
    }

    page = alice_in.post("/admin/tracking/project/add/", data)

    assert page.status_code == 200
    assert "Please correct the duplicate" in page.content.decode()
    assert not Project.objects.exists()


def test_a_budget_is_in_hours_or_in_money(alice_in):
    data = {
        "name": "Both",
        "color": "#123456",
        "budget_hours": "40",
        "budget_money": "900",
        "tasks-TOTAL_FORMS": 0,
        "tasks-INITIAL_FORMS": 0,
        "membership_set-TOTAL_FORMS": 0,
        "membership_set-INITIAL_FORMS": 0,
    }

    page = alice_in.post("/admin/tracking/project/add/", data).content.decode()

    assert "A budget is in hours or in money, not in both." in page
    assert not Project.objects.exists()


def test_what_people_deleted_is_kept_out(alice_in):
    assert alice_in.get("/admin/tracking/deletion/").status_code == 404


def test_money_that_is_counted_changes_neither_client_nor_currency(alice_in, bob, work):
    paths = {
        "currency": f"/admin/tracking/client/{work.client.pk}/change/",
        "client": f"/admin/tracking/project/{work.shop.pk}/change/",
    }
    for name, path in paths.items():
        assert f'name="{name}"' in alice_in.get(path).content.decode()

    TimeEntry.objects.create(user=bob, project=work.shop, started_at=timezone.now())
    TimeEntry.objects.update(rate_cents=5000)

    for name, path in paths.items():
        assert f'name="{name}"' not in alice_in.get(path).content.decode()


def test_a_project_without_time_goes_with_its_rates(alice_in, work):
    rate = Rate.objects.create(project=work.garden, since="2026-01-01", cents=5000)

    assert alice_in.get(f"/admin/tracking/rate/{rate.pk}/delete/").status_code == 403
    alice_in.post(f"/admin/tracking/project/{work.garden.pk}/delete/", {"post": "yes"})
    assert not Rate.objects.exists()
