"""The insights in a browser: charts of their tables, in light and dark, and without a script."""

import pytest
from playwright.sync_api import expect

from tests.browser import axe
from tests.browser.conftest import opened
from tests.browser.pages import DESK, PHONE
from tests.browser.test_pages import BEYOND_THE_EDGE
from tests.browser.test_reports import DRAWN

HERE = "/admin/analytics/dailycount/"
SIZES = {"1280": DESK, "390": PHONE}
RECORD = """
from datetime import timedelta
from django.utils import timezone
from analytics.models import Event
now = timezone.now()
Event.objects.bulk_create(
    Event(
        event=event, distinct_id="anna", timestamp=now - timedelta(days=days), state="local",
        settled_at=now, properties={"auth_method": "local", "platform": "Linux"},
    )
    for event in ("timer.started", "timer.stopped", "auth.login") for days in (1, 2, 5)
)
"""


@pytest.fixture(scope="module")
def counted(furnished):
    """A site in whose log something has happened."""
    furnished.site.run(RECORD)
    return furnished


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_its_charts_are_drawn_and_their_numbers_are_a_table(chromium, counted, size, scheme):
    state = counted.states["admin"]
    options = {"viewport": SIZES[size], "storage_state": state, "color_scheme": scheme}
    with opened(chromium, **options) as page:
        page.goto(counted.url + HERE, wait_until="networkidle")
        for key in ("timer_activity", "login_methods"):
            figure = page.locator(f"#{key}")
            assert figure.locator("canvas").evaluate(DRAWN)
            figure.get_by_text("The numbers as a table").click()
            expect(figure.locator("table")).to_be_visible()
        expect(page.locator("#timer_activity tfoot td").first).to_have_text("3")
        found = axe.violations(page)
        assert not found, axe.report(found)
        assert page.evaluate(BEYOND_THE_EDGE) == []

        page.get_by_role("link", name="24 hours", exact=True).click()
        expect(page.get_by_role("link", name="24 hours", exact=True)).to_have_attribute(
            "aria-current", "true"
        )


def test_without_a_script_the_tables_say_it_all(chromium, counted):
    state = counted.states["admin"]
    with opened(chromium, viewport=DESK, storage_state=state, java_script_enabled=False) as page:
        page.goto(counted.url + HERE)
        figure = page.locator("#login_methods")
        expect(figure.locator("canvas")).to_be_hidden()
        figure.get_by_text("The numbers as a table").click()
        expect(figure.locator("tbody tr").first).to_contain_text("local")


def test_a_file_is_saved_under_the_insights_name(chromium, counted):
    with opened(chromium, viewport=DESK, storage_state=counted.states["admin"]) as page:
        page.goto(counted.url + HERE)
        with page.expect_download() as download:
            page.get_by_label("CSV: How do people sign in?").click()
        assert download.value.suggested_filename.startswith("login_methods_")
