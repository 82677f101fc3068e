import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from analytics.models import Event
from tests.tracking.conftest import Work
from tracking import services
from tracking.models import Membership, Project, Task, TimeEntry, TimesheetRow
from tracking.services import timesheet

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/week/2026-11-23/"}
BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
WEEK = "/week/2026-11-23/"


@pytest.fixture(autouse=True)
def _in_berlin(request):
    if "bob" in request.fixturenames:
        bob = request.getfixturevalue("bob")
        bob.time_zone = "Europe/Berlin"
        bob.save()


def monday(hour: int, day: int = 23) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=BERLIN)


def spent(person, start: datetime, length: timedelta = HOUR, **what) -> TimeEntry:
    return services.create_entry(person, started_at=start, ended_at=start + length, **what)


def name(work: Work, was: int = 0, day: str = "2026-11-23") -> str:
    return f"c.{work.shop.pk}-{work.checkout.pk}.{day}.{was}"


def save(client, cells: dict[str, str], *, htmx: bool = False, **data):
    headers = HTMX if htmx else {}
    return client.post("/week/cell/", {"day": "2026-11-23", **data, **cells}, headers=headers)


def field(page: str, label: str) -> str:
    """The field of that label, as HTML."""
    fields: list[str] = re.findall("<input[^>]*>", page)
    return next(found for found in fields if f'"{label}"' in found)


def recorded() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("event", flat=True))


MONDAY_CELL = "Online shop · Checkout, Monday 23 November"


# --- the page ---


@pytest.mark.parametrize("path", ["/week/", WEEK])
def test_it_sends_strangers_to_the_sign_in_page(client, path):
    assert client.get(path)["Location"] == f"/accounts/login/?next={path}"


@pytest.mark.parametrize("path", ["/week/cell/", "/week/copy/", "/week/row/", "/week/row/remove/"])
def test_strangers_change_nothing(client, work, path):
    response = client.post(path, {"day": "2026-11-23", name(work): "1"})

    assert response.status_code == 302
    assert not TimeEntry.objects.exists()


def test_it_says_how_to_begin(bob_in):
    page = bob_in.get("/week/").content.decode()

    assert "No time in this week." in page
    assert '<details class="week-add" open>' in page
    assert "<table" not in page


def test_it_shows_the_week(bob_in, bob, work):
    spent(bob, monday(9), 90 * HOUR / 60, project=work.shop, task=work.checkout)
    spent(bob, monday(14, 25), 2 * HOUR, project=work.garden)

    page = bob_in.get("/week/2026-11-26/").content.decode()

    assert "23 – 29 November" in page
    assert 'value="1:30"' in field(page, MONDAY_CELL)
    assert 'value="2:00"' in field(page, "Garden, Wednesday 25 November")
    assert 'value=""' in field(page, "Garden, Sunday 29 November")
    assert re.search(r'id="day-0-sum"[^>]*>1:30<', page)
    assert re.search(r'id="week-all-sum"[^>]*>3:30<', page)
    assert 'href="/week/2026-11-19/"' in page
    assert 'href="/week/2026-12-03/"' in page
    assert re.search(r'id="shown-3" checked', page)  # the day that was asked for


def test_it_begins_on_the_first_day_of_the_person(bob_in, bob):
    bob.week_start = 6
    bob.save()

    assert "22 – 28 November" in bob_in.get(WEEK).content.decode()


def test_it_shows_today_by_itself(bob_in, bob, work):
    today = timezone.localdate(timezone=BERLIN)
    timesheet.add_row(bob, today, project=work.shop, task=None)

    page = bob_in.get("/week/").content.decode()

    assert 'aria-current="date"' in page
    assert f'href="/entries/?since={today}&amp;until={today}"' in page


@pytest.mark.parametrize(
    "day",
    ["tomorrow", "2026-02-30", "20261123", "2026-W48-1", "0001-01-01", "9999-12-31", "2026-11-23x"],
)
def test_a_nonsense_day_is_not_found(bob_in, day):
    assert bob_in.get(f"/week/{day}/").status_code == 404


