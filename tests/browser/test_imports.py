"""A file is chosen, checked with progress, looked at, imported; on phones and without scripts."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import opened
from tests.browser.test_first_line import sign_in
from tests.processes import Site
from tests.tracking.importing import fixture, line, toggl

NOTHING = """
from tracking.models import Client, Import, Project, Tag, TimeEntry
TimeEntry.objects.all().delete()
Import.objects.all().delete()
Project.objects.all().delete()
Client.objects.all().delete()
Tag.objects.all().delete()
"""
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def start(page: Page, site: Site) -> Page:
    """The page of imports, nothing imported yet."""
    site.run(NOTHING)
    sign_in(page, site)
    page.goto(f"{site.url}/imports/", wait_until="networkidle")
    return page


def choose(page: Page, content: bytes) -> None:
    file = {"name": "March.csv", "mimeType": "text/csv", "buffer": content}
    # A dictionary does for Playwright, but its types want their own class.
    page.get_by_label("File").set_input_files(file)  # type: ignore[arg-type]
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    page.get_by_role("button", name="Check the file").click()


def many(number: int) -> bytes:
    return toggl(
        *(line(1 + n % 28, project="Harbour", description=f"Note {n}") for n in range(number))
    )


def test_a_file_is_imported_and_imported_again_adds_nothing(start):
    choose(start, many(5_000))

    expect(start.get_by_role("heading", name="5000 entries will be made")).to_be_focused()
    expect(start.get_by_role("table", name="The first of them")).to_contain_text("Note 0")
    assert violations(start) == []
    start.get_by_text("1 new project", exact=True).click()
    expect(start.get_by_role("paragraph").filter(has_text="Harbour")).to_be_visible()
    start.get_by_role("button", name="Import 5000 entries").click()
    expect(start.get_by_role("heading", name="5000 entries were imported")).to_be_visible()
    start.get_by_role("link", name="Import another file").click()
    choose(start, many(5_000))

    expect(start.get_by_role("heading", name="There is nothing to import")).to_be_visible()
    expect(start.get_by_text("5000 lines are here already")).to_be_visible()


def test_the_check_shows_how_far_it_is_and_goes_on_after_a_break(start):
    address = "**/check/"
    start.route(address, lambda route: route.fulfill(status=503, body=""))
    choose(start, many(5_000))
    progress = start.get_by_role("progressbar", name="The file is being checked")
    expect(progress).to_have_attribute("max", "5000")
    expect(start.get_by_role("button", name="Continue")).to_be_visible()
    assert violations(start) == []

    start.unroute(address)
    start.get_by_role("button", name="Continue").click()

    expect(start.get_by_role("heading", name="5000 entries will be made")).to_be_visible()


def test_what_is_wrong_stands_with_its_lines(start):
    choose(start, fixture("toggl_wrong.csv"))

    expect(start.get_by_role("heading", name="wrong")).to_be_focused()
    table = start.get_by_role("table", name="What is wrong")
    expect(table).to_contain_text("Nobody here has the e-mail eve@example.org")
    assert violations(start) == []
    assert start.get_by_role("button", name=re.compile("^Import")).count() == 0


def test_it_asks_which_day_is_meant(start):
    choose(start, fixture("clockify_undecided.csv").replace(b"bob@", b"alice@"))
    expect(start.get_by_role("group", name="Which day is 3/4/2025?")).to_be_visible()
    assert violations(start) == []

    start.get_by_label("March 4, 2025").check()
    start.get_by_role("button", name="Continue").click()

    expect(start.get_by_role("heading", name="2 entries will be made")).to_be_visible()


def test_a_file_that_is_too_large_is_not_even_sent(start, tmp_path: Path):
    sent: list[str] = []
    start.on("request", lambda request: sent.append(request.method))
    start.get_by_label("File").set_input_files(large(tmp_path))

    expect(start.get_by_role("alert").filter(has_text="more than 20 MB")).to_be_visible()
    assert start.get_by_label("File").input_value() == ""
    assert "POST" not in sent


def large(folder: Path) -> Path:
    """A file of 200 MB, of which the disk holds nothing."""
    path = folder / "large.csv"
    with path.open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    return path


def test_it_works_without_a_script(start, chromium: Browser, site: Site, tmp_path: Path):
    state = start.context.storage_state()
    with opened(chromium, java_script_enabled=False, storage_state=state) as plain:
        plain.goto(f"{site.url}/imports/")
        plain.get_by_label("File").set_input_files(large(tmp_path))
        plain.get_by_role("button", name="Check the file").click()
        refused = plain.get_by_text("This file has 200 MB; at most 20 MB are read.")
        expect(refused).to_be_visible(timeout=60_000)  # all of it was sent

        choose(plain, many(3_000))
        for checked in ("0 of 3000 lines", "2000 of 3000 lines"):
            expect(plain.get_by_text(checked)).to_be_visible()
            plain.get_by_role("button", name="Continue").click()
        plain.get_by_role("button", name="Import 3000 entries").click()
        expect(plain.get_by_role("heading", name="3000 entries were imported")).to_be_visible()


def test_a_phone_shows_it_without_scrolling_sideways(start, chromium: Browser, site: Site):
    state = start.context.storage_state()
    with opened(chromium, viewport=PHONE, storage_state=state) as phone:
        phone.goto(f"{site.url}/imports/", wait_until="networkidle")
        choose(phone, many(30))
        expect(phone.get_by_role("heading", name="30 entries will be made")).to_be_visible()
        first = phone.locator("[data-first-row]").bounding_box()
        assert first is not None
        assert first["y"] + first["height"] <= PHONE["height"]
        assert phone.evaluate("document.documentElement.scrollWidth") == PHONE["width"]

        choose_again = f"{site.url}/imports/"
        phone.goto(choose_again)
        choose(phone, fixture("toggl_wrong.csv"))
        expect(phone.get_by_role("table", name="What is wrong")).to_be_visible()
        assert phone.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
