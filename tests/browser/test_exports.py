"""Downloading what a report shows, from the page of the report."""

import csv
import io
from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Furnished, opened

SIZES = [(1280, 900), (390, 844)]


def download(page: Page, name: str, place: int) -> tuple[str, bytes]:
    """Choose a kind of file from the menu, of the report (0) or of its entries (1)."""
    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as begun:
        page.get_by_role("link", name=name, exact=True).nth(place).click()
    return begun.value.suggested_filename, Path(begun.value.path()).read_bytes()


@pytest.mark.parametrize("size", SIZES)
def test_a_manager_downloads_a_report_and_its_entries(
    chromium: Browser, furnished: Furnished, size: tuple[int, int]
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    state = furnished.states["manager"]
    with opened(chromium, viewport=viewport, storage_state=state) as page:
        page.goto(f"{furnished.url}/reports/?range=last-month&by=project")
        first, table = download(page, "CSV", 0)
        page.reload()  # closes the menu
        second, entries = download(page, "XLSX", 1)

    assert first.startswith("report_20")
    assert first.endswith(".csv")
    rows = list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))
    assert rows[-1]["Project"] == "Total"
    assert second.startswith("time-entries_20")
    sheet = load_workbook(io.BytesIO(entries)).worksheets[0]
    assert sheet.max_row - 1 == int(rows[-1]["Entries"]) > 0


def test_what_makes_no_file_is_a_page_with_a_way_back(
    chromium: Browser, furnished: Furnished
) -> None:
    with opened(chromium, storage_state=furnished.states["user"]) as page:
        page.goto(f"{furnished.url}/exports/entries.csv?since=1900-01-01&until=2026-01-01")
        page.get_by_text("ten years at most").wait_for()
        page.get_by_role("link", name="To the report").click()

        page.wait_for_url("**/reports/?since=1900-01-01&until=2026-01-01")
