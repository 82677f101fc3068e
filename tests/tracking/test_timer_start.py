import re

import pytest
from django.test import Client

from analytics.models import Event
from tracking.models import Project, Tag, Task, TimeEntry
from tracking.services import start_timer, stop_timer

pytestmark = pytest.mark.django_db
URL = "/timer/start/"
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/"}


def test_it_starts_the_timer_and_goes_back(bob_in, bob, work):
    data = {"description": "Write", "project": work.shop.pk, "task": work.checkout.pk}

    response = bob_in.post(URL, data)

    assert (response.status_code, response["Location"]) == (302, "/")
    entry = TimeEntry.objects.get()
    assert (entry.user, entry.description, entry.task) == (bob, "Write", work.checkout)
    assert "Timer started." in bob_in.get("/").content.decode()


def test_it_answers_htmx_with_the_timer_and_a_toast(bob_in):
    response = bob_in.post(URL, {"description": "Write"}, headers=HTMX)

    page = response.content.decode()
    assert response.status_code == 200
    assert (response["HX-Reswap"], response["HX-Trigger"]) == ("none", "entries-changed")
    assert "<html" not in page
    assert 'action="/timer/stop/"' in page
    assert re.search(r'<div id="toasts"[^>]* hx-swap-oob="true">.*Timer started\.', page, re.DOTALL)
    assert "autofocus" in page[page.index("btn-stop") :]


def test_it_stops_the_timer_that_another_tab_started(bob_in, bob):
    first = start_timer(bob, description="first")

    bob_in.post(URL, {"description": "second"}, headers=HTMX)

    first.refresh_from_db()
    assert TimeEntry.objects.get(ended_at=None).started_at == first.ended_at


def test_the_same_form_sent_twice_starts_one_timer(bob_in):
    """A double click without the script."""
    data = {"description": "Once", "csrfmiddlewaretoken": "of this page"}

    first, second = bob_in.post(URL, data), bob_in.post(URL, data)

    assert (first.status_code, second.status_code) == (302, 302)
    assert TimeEntry.objects.get().running
    assert "This timer was started already." in bob_in.get("/").content.decode()


def test_what_was_refused_may_be_sent_again(bob_in, bob, settings):
    settings.SECOND_TIMER = "refuse"
    start_timer(bob)
    data = {"description": "Once", "csrfmiddlewaretoken": "of this page"}

    assert bob_in.post(URL, data).status_code == 422
    stop_timer(bob)
    assert bob_in.post(URL, data).status_code == 302
    assert TimeEntry.objects.get(ended_at=None).description == "Once"


def test_it_makes_no_tags(bob_in):
    bob_in.post(URL, {"description": "Write", "tags": "forged"})
    assert not Tag.objects.exists()


def test_it_takes_no_get(bob_in):
    assert bob_in.get(URL).status_code == 405


def test_it_takes_no_form_without_its_token(bob):
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob, backend="accounts.backends.LocalBackend")

    response = client.post(URL, {"description": "forged"})

    assert response.status_code == 403
    assert "The page was out of date" in response.content.decode()
    assert not TimeEntry.objects.exists()


class TestOfStrangers:
    def test_it_sends_them_to_sign_in_and_then_to_the_dashboard(self, client):
        response = client.post(URL, {"description": "x"})

        assert response["Location"] == "/accounts/login/?next=/"
        assert not TimeEntry.objects.exists()

    def test_it_sends_htmx_there_as_a_whole_page(self, client):
        response = client.post(URL, {"description": "x"}, headers=HTMX)

        assert response["HX-Redirect"] == "/accounts/login/?next=/"

    def test_it_never_leads_to_another_host_afterwards(self, client):
        headers = {**HTMX, "HX-Current-URL": "https://elsewhere.example/steal"}

        response = client.post(URL, {"description": "x"}, headers=headers)

        assert response["HX-Redirect"] == "/accounts/login/?next=/"


class TestBadInput:
    def refused(self, client, data, headers=HTMX):
        response = client.post(URL, data, headers=headers)
        assert response.status_code == 422
        assert not TimeEntry.objects.exists()
        assert not Event.objects.filter(event="timer.started").exists()
        return response.content.decode()

    def test_it_says_beside_the_field_that_a_description_is_too_long(self, bob_in):
        page = self.refused(bob_in, {"description": "x" * 10_000})

        assert "The description has 10000 characters; at most 500 fit. Shorten it." in page
        assert 'aria-describedby="timer-description-error"' in page
        assert "x" * 10_000 in page  # nothing typed is lost

    def test_it_says_so_on_a_whole_page_without_htmx(self, bob_in):
        page = self.refused(bob_in, {"description": "x" * 501}, headers={})

        assert "<html" in page
        assert "at most 500 fit" in page

    def test_it_refuses_null_characters(self, bob_in):
        assert "Null characters" in self.refused(bob_in, {"description": "a\0b"})

    @pytest.mark.parametrize("key", ["0", "-1", "x", "1.5", "9" * 40, "1 OR 1=1"])
    def test_it_refuses_what_is_no_project(self, bob_in, work, key):
        page = self.refused(bob_in, {"description": "Kept", "project": key, "task": key})

        assert "This project is archived or was removed. Choose another one." in page
        assert "This task is done or was removed. Choose another one." in page
        assert 'value="Kept"' in page

    def test_it_refuses_an_archived_project(self, bob_in):
        old = Project.objects.create(name="Old", archived=True)

        page = self.refused(bob_in, {"project": old.pk})
        assert "This project is archived or was removed." in page
        assert 'aria-invalid="true"' in page
        assert 'id="timer-project-error"' in page

    def test_it_refuses_a_task_of_another_project(self, bob_in, work):
        page = self.refused(bob_in, {"project": work.garden.pk, "task": work.checkout.pk})

        assert "“Checkout” is no task of “Garden”. Choose another task." in page

    def test_it_refuses_a_task_that_is_done(self, bob_in, work):
        Task.objects.update(done=True)

        page = self.refused(bob_in, {"project": work.shop.pk, "task": work.checkout.pk})
        assert "This task is done or was removed." in page

    @pytest.mark.parametrize(
        "text", ["<b>bold</b>", "🎉 done", "'; DROP TABLE x; --", "{{ 7|add:7 }}", "ﷺ" * 500]
    )
    def test_it_keeps_and_escapes_any_text_that_fits(self, bob_in, text):
        response = bob_in.post(URL, {"description": text}, headers=HTMX)

        assert response.status_code == 200
        assert TimeEntry.objects.get().description == text
        assert "<b>" not in response.content.decode()

    def test_it_shows_what_was_typed_even_while_another_tab_runs_a_timer(self, bob_in, bob):
        start_timer(bob, description="other tab")

        page = bob_in.post(URL, {"description": "y" * 501}, headers=HTMX).content.decode()

        assert "y" * 501 in page
        assert TimeEntry.objects.get().running