@pytest.mark.parametrize("day", ["0003-01-01", "9997-12-31", "1999-12-31"])
def test_the_ends_of_the_calendar_are_pages(bob_in, day):
    assert bob_in.get(f"/week/{day}/").status_code == 200
    assert bob_in.post("/week/copy/", {"day": day}).status_code == 302
    assert save(bob_in, {f"c.0-0.{day}.0": "1"}, htmx=True).status_code == 422


def test_it_shows_names_as_text(bob_in, bob, work):
    work.shop.name = "<b>Shop</b>"
    work.shop.save()
    timesheet.add_row(bob, monday(0).date(), project=work.shop, task=None)

    page = bob_in.get(WEEK).content.decode()

    assert "<b>Shop</b>" not in page
    assert "&lt;b&gt;Shop&lt;/b&gt;, Monday" in page


def test_the_cell_of_the_running_timer_has_no_field(bob_in, bob, work):
    services.start_timer(bob, project=work.shop, task=work.checkout)
    TimeEntry.objects.update(started_at=timezone.now() - 61 * HOUR / 60)

    page = bob_in.get("/week/").content.decode()

    assert re.search(
        r'class="week-running"[^>]*><span data-elapsed="366\d" data-minutes>1:01</span>', page
    )
    assert len(re.findall(r'<input id="cell-', page)) == 6


def test_it_takes_as_many_queries_for_thirty_rows_as_for_three(bob_in, bob, work):
    projects = [Project.objects.create(client=work.client, name=f"Project {n}") for n in range(40)]

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert bob_in.get(WEEK).status_code == 200
        return len(captured)

    for project in projects[:3]:
        spent(bob, monday(9), project=project)
    spent(bob, monday(9), project=work.shop, task=work.checkout)
    queries()  # the first request of a test warms up what is read once
    few = queries()
    for project in projects:
        task = Task.objects.create(project=project, name="Task")
        spent(bob, monday(9), project=project, task=task)

    assert queries() == few


# --- the weeks of others ---


def test_nobody_sees_the_week_of_somebody_else(bob_in, charlie):
    assert bob_in.get(f"/week/?person={charlie.pk}").status_code == 404
    assert bob_in.get("/week/?person=charlie").status_code == 404


def test_ones_own_week_is_ones_own(bob_in, bob, work):
    timesheet.add_row(bob, monday(0).date(), project=work.shop, task=None)

    assert "<input id=" in bob_in.get(f"{WEEK}?person={bob.pk}").content.decode()


def test_a_manager_reads_the_week_of_a_person(client, dora, bob, work):
    client.force_login(dora, backend="accounts.backends.LocalBackend")
    spent(bob, monday(9), project=work.shop, task=work.checkout)

    page = client.get(f"{WEEK}?person={bob.pk}").content.decode()

    assert "Week of bob" in page
    assert '<td data-day="0">1:00</td>' in page
    assert 'id="cell-' not in page
    assert "/week/cell/" not in page.replace('action="/week/cell/"', "")
    assert "Add row" not in page
    assert f'href="/week/2026-11-16/?person={bob.pk}"' in page


@pytest.mark.parametrize("person", ["nobody", "12", "00000000-0000-0000-0000-000000000000"])
def test_a_manager_finds_no_week_of_nobody(client, dora, person):
    client.force_login(dora, backend="accounts.backends.LocalBackend")

    assert client.get(f"/week/?person={person}").status_code == 404


# --- typing, with the script ---


def test_a_cell_is_saved(bob_in, bob, work):
    response = save(bob_in, {name(work): "1.5"}, htmx=True)

    assert response.status_code == 200
    assert TimeEntry.objects.get().duration == 1.5 * HOUR
    assert recorded()[-1] == "time_entry.created"
    told = response["HX-Trigger"]
    assert '"text": "1:30"' in told
    assert f'"name": "{name(work, 5400)}"' in told
    page = response.content.decode()
    for part in (f"row-{work.shop.pk}-{work.checkout.pk}", "day-0", "strip-0", "week-all"):
        assert re.search(rf'id="{part}-sum"[^>]*hx-swap-oob="true">1:30<', page), part


