"""Entries are made, moved and stretched in the calendar, by mouse and by keyboard."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_first_line import sign_in
from tests.processes import Site

# A week in the past, so that no timer and no line of now stands in it.
ADDRESS = "/calendar/?day=2025-03-12"
TUESDAY, WEDNESDAY, THURSDAY = "2025-03-11", "2025-03-12", "2025-03-13"
ONE_ENTRY = """
from datetime import UTC, datetime
from accounts.models import User
from tracking.models import TimeEntry
TimeEntry.objects.all().delete()
TimeEntry.objects.create(
    user=User.objects.get(username="alice"), description="Review",
    started_at=datetime(2025, 3, 12, 9, tzinfo=UTC), ended_at=datetime(2025, 3, 12, 10, tzinfo=UTC),
)
"""


@pytest.fixture
def calendar(page: Page, site: Site) -> Page:
    """The calendar with an entry on Wednesday from nine to ten."""
    site.run(ONE_ENTRY)
    sign_in(page, site)
    page.goto(f"{site.url}{ADDRESS}", wait_until="networkidle")
    return page


def times(page: Page) -> list[str]:
    """Day and time of what is stored, as the page says it when it is loaded anew."""
    page.goto(page.url, wait_until="networkidle")
    blocks = page.locator("[data-version]")
    return sorted(
        f"{block.get_attribute('data-start')}/{block.get_attribute('data-end')}"[8:]
        for block in blocks.all()
    )


def point(page: Page, day: str, hour: float) -> tuple[float, float]:
    """Where an hour of a day is, as the window shows it."""
    box = page.locator(f".cal-column[data-day='{day}']").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] * hour / 24


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=5)
    page.mouse.up()


def review(page: Page) -> Locator:
    return page.get_by_role("link", name="Review")


def test_the_working_day_is_in_view_at_first(calendar):
    seven, five = point(calendar, WEDNESDAY, 7)[1], point(calendar, WEDNESDAY, 16)[1]
    box = calendar.locator(".cal-scroll").bounding_box()

    assert box["y"] < seven < five < box["y"] + box["height"] <= 900
    expect(review(calendar)).to_be_in_viewport()


def test_dragging_over_free_hours_makes_an_entry_and_asks_what_it_is(calendar):
    drag(calendar, point(calendar, THURSDAY, 9.05), point(calendar, THURSDAY, 10.48))

    form = calendar.get_by_role("dialog", name="Entry")
    expect(form.get_by_label("Description")).to_be_focused()
    form.get_by_label("Description").fill("Made by hand")
    form.get_by_role("button", name="Save").click()

    expect(form).to_be_hidden()
    made = calendar.get_by_role("link", name="Made by hand")
    expect(made).to_contain_text("1:30")
    assert times(calendar) == ["12T09:00/2025-03-12T10:00", "13T09:00/2025-03-13T10:30"]


def test_a_click_on_free_hours_makes_nothing(calendar):
    calendar.mouse.click(*point(calendar, THURSDAY, 9))

    expect(calendar.locator(".cal-ghost")).to_have_count(0)
    assert times(calendar) == ["12T09:00/2025-03-12T10:00"]


def test_an_entry_is_dragged_to_another_day(calendar):
    drag(calendar, point(calendar, WEDNESDAY, 9.5), point(calendar, TUESDAY, 11))

    column = calendar.locator(f".cal-column[data-day='{TUESDAY}']")
    expect(column.get_by_role("link", name="Review")).to_contain_text("10:30")
    assert times(calendar) == ["11T10:30/2025-03-11T11:30"]
    expect(calendar.get_by_role("dialog", name="Entry")).to_be_hidden()


def test_its_edges_are_dragged(calendar):
    drag(calendar, point(calendar, WEDNESDAY, 9.93), point(calendar, WEDNESDAY, 12))
    expect(review(calendar)).to_contain_text("3:00")
    drag(calendar, point(calendar, WEDNESDAY, 9.05), point(calendar, WEDNESDAY, 10.25))
    expect(review(calendar)).to_contain_text("1:45")
    assert times(calendar) == ["12T10:15/2025-03-12T12:00"]


def test_escape_leaves_it_where_it_was(calendar):
    calendar.mouse.move(*point(calendar, WEDNESDAY, 9.5))
    calendar.mouse.down()
    calendar.mouse.move(*point(calendar, TUESDAY, 13), steps=5)
    expect(calendar.locator(".cal-ghost")).to_contain_text("Review")
    calendar.keyboard.press("Escape")
    expect(calendar.locator(".cal-ghost")).to_have_count(0)
    calendar.mouse.up()

    calendar.wait_for_timeout(300)  # a request would have been sent by now
    assert times(calendar) == ["12T09:00/2025-03-12T10:00"]
    expect(calendar.locator(".cal-lifted")).to_have_count(0)


def test_what_was_changed_elsewhere_snaps_back_and_says_so(calendar, site):
    site.run(
        "from tracking.models import TimeEntry; e = TimeEntry.objects.get();"
        "e.description = 'Review, renamed'; e.save()"
    )
    drag(calendar, point(calendar, WEDNESDAY, 9.5), point(calendar, TUESDAY, 13))

    expect(calendar.locator("#toasts")).to_contain_text("This entry was changed elsewhere.")
    renamed = calendar.get_by_role("link", name="Review, renamed")
    expect(renamed).to_contain_text("09:00")
    expect(calendar.locator(".cal-ghost")).to_have_count(0)
    assert times(calendar) == ["12T09:00/2025-03-12T10:00"]


def test_the_keys_move_and_stretch_it(calendar):
    review(calendar).focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        calendar.keyboard.press(f"Alt+{key}")
    expect(calendar.locator("#calendar-says")).to_have_text("Thursday, 09:30 – 10:30")

    column = calendar.locator(f".cal-column[data-day='{THURSDAY}']")
    moved = column.get_by_role("link", name="Review")
    expect(moved).to_be_focused()
    expect(calendar.locator("#toasts")).to_contain_text("(13 March, 09:30–10:30)")

    calendar.keyboard.press("Alt+Shift+ArrowDown")
    expect(moved).to_contain_text("1:15")
    expect(moved).to_be_focused()

    calendar.keyboard.press("Alt+ArrowUp")
    calendar.keyboard.press("Escape")
    expect(calendar.locator(".cal-ghost")).to_have_count(0)
    calendar.keyboard.press("Enter")
    expect(calendar.get_by_role("dialog", name="Entry")).to_be_visible()
    calendar.keyboard.press("Escape")
    expect(moved).to_be_focused()
    assert times(calendar) == ["13T09:30/2025-03-13T10:45"]


def test_it_is_deleted_in_its_form_and_comes_back(calendar):
    review(calendar).click()
    calendar.get_by_role("dialog", name="Entry").get_by_role("button", name="Delete").click()
    expect(review(calendar)).to_have_count(0)

    calendar.get_by_role("button", name="Undo").click()
    expect(review(calendar)).to_be_visible()
    assert times(calendar) == ["12T09:00/2025-03-12T10:00"]


def test_on_a_phone_a_day_is_shown_and_a_finger_scrolls(calendar):
    calendar.set_viewport_size({"width": 390, "height": 844})

    expect(calendar.locator(".cal-day:visible")).to_have_count(1)
    assert calendar.evaluate("document.documentElement.scrollWidth") == 390
    calendar.get_by_role("link", name="Next day").click()
    expect(calendar.get_by_role("heading", level=1)).to_contain_text("Thu, 13 Mar")
    expect(calendar.get_by_text("Nothing recorded here.")).to_be_in_viewport()
