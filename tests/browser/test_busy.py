"""A database that is locked: the page says so where the person is, and keeps what they typed."""

import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_first_line import sign_in
from tests.processes import Site

pytestmark = pytest.mark.slow  # the site waits five seconds for the lock


def test_a_busy_database_is_said_on_the_page(page: Page, site: Site) -> None:
    sign_in(page, site)
    page.get_by_label("Description").fill("Work that is not lost")
    path = site.env["DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        page.get_by_role("button", name="Start").click()
        notice = page.get_by_role("alert").filter(has_text="The database is busy")
        expect(notice).to_contain_text("nothing was saved", timeout=15_000)

    expect(page.get_by_label("Description")).to_have_value("Work that is not lost")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
