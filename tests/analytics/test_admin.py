"""The installation in Django's admin."""

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import call_command

from analytics.models import Installation

pytestmark = pytest.mark.django_db
LIST = "/admin/analytics/installation/"


@pytest.fixture
def admin(client, alice):
    client.force_login(alice, backend="accounts.backends.LocalBackend")
    return client


def reset(client):
    chosen = {"action": "reset_fingerprint", "_selected_action": "1"}
    return client.post(LIST, chosen, follow=True)


def test_it_shows_what_was_reported_and_no_secret(admin, analytics_on, posthog):
    call_command("telemetry_ping", "--verbosity=0")
    installation = Installation.load()
    page = admin.get(f"{LIST}1/change/").content.decode()

    assert installation.fingerprint in page
    assert installation.salt not in page
    assert installation.identity_secret not in page
    assert 'name="_save"' not in page


def test_an_admin_resets_the_fingerprint(admin, analytics_on, posthog):
    call_command("telemetry_ping", "--verbosity=0")
    before = Installation.load()
    page = reset(admin).content.decode()
    call_command("telemetry_ping", "--verbosity=0")

    assert "The next ping reports under a new fingerprint." in page
    after = Installation.load()
    assert after.fingerprint != before.fingerprint
    assert after.identity_secret == before.identity_secret
    first, second = (event["distinct_id"] for event in posthog.named("telemetry.install"))
    assert (first, second) == (before.fingerprint, after.fingerprint)
    assert LogEntry.objects.get().get_change_message() == "New fingerprint."


def test_nobody_else_does(client, bob, analytics_on, posthog):
    call_command("telemetry_ping", "--verbosity=0")
    before = Installation.load().salt
    client.force_login(bob, backend="accounts.backends.LocalBackend")

    assert reset(client).status_code == 403
    assert Installation.load().salt == before


def test_nothing_is_made_changed_or_deleted_by_hand(admin, db):
    Installation.load()

    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.get(f"{LIST}1/delete/").status_code == 403
    assert admin.post(f"{LIST}1/change/", {"reported_version": "9"}).status_code == 403
