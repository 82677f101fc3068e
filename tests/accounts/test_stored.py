"""What is stored about how a person uses the site, for them and for admins: read, keep, erase."""

import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

import analytics
from accounts.models import User
from analytics.models import Erasure, Event, Person, State
from tests.accounts.conftest import assert_page

STORED, FILE = "/accounts/preferences/stored/", "/accounts/preferences/stored.json"
ERASURES = "/admin/analytics/erasure/"
LOCAL = "accounts.backends.LocalBackend"


@pytest.fixture
def signed_in(client: Client, bob: Any) -> Client:
    client.force_login(bob, LOCAL)
    Event.objects.all().delete()
    Person.objects.all().delete()
    return client


@pytest.fixture
def admin(client: Client, alice: Any) -> Client:
    client.force_login(alice, LOCAL)
    return client


def know(person: Any, name: str = "auth.logout") -> None:
    analytics.identify_user(person.pk, {"$set": {"role": "user"}})
    analytics.track_event(person.pk, name)


def of(person: Any) -> str:
    return f"/admin/analytics/person/of/{person.pk}/"


# --- the person's own page ---


def test_it_says_that_nothing_is_stored(signed_in: Client) -> None:
    assert_page(signed_in.get(STORED), 200, "Nothing is stored.", "sends nothing to an analytics")


def test_it_shows_figures_and_the_latest_word_for_word(
    signed_in: Client, bob: Any, charlie: Any, analytics_on: Any
) -> None:
    know(bob)
    know(charlie, "auth.login")
    analytics_on(POSTHOG_API_KEY="")
    know(bob)
    response = signed_in.get(STORED)

    assert_page(response, 200, "4 events are stored.", "2 of them wait to be sent")
    page = response.content.decode()
    assert f"<code>{bob.pk}</code>" in page
    assert '<th scope="row">role</th><td>user</td>' in page
    assert '<th scope="row">auth.logout</th><td class="num">2</td><td class="num">1</td>' in page
    assert "&quot;event&quot;: &quot;auth.logout&quot;" in page
    assert "auth.login<" not in page
    assert str(charlie.pk) not in page
    assert "private" in response["Cache-Control"]


def test_it_shows_markup_as_text(signed_in: Client, bob: Any) -> None:
    Person.objects.create(distinct_id=str(bob.pk), properties={"<b>": "</pre><script>"})
    Event.objects.create(event="<i>", distinct_id=str(bob.pk), properties={"x": "<script>"})
    page = signed_in.get(STORED).content.decode()

    assert "&lt;b&gt;" in page
    assert not {"<b>", "<i>"} & set(page.split('"'))
    assert "</pre><script>" not in page


def test_all_of_it_is_downloaded(signed_in: Client, bob: Any, charlie: Any) -> None:
    for person in (bob, charlie):
        know(person)
    response: Any = signed_in.get(FILE)

    read = json.loads(response.getvalue())
    assert [one["message"]["event"] for one in read["events"]] == ["$set", "auth.logout"]
    assert {one["message"]["distinct_id"] for one in read["events"]} == {str(bob.pk)}
    assert read["person"]["properties"] == {"role": "user"}
    assert "attachment" in response["Content-Disposition"]
    assert "private" in response["Cache-Control"]


def test_the_preferences_lead_there(signed_in: Client, settings: Any) -> None:
    assert f'href="{STORED}"' in signed_in.get("/accounts/preferences/").content.decode()
    settings.AUTH_METHOD = "oidc"  # where no password is kept
    assert f'href="{STORED}"' in signed_in.get("/accounts/preferences/").content.decode()


def test_it_is_erased(signed_in: Client, bob: Any, charlie: Any) -> None:
    for person in (bob, charlie):
        know(person)
    response = signed_in.post(STORED, {"sure": "on"}, follow=True)

    assert_page(response, 200, "is deleted. You share nothing.", "Nothing is stored.")
    assert "You had it erased:" in response.content.decode()
    bob.refresh_from_db()
    assert not bob.share_analytics
    assert {event.distinct_id for event in Event.objects.all()} == {str(charlie.pk)}
    assert Erasure.objects.get().distinct_id == str(bob.pk)


def test_it_is_not_erased_without_a_second_thought(signed_in: Client, bob: Any) -> None:
    know(bob)
    response = signed_in.post(STORED)

    assert_page(response, 422, "Tick this first: it cannot be undone.")
    assert Event.objects.count() == 2
    assert not Erasure.objects.exists()


