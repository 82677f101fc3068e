"""Reports in a browser: asking, the charts, reports under a name, and paper."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import axe
from tests.browser.conftest import opened
from tests.browser.pages import DESK, PHONE
from tests.browser.test_pages import BEYOND_THE_EDGE

SIZES = {"1280": DESK, "390": PHONE}
HERE = "/reports/?range=last-month"
DRAWN = """canvas => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some(value => value !== 0);
}"""
every_size = pytest.mark.parametrize("size", SIZES)


@pytest.fixture
def report(chromium, furnished, size):
    """The report of a manager on the last month."""
    state = furnished.states["manager"]
    with opened(chromium, viewport=SIZES[size], storage_state=state) as page:
        page.goto(furnished.url + HERE, wait_until="networkidle")
        yield page


def ask(page: Page) -> None:
    """Send the filters, and wait for what they show."""
    with page.expect_navigation(wait_until="networkidle"):
        page.get_by_role("button", name="Show", exact=True).click()


@every_size
def test_it_is_filtered_and_grouped_and_its_address_says_so(report):
    report.locator(".report-filters > summary").click()
    report.locator(".field-project .chooser > summary").click()
    report.get_by_label("Online shop").check()
    expect(report.locator(".field-project .chooser-words")).to_have_text("Online shop")
    report.keyboard.press("Escape")
    report.get_by_label("Group by").select_option("person")
    report.get_by_label("and by").select_option("week")
    found = axe.violations(report)
    assert not found, axe.report(found)
    assert report.evaluate(BEYOND_THE_EDGE) == []

    ask(report)

    expect(report.locator(".filters-words")).to_contain_text("Online shop · by Person, Week")
    assert re.fullmatch(
        r"range=last-month&by=person&then=week&project=\d+", report.url.split("?")[1]
    )
    assert report.locator(".report-within").count() > 0


@every_size
def test_dates_and_presets_do_not_meet(report):
    report.locator(".report-filters > summary").click()
    report.get_by_label("From", exact=True).fill("2026-01-05")
    expect(report.get_by_label("Period")).to_have_value("dates")

    report.get_by_label("Period").select_option("last-month")
    expect(report.get_by_label("From", exact=True)).to_have_value("")


@every_size
def test_its_charts_are_drawn_and_their_numbers_are_a_table(report):
    for kind in ("time", "share"):
        figure = report.locator(f"[data-chart={kind}]")
        assert figure.locator("canvas").evaluate(DRAWN)
        figure.get_by_text("The numbers as a table").click()
        expect(figure.locator("table")).to_be_visible()
    days = report.locator("[data-chart=time] tbody tr").count()
    assert 28 <= days <= 31
    found = axe.violations(report)
    assert not found, axe.report(found)


@every_size
def test_a_figure_leads_to_its_entries(report):
    row = report.locator("[data-first-row]")
    time = row.locator("td a").first.inner_text()
    with report.expect_navigation(wait_until="networkidle"):
        row.locator("td a").first.click()

    expect(report.locator(".report-total")).to_contain_text(time)
    assert "/reports/entries/?" in report.url


@every_size
def test_it_is_saved_replaced_and_deleted(report, furnished, size):
    name = f"Team of {size}"
    of_this_size = {"1280": "client", "390": "task"}
    report.goto(f"{furnished.url}{HERE}&by={of_this_size[size]}", wait_until="networkidle")

    def save(button: str) -> None:
        if not report.locator(".report-saved[open]").count():
            report.locator(".report-saved > summary").click()
        report.get_by_label("Save this report as").fill(name)
        report.locator(".saved-form").get_by_role("button", name=button).click()

    save("Save")
    expect(report.get_by_role("heading", level=1)).to_have_text(name)
    save("Save")
    expect(report.get_by_text("Save again to replace it")).to_be_visible()
    with report.expect_navigation():  # the toast of the first time may still be there
        save("Replace")
    expect(report.get_by_text(f"Saved as “{name}”.")).to_be_visible()

    report.locator(".report-saved > summary").click()
    report.get_by_role("button", name=f"Delete “{name}”").click()
    expect(report.get_by_text(f"Report “{name}” deleted.")).to_be_visible()
    report.get_by_role("button", name="Undo").click()
    expect(report.get_by_role("heading", level=1)).to_have_text(name)


@every_size
def test_it_prints_clean(report):
    report.emulate_media(media="print")

    for gone in (".site-header", ".timer-bar", ".filters", ".report-tools", ".report-views"):
        expect(report.locator(gone)).to_be_hidden()
    expect(report.locator(".report-sentence")).to_contain_text("Time spent: Last month")
    expect(report.locator(".report-total")).to_be_visible()
    ground = "() => getComputedStyle(document.body).backgroundColor"
    assert report.evaluate(ground) == "rgb(255, 255, 255)"


def test_in_the_dark_paper_is_white(chromium, furnished):
    state = furnished.states["manager"]
    options = {"viewport": DESK, "storage_state": state, "color_scheme": "dark"}
    with opened(chromium, **options) as page:
        page.goto(furnished.url + HERE, wait_until="networkidle")
        page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate("() => document.documentElement.dataset.bsTheme") == "light"
        page.evaluate("() => dispatchEvent(new Event('afterprint'))")
        assert page.evaluate("() => document.documentElement.dataset.bsTheme ?? null") is None


def test_without_scripts_it_is_asked_and_its_numbers_are_there(chromium, furnished):
    state = furnished.states["manager"]
    options = {"viewport": DESK, "storage_state": state, "java_script_enabled": False}
    with opened(chromium, **options) as page:
        page.goto(furnished.url + HERE)
        page.locator(".report-filters > summary").click()
        page.get_by_label("Group by").select_option("client")
        page.get_by_role("button", name="Show", exact=True).click()

        expect(page.locator(".filters-words")).to_contain_text("by Client")
        page.get_by_text("The numbers as a table").first.click()
        expect(page.locator("[data-chart=time] table")).to_be_visible()