@pytest.mark.parametrize(
    "typed", ["abc", "-1", "0 apples", "1:75", "900h", "24:01", "🕐", "<b>1</b>", "1" * 9999]
)
def test_nonsense_is_refused_beside_its_cell(bob_in, work, typed):
    response = save(bob_in, {name(work): typed}, htmx=True)

    assert response.status_code == 422
    assert '"refused": true' in response["HX-Trigger"]
    page = response.content.decode()
    assert f'hx-swap-oob="beforeend:#errors-{work.shop.pk}-{work.checkout.pk}"' in page
    assert 'class="field-error"' in page
    assert "<b>1</b>" not in page
    assert not TimeEntry.objects.exists()


@pytest.mark.parametrize("typed", ["", "0", "0:00", "0h", "0,0", "00:00:00"])
def test_nothing_and_zero_delete_with_undo(bob_in, bob, work, typed):
    entry = spent(bob, monday(14), project=work.shop, task=work.checkout)

    response = save(bob_in, {name(work, 3600): typed}, htmx=True)

    page = response.content.decode()
    assert not TimeEntry.objects.exists()
    assert "1:00 on Monday, 23 November removed." in page
    assert '"text": ""' in response["HX-Trigger"]
    bob_in.post(re.search(r'action="(/undo/[^"]+)"', page)[1])
    assert TimeEntry.objects.get() == entry


def test_a_stale_cell_says_what_it_is_now(bob_in, bob, work):
    spent(bob, monday(14), 2 * HOUR, project=work.shop, task=work.checkout)

    response = save(bob_in, {name(work, 3600): "3"}, htmx=True)

    assert response.status_code == 422
    assert "it is 2:00 now" in response.content.decode()
    assert f'"name": "{name(work, 7200)}"' in response["HX-Trigger"]
    assert TimeEntry.objects.get().duration == 2 * HOUR
    assert save(bob_in, {name(work, 7200): "3"}, htmx=True).status_code == 200


def test_several_entries_lead_to_their_day(bob_in, bob, work):
    for hour in (9, 13):
        spent(bob, monday(hour), 2 * HOUR, project=work.shop, task=work.checkout)

    response = save(bob_in, {name(work, 14400): "1"}, htmx=True)

    page = response.content.decode()
    assert response.status_code == 422
    assert "Several entries make up this time: change them on the day." in page
    assert 'href="/entries/?since=2026-11-23&amp;until=2026-11-23"' in page


def test_a_running_timer_is_refused_with_a_sentence(bob_in, bob, work):
    entry = services.start_timer(bob, project=work.shop, task=work.checkout)

    response = save(bob_in, {name(work, day=entry.day.isoformat()): "1"}, htmx=True)

    assert response.status_code == 422
    assert "The timer is running here." in response.content.decode()


@pytest.mark.parametrize("project", ["theirs", "archived"])
def test_projects_of_others_are_not_found(bob_in, charlie, work, project):
    Membership.objects.create(project=work.garden, user=charlie)
    work.garden.archived = project == "archived"
    work.garden.save()

    response = save(bob_in, {f"c.{work.garden.pk}-0.2026-11-23.0": "1"}, htmx=True)

    assert response.status_code == 404
    assert "Garden" not in response.content.decode()
    assert not TimeEntry.objects.exists()


def test_an_archived_project_takes_no_new_time_but_keeps_its_own(bob_in, bob, work):
    spent(bob, monday(14), project=work.shop, task=work.checkout)
    work.shop.archived = True
    work.shop.save()

    assert save(bob_in, {name(work, 3600): "2"}, htmx=True).status_code == 200
    response = save(bob_in, {name(work, day="2026-11-24"): "2"}, htmx=True)

    assert response.status_code == 422
    assert "“Online shop” is archived." in response.content.decode()
    assert TimeEntry.objects.get().duration == 2 * HOUR