def test_it_is_not_erased_by_another_site(bob: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(bob, LOCAL)

    assert strict.post(STORED, {"sure": "on"}).status_code == 403
    assert not Erasure.objects.exists()


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"POSTHOG_PERSONAL_API_KEY": "phx", "POSTHOG_PROJECT_ID": "1"}, "is asked to delete its"),
        ({}, "who runs the site is shown your number"),
        ({"POSTHOG_API_KEY": ""}, "sends nothing to an analytics service"),
    ],
)
def test_it_says_what_becomes_of_the_copy(
    signed_in: Client, analytics_on: Any, keys: dict[str, str], sentence: str
) -> None:
    analytics_on(**keys)
    assert_page(signed_in.get(STORED), 200, sentence)


# --- the admin's ---


def test_an_admin_comes_from_the_user_to_what_is_stored(admin: Client, bob: Any) -> None:
    know(bob)
    user_page = admin.get(f"/admin/accounts/user/{bob.pk}/change/").content.decode()
    assert f'href="{of(bob)}"' in user_page

    page = admin.get(of(bob)).content.decode()
    assert "2 events are stored." in page
    assert str(bob.pk) in page
    assert admin.get(of(bob) + "stored.json").status_code == 405
    response: Any = admin.post(of(bob) + "stored.json")
    assert len(json.loads(response.getvalue())["events"]) == 2
    entry = LogEntry.objects.get()
    assert entry.get_change_message() == "Downloaded what is stored of a person."
    assert not {"bob", str(bob.pk)} & {entry.object_repr, entry.object_id}


def test_an_admin_erases_and_the_log_names_nobody(admin: Client, bob: Any) -> None:
    know(bob)
    refused = admin.post(of(bob), follow=True).content.decode()
    assert "Tick first that you are sure" in refused
    assert Event.objects.exists()

    response = admin.post(of(bob), {"sure": "on"}, follow=True)

    assert "Nothing is stored." in response.content.decode()
    assert not Event.objects.filter(distinct_id=str(bob.pk)).exists()
    entry = LogEntry.objects.get()
    assert entry.get_change_message() == "Erased what was recorded of a person."
    logged = repr(LogEntry.objects.values())
    assert "bob" not in logged
    assert str(bob.pk) not in logged


def test_an_admin_erases_only_with_a_token(alice: Any, bob: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice, LOCAL)

    assert strict.post(of(bob), {"sure": "on"}).status_code == 403
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("who", ["bob", "dora"])
def test_others_get_a_page_that_refuses_them(
    client: Client, bob: Any, dora: Any, charlie: Any, who: str
) -> None:
    client.force_login(User.objects.get(username=who), LOCAL)
    for path in (of(charlie), of(charlie) + "stored.json", ERASURES, "/admin/analytics/person/"):
        for method in (client.get, client.post):
            assert method(path, follow=True).status_code == 403, path
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("key", ["0", "nobody", "_00", "x" * 5000, "%FF"], ids=range(5))
def test_a_key_of_nobody_is_not_found(admin: Client, key: str) -> None:
    assert admin.get(f"/admin/analytics/person/of/{key}/").status_code == 404


def test_an_admin_sees_what_posthog_refused_and_has_it_asked_again(
    admin: Client, analytics_on: Any
) -> None:
    request = Erasure.objects.create(distinct_id="d-1", due_at=None, last_error="No such key.")
    page = admin.get(ERASURES).content.decode()
    assert "No such key." in page
    assert "POSTHOG_PERSONAL_API_KEY is not set. Put that right" in page

    data = {"action": "ask_again", "_selected_action": [request.pk]}
    page = admin.post(ERASURES, data, follow=True).content.decode()
    assert "PostHog is asked again about 1 person." in page
    request.refresh_from_db()
    assert request.due_at
    for nonsense in ("x", "9" * 30):
        chosen = {"action": "ask_again", "_selected_action": nonsense}
        assert admin.post(ERASURES, chosen).status_code == 302
    assert "d-1" not in repr(LogEntry.objects.values())


def test_an_admin_deletes_the_row_of_who_was_deleted_by_hand(admin: Client) -> None:
    request = Erasure.objects.create(distinct_id="d-1")
    admin.post(f"{ERASURES}{request.pk}/delete/", {"post": "yes"})

    assert not Erasure.objects.exists()
    assert LogEntry.objects.get().object_repr == f"Erasure {request.pk}"
    assert "d-1" not in repr(LogEntry.objects.values())


def test_what_posthog_is_sent_says_what_the_admin_sees(admin: Client, bob: Any) -> None:
    know(bob)
    Event.objects.update(state=State.REJECTED)
    page = admin.get(of(bob)).content.decode()

    assert "rejected</summary>" in page
