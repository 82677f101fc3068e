"""A person reads what is stored about them and erases it, with a browser; PostHog hears of it."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import opened
from tests.browser.test_first_line import sign_in
from tests.capture import wait_until
from tests.conftest import PASSWORD
from tests.posthog_api import posthog_api
from tests.processes import Site, running

MAKE = f"""
from accounts.models import User
print(User.objects.create_user("alice", "", {PASSWORD!r}).pk)
"""
LEFT = """
from analytics.models import Erasure, Event, Person
print(Event.objects.count(), Person.objects.count(), Erasure.objects.get().repeat)
"""


@pytest.mark.slow
def test_a_person_erases_what_is_stored_and_posthog_is_asked(chromium: Browser, tmp_path: Path):
    with posthog_api() as api:
        site = Site(tmp_path, {"POSTHOG_API_KEY": "phc_browser", **api.settings})
        site.prepare()
        key = site.run(MAKE).strip()
        api.add_person(key)
        api.before = lambda call: (200, {}, {"status": "Ok"}) if call.path == "/batch/" else None
        with running(site), opened(chromium, java_script_enabled=False) as page:
            sign_in(page, site)
            page.goto(f"{site.url}/accounts/preferences/")
            page.get_by_role("link", name="What is stored about how you use the site").click()
            expect(page.get_by_text("2 events are stored.")).to_be_visible()
            page.locator("summary", has_text="auth.login").click()
            expect(page.locator("pre").first).to_contain_text(f'"distinct_id": "{key}"')

            page.get_by_role("button", name="Erase").click()
            expect(page.get_by_text("Tick this first")).to_be_visible()
            page.get_by_label("Yes, erase it.").check()
            page.get_by_role("button", name="Erase").click()

            expect(page.get_by_text("Nothing is stored.")).to_be_visible()
            expect(page.get_by_text("You had it erased:")).to_be_visible()
            wait_until(lambda: not api.persons, 10)
            assert len(api.event_deletions) == 1
            wait_until(lambda: site.run(LEFT).split() == ["0", "0", "True"], 10)