def test_time_of_others_is_never_touched(bob_in, charlie, work):
    spent(charlie, monday(14), project=work.shop, task=work.checkout)

    assert save(bob_in, {name(work, 3600): ""}, htmx=True).status_code == 422

    assert TimeEntry.objects.of(charlie).get().duration == HOUR


@pytest.mark.parametrize(
    "bad",
    [
        "c.",
        "c.1-1.2026-11-23",
        "c.999999-0.2026-11-23.0",
        "c.{shop}-999999.2026-11-23.0",
        "c.{garden}-{task}.2026-11-23.0",
        "c.0-{task}.2026-11-23.0",
        "c.{shop}-0.2026-13-23.0",
        "c.999999999999999999-0.2026-11-23.0",
        "c.{shop}-0.2026-11-23.-1",
    ],
)
def test_forged_names_are_not_found(bob_in, work, bad):
    forged = bad.format(shop=work.shop.pk, garden=work.garden.pk, task=work.checkout.pk)

    assert save(bob_in, {forged: "1"}, htmx=True).status_code == 404
    assert not TimeEntry.objects.exists()


@pytest.mark.parametrize("path", ["cell/", "copy/", "row/", "row/remove/"])
def test_an_action_without_its_day_is_not_found(bob_in, path):
    assert bob_in.post(f"/week/{path}").status_code == 404


# --- typing, without the script ---


def test_the_form_saves_every_cell_that_was_changed(bob_in, bob, work):
    spent(bob, monday(9), timedelta(minutes=90, seconds=20), project=work.shop, task=work.checkout)
    cells = {
        name(work, 5420): "1:30",  # as it was shown
        name(work, day="2026-11-24"): "2",
        f"c.{work.garden.pk}-0.2026-11-25.0": "45m",
        "c.0-0.2026-11-25.0": "",
    }

    response = save(bob_in, cells, next=WEEK)

    assert response["Location"] == WEEK
    assert sorted(entry.seconds for entry in TimeEntry.objects.all()) == [2700, 5420, 7200]
    assert "The week is saved." in bob_in.get(WEEK).content.decode()


def test_what_is_refused_stays_beside_its_cell_and_the_rest_is_saved(bob_in, bob, work):
    for day in ("2026-11-23", "2026-11-24"):
        timesheet.add_row(bob, date.fromisoformat(day), project=None, task=work.checkout)

    response = save(bob_in, {name(work): '"half" a day', name(work, day="2026-11-24"): "2"})

    page = response.content.decode()
    assert response.status_code == 422
    assert 'value="&quot;half&quot; a day"' in field(page, MONDAY_CELL)
    assert 'aria-invalid="true"' in field(page, MONDAY_CELL)
    assert "is no duration; write 1:30, 1.5h or 90m." in page
    assert 'value="2:00"' in field(page, "Online shop · Checkout, Tuesday 24 November")
    assert TimeEntry.objects.get().seconds == 7200


def test_a_cleared_cell_can_be_undone(bob_in, bob, work):
    spent(bob, monday(14), project=work.shop, task=work.checkout)

    save(bob_in, {name(work, 3600): ""}, next=WEEK)

    page = bob_in.get(WEEK).content.decode()
    bob_in.post(re.search(r'action="(/undo/[^"]+)"', page)[1])
    assert TimeEntry.objects.get().duration == HOUR


# --- rows ---


def test_a_row_is_added_and_stays(bob_in, bob, work):
    data = {"day": "2026-11-25", "project": work.shop.pk, "task": work.checkout.pk}

    response = bob_in.post("/week/row/", data)

    key = f"{work.shop.pk}-{work.checkout.pk}"
    assert response["Location"] == f"/week/2026-11-25/?row={key}"
    page = bob_in.get(response["Location"]).content.decode()
    label = "Online shop · Checkout, Wednesday 25 November"
    assert "autofocus" in field(page, label)
    assert "autofocus" not in field(page, MONDAY_CELL)
    assert field(bob_in.get(WEEK).content.decode(), label)


