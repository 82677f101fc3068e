from datetime import timedelta

import pytest

from tracking.models import TimeEntry
from tracking.services import start_timer, stop_timer

pytestmark = pytest.mark.django_db
URL = "/timer/stop/"
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/"}


@pytest.fixture
def running(bob):
    entry = start_timer(bob, description="Write")
    entry.started_at -= timedelta(minutes=1)
    entry.save()
    return entry


def test_it_stops_the_timer_and_goes_back(bob_in, running):
    response = bob_in.post(URL)

    assert (response.status_code, response["Location"]) == (302, "/")
    running.refresh_from_db()
    assert not running.running
    assert "Timer stopped after 0:01:0" in bob_in.get("/").content.decode()


def test_it_answers_htmx_with_the_timer_and_a_toast(bob_in, running):
    page = bob_in.post(URL, headers=HTMX).content.decode()

    assert "<html" not in page
    assert 'action="/timer/start/"' in page
    assert "Timer stopped after 0:01:0" in page
    start = page[page.index('<button class="btn btn-primary') :]
    assert "autofocus" in start[: start.index(">")]  # and not in the field: single keys go on


def test_it_says_that_no_timer_was_running(bob_in, running, bob):
    """The other tab was quicker."""
    stop_timer(bob)

    assert "No timer was running." in bob_in.post(URL, headers=HTMX).content.decode()


def test_it_never_stops_the_timer_of_somebody_else(bob_in, charlie):
    start_timer(charlie)

    bob_in.post(URL)

    assert TimeEntry.objects.get().running


def test_it_takes_no_get(bob_in, running):
    assert bob_in.get(URL).status_code == 405


def test_it_sends_strangers_from_an_address_that_is_none_to_the_dashboard(client):
    answer = client.get("/", headers={"HX-Request": "true", "HX-Current-URL": "http://["})

    assert answer["HX-Redirect"] == "/accounts/login/?next=/"


def test_it_sends_strangers_to_sign_in(client, running):
    assert client.post(URL)["Location"] == "/accounts/login/?next=/"
    assert client.post(URL, headers=HTMX)["HX-Redirect"] == "/accounts/login/?next=/"
    assert TimeEntry.objects.get().running
