"""A rate is set and time is locked, with a browser: what it revalues is seen before it happens."""

from playwright.sync_api import Page, expect

from tests.browser.test_first_line import sign_in
from tests.processes import Site

TIME = """
from datetime import UTC, datetime
from accounts.models import User
from tracking.models import Client, Lock, Project, Rate, TimeEntry

TimeEntry.objects.all().delete()
Rate.objects.all().delete()
Lock.objects.all().delete()
alice = User.objects.get(username="alice")
aurora, _ = Client.objects.get_or_create(name="Aurora Coffee")
project, _ = Project.objects.get_or_create(name="Online shop", client=aurora)
for day in (11, 12):
    TimeEntry.objects.create(
        user=alice, project=project, billable=True,
        started_at=datetime(2025, 3, day, 9, tzinfo=UTC),
        ended_at=datetime(2025, 3, day, 11, tzinfo=UTC),
    )
"""


def test_what_is_revalued_is_seen_before_it_happens(page: Page, site: Site):
    site.run(TIME)
    sign_in(page, site)
    page.goto(f"{site.url}/projects/", wait_until="networkidle")
    page.get_by_role("link", name="Online shop").click()
    page.get_by_role("link", name="Rates").last.click()
    page.get_by_role("link", name="Set a rate").click()
    expect(page.get_by_label("Project").last).to_contain_text("Online shop")
    page.get_by_label("Amount per hour").fill("85.50")
    page.get_by_label("From").fill("2025-03-12")
    page.get_by_role("button", name="Show what it revalues").click()

    expect(page.get_by_text("1 entry is revalued")).to_be_visible()
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_label("Amount per hour")).to_have_value("85.50")
    page.get_by_label("From").fill("2025-03-01")
    page.get_by_role("button", name="Show what it revalues").click()
    expect(page.get_by_text("2 entries are revalued")).to_be_visible()
    page.get_by_role("button", name="Set the rate").click()

    expect(page.get_by_text("holds today")).to_be_visible()
    expect(page.locator(".rate-amount")).to_contain_text("85.50")
    page.get_by_role("link", name="Delete Online shop").click()
    expect(page.get_by_text("2 entries are revalued")).to_be_visible()
    page.get_by_role("button", name="Delete the rate").click()
    expect(page.get_by_text("The rate is deleted.")).to_be_visible()


def test_time_is_locked_and_marked(page: Page, site: Site):
    site.run(TIME)
    sign_in(page, site)
    page.goto(f"{site.url}/lock/", wait_until="networkidle")
    page.get_by_label("Lock time up to").fill("2025-03-11")
    page.get_by_role("button", name="Lock", exact=True).click()
    expect(page.get_by_role("heading", name="Time up to")).to_be_visible()

    page.goto(f"{site.url}/entries/?range=all")
    expect(page.locator(".locked")).to_have_count(1)
    page.goto(f"{site.url}/lock/")
    page.get_by_role("button", name="Unlock all").click()
    expect(page.get_by_text("No time is locked.")).to_be_visible()