@pytest.mark.parametrize("project", ["theirs", "999999", "x", "9" * 40])
def test_a_row_of_a_project_of_others_is_refused(bob_in, charlie, work, project):
    Membership.objects.create(project=work.garden, user=charlie)
    wished = work.garden.pk if project == "theirs" else project

    response = bob_in.post("/week/row/", {"day": "2026-11-25", "project": wished})

    assert response.status_code == 422
    assert "This project is archived or was removed." in response.content.decode()
    assert not TimesheetRow.objects.exists()


def test_a_task_of_another_project_is_refused(bob_in, work):
    data = {"day": "2026-11-25", "project": work.garden.pk, "task": work.checkout.pk}

    response = bob_in.post("/week/row/", data)

    assert response.status_code == 422
    assert "is no task of" in response.content.decode()
    assert not TimesheetRow.objects.exists()


def test_all_projects_can_be_asked_for_without_the_script(bob_in, work):
    for n in range(35):
        Project.objects.create(name=f"Project {n:02}")

    response = bob_in.post("/week/row/", {"day": "2026-11-25", "project": "more"})

    assert response.status_code == 422
    page = response.content.decode()
    assert "Choose a project from the list." in page
    assert page.count("Project 34</option>") == 1


def test_rows_of_last_week_are_copied_and_stay(bob_in, bob, work):
    spent(bob, monday(9, 16), project=work.shop, task=work.checkout)

    response = bob_in.post("/week/copy/", {"day": "2026-11-25"}, follow=True)

    assert response.redirect_chain == [("/week/2026-11-25/", 302)]
    assert "1 row copied." in response.content.decode()
    assert 'value=""' in field(bob_in.get(WEEK).content.decode(), MONDAY_CELL)
    again = bob_in.post("/week/copy/", {"day": "2026-11-25"}, follow=True)
    assert "The week before has no other rows." in again.content.decode()


def test_a_row_without_time_is_taken_away(bob_in, bob, work):
    timesheet.add_row(bob, date(2026, 11, 23), project=None, task=work.checkout)
    key = f"{work.shop.pk}-{work.checkout.pk}"

    response = bob_in.post("/week/row/remove/", {"day": "2026-11-25", "row": key})

    assert response["Location"] == "/week/2026-11-25/?row=removed"
    assert not TimesheetRow.objects.exists()


@pytest.mark.parametrize("path", ["/week/row/", "/week/copy/", "/week/row/remove/"])
def test_every_button_saves_the_cells_without_the_script(bob_in, bob, work, path):
    timesheet.add_row(bob, date(2026, 11, 23), project=work.garden, task=None)
    cells = {name(work): "1:30", name(work, day="2026-11-24"): "abc"}
    garden = {"project": work.garden.pk, "row": f"{work.garden.pk}-0"}

    response = bob_in.post(path, {"day": "2026-11-25", **garden, **cells})

    page = response.content.decode()
    assert response.status_code == 422
    assert TimeEntry.objects.get().duration == 1.5 * HOUR
    assert "“abc” is no duration" in page
    assert 'value="abc"' in field(page, MONDAY_CELL.replace("Monday 23", "Tuesday 24"))


@pytest.mark.parametrize("row", ["", "x", "1-", "-1-2"])
def test_a_nonsense_row_is_not_found(bob_in, row):
    data = {"day": "2026-11-25", "row": row}

    assert bob_in.post("/week/row/remove/", data).status_code == 404


def test_a_week_over_the_change_of_the_clock_sums_right(bob_in, bob, work):
    start = datetime(2026, 10, 24, 22, tzinfo=BERLIN)
    spent(bob, start, 4 * HOUR, project=work.shop, task=work.checkout)
    night = datetime(2026, 10, 25, 0, 30, tzinfo=BERLIN)
    spent(bob, night, 4 * HOUR, project=work.shop, task=work.checkout)

    page = bob_in.get("/week/2026-10-25/").content.decode()

    assert 'value="4:00"' in field(page, "Online shop · Checkout, Saturday 24 October")
    assert 'value="4:00"' in field(page, "Online shop · Checkout, Sunday 25 October")
    assert re.search(r'id="week-all-sum"[^>]*>8:00<', page)
    assert User.objects.get().time_zone == "Europe/Berlin"
