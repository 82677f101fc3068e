"""Hours are typed into the week: saved as each cell is left, moved through by keys, never lost."""

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import opened
from tests.browser.test_first_line import sign_in
from tests.processes import Site

# A week in the past, so that no timer stands in it.
ADDRESS = "/week/2025-03-12/"
TWO_ROWS = """
from datetime import UTC, date, datetime
from accounts.models import User
from tracking.models import Client, Project, TimeEntry, TimesheetRow

TimeEntry.objects.all().delete()
TimesheetRow.objects.all().delete()
alice = User.objects.get(username="alice")
for name in ("Garden", "House"):
    project, _ = Project.objects.get_or_create(name=name)
    TimesheetRow.objects.create(user=alice, week=date(2025, 3, 10), project=project)
TimeEntry.objects.create(
    user=alice, project=Project.objects.get(name="Garden"),
    started_at=datetime(2025, 3, 11, 9, tzinfo=UTC), ended_at=datetime(2025, 3, 11, 11, tzinfo=UTC),
)
"""


@pytest.fixture
def week(page: Page, site: Site) -> Page:
    """The week with two rows, and two hours in the garden on Tuesday."""
    site.run(TWO_ROWS)
    sign_in(page, site)
    page.goto(f"{site.url}{ADDRESS}", wait_until="networkidle")
    return page


def cell(page: Page, row: str, day: str) -> Locator:
    return page.get_by_label(f"{row}, {day} March")


def total(page: Page) -> Locator:
    return page.locator("tfoot .week-total")


def sentences(page: Page) -> Locator:
    return page.locator(".week-errors .field-error")


def test_a_cell_is_saved_as_it_is_left(week):
    monday = cell(week, "Garden", "Monday 10")
    monday.fill("1.5")
    week.keyboard.press("Enter")

    expect(cell(week, "House", "Monday 10")).to_be_focused()
    expect(monday).to_have_value("1:30")
    expect(total(week)).to_have_text("3:30")
    week.reload()
    expect(monday).to_have_value("1:30")


def test_fast_hands_lose_nothing(week):
    cell(week, "Garden", "Monday 10").focus()
    for hours in ("1", "2"):
        week.keyboard.type(hours)
        week.keyboard.press("Enter")
    cell(week, "House", "Tuesday 11").fill("3")
    week.get_by_role("link", name="Next week").click()

    week.wait_for_url("**/week/2025-03-19/")
    week.goto(week.url.replace("03-19", "03-12"))
    expect(total(week)).to_have_text("8:00")


def test_what_is_refused_stays_and_says_why(week):
    monday = cell(week, "Garden", "Monday 10")
    monday.fill("abc")
    week.keyboard.press("Tab")

    expect(sentences(week)).to_contain_text("“abc” is no duration")
    expect(monday).to_have_value("abc")
    expect(cell(week, "Garden", "Tuesday 11")).to_be_focused()
    monday.focus()
    week.keyboard.press("Escape")
    expect(sentences(week)).to_have_count(0)
    expect(monday).to_have_value("")


def test_a_cleared_cell_is_brought_back_where_another_is_being_mended(week):
    cell(week, "House", "Monday 10").fill("abc")
    cell(week, "Garden", "Tuesday 11").fill("")
    week.keyboard.press("Tab")
    week.get_by_role("button", name="Undo").click()

    expect(cell(week, "Garden", "Tuesday 11")).to_have_value("2:00")
    expect(cell(week, "House", "Monday 10")).to_have_value("abc")
    expect(sentences(week)).to_contain_text("“abc” is no duration")
    week.once("dialog", lambda dialog: dialog.accept())  # it is not saved: the page asks


def test_arrows_move_between_cells(week):
    cell(week, "Garden", "Tuesday 11").focus()

    for key, label in (
        ("ArrowDown", "House, Tuesday 11 March"),
        ("ArrowRight", "House, Wednesday 12 March"),
        ("ArrowUp", "Garden, Wednesday 12 March"),
        ("ArrowLeft", "Garden, Tuesday 11 March"),
    ):
        week.keyboard.press(key)
        expect(week.get_by_label(label)).to_be_focused()


def test_two_tabs_do_not_overwrite_each_other(week, site):
    other = week.context.new_page()
    other.goto(f"{site.url}{ADDRESS}", wait_until="networkidle")
    cell(other, "Garden", "Tuesday 11").fill("4")
    other.keyboard.press("Tab")
    expect(total(other)).to_have_text("4:00")

    tuesday = cell(week, "Garden", "Tuesday 11")
    tuesday.fill("3")
    week.keyboard.press("Tab")

    expect(sentences(week)).to_contain_text("it is 4:00 now")
    expect(tuesday).to_have_value("3")
    tuesday.focus()
    week.keyboard.press("Enter")
    expect(tuesday).to_have_value("3:00")
    expect(total(week)).to_have_text("3:00")


def test_a_lost_connection_loses_nothing(week):
    monday = cell(week, "House", "Monday 10")
    week.route("**/week/cell/", lambda route: route.fulfill(status=503, body=""))
    monday.fill("2")
    week.keyboard.press("Tab")
    expect(sentences(week)).to_contain_text("Not saved yet")

    week.unroute("**/week/cell/")
    monday.focus()
    week.keyboard.press("Enter")
    expect(monday).to_have_value("2:00")
    expect(sentences(week)).to_have_count(0)


def test_a_lost_session_keeps_what_was_typed(week, site):
    week.context.clear_cookies(name="sessionid")
    cell(week, "House", "Monday 10").fill("2")
    week.keyboard.press("Tab")
    week.wait_for_url("**/accounts/login/**")

    sign_in(week, site)
    week.goto(f"{site.url}{ADDRESS}")

    expect(cell(week, "House", "Monday 10")).to_have_value("2:00")


def test_a_phone_shows_one_day_at_a_time(week, chromium: Browser, site):
    state = week.context.storage_state()
    with opened(chromium, viewport={"width": 390, "height": 844}, storage_state=state) as phone:
        phone.goto(f"{site.url}{ADDRESS}", wait_until="networkidle")
        expect(cell(phone, "Garden", "Wednesday 12")).to_be_visible()
        expect(cell(phone, "Garden", "Tuesday 11")).to_be_hidden()

        phone.locator("label[for=shown-1]").click()

        expect(cell(phone, "Garden", "Tuesday 11")).to_have_value("2:00")
        expect(cell(phone, "Garden", "Tuesday 11")).to_be_visible()
        assert phone.evaluate("document.documentElement.scrollWidth") == 390


def test_it_works_without_a_script(week, chromium: Browser, site):
    state = week.context.storage_state()
    with opened(chromium, java_script_enabled=False, storage_state=state) as plain:
        plain.goto(f"{site.url}{ADDRESS}")
        cell(plain, "Garden", "Monday 10").fill("1")
        cell(plain, "House", "Monday 10").fill("abc")
        plain.get_by_role("button", name="Save").click()

        expect(cell(plain, "Garden", "Monday 10")).to_have_value("1:00")
        expect(cell(plain, "House", "Monday 10")).to_have_value("abc")
        expect(sentences(plain)).to_contain_text("“abc” is no duration")

        cell(plain, "House", "Monday 10").fill("0:30")
        plain.get_by_role("button", name="Copy rows of last week").click()
        expect(cell(plain, "House", "Monday 10")).to_have_value("0:30")
        cell(plain, "House", "Friday 14").fill("2")
        plain.keyboard.press("Enter")  # saves, and takes no row away
        expect(cell(plain, "House", "Friday 14")).to_have_value("2:00")
        expect(total(plain)).to_have_text("5:30")
