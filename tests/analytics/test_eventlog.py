"""The log of events: its pages, what is looked for, and what is done to events there."""

import html
import json
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.utils import timezone

import analytics
from analytics import delivery, eventlog, identity, outbox, telemetry
from analytics.eventlog import SIZE, Asked
from analytics.models import Event, Installation, State
from tests.analytics.test_admin import exact, shown
from tests.analytics.test_indexes import SCAN, plans

pytestmark = pytest.mark.django_db
LOG = "/admin/analytics/event/"
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
MALFORMED = (400, {"Content-Type": "application/json"}, b'{"detail": "empty name"}')


@pytest.fixture
def admin(client, alice):
    client.force_login(alice, backend="accounts.backends.LocalBackend")
    Event.objects.all().delete()  # the sign-in
    return client


def logged(number, **fields):
    """Events in the log, a minute apart, the oldest first."""
    rows = []
    for minute in range(number):
        moment = BEGIN + timedelta(minutes=minute)
        given = {"event": "auth.login", "distinct_id": "somebody", "timestamp": moment}
        state = fields.get("state", State.DELIVERED)
        settled = None if state == State.WAITING else moment
        rows.append(Event(**{**given, "state": state, "settled_at": settled, **fields}))
    return Event.objects.bulk_create(rows)


def names(response):
    return re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a>', response.content.decode())


def leads(response):
    """The links to other pages of the log: word → address."""
    found = re.findall(
        r'<a (?:rel="\w+" )?href="(\?[^"]*)">(\w+(?: \w+)?)</a>', response.content.decode()
    )
    return {word: html.unescape(address) for address, word in found}


def act(client, action, *events, query="", **more):
    data = {"action": action, "_selected_action": [event.pk for event in events], **more}
    return client.post(f"{LOG}{query}", data, follow=True)


def refused(bob, posthog):
    """An event that PostHog has refused."""
    analytics.track_event(bob.pk, "timer.started", {"has_task": True})
    posthog.answer, accepts = (lambda _batch: MALFORMED), posthog.answer
    delivery.deliver()
    posthog.answer = accepts
    event = Event.objects.get(state=State.REJECTED)
    assert event.last_error == "HTTP 400: empty name"
    return event


def entries():
    return [entry.get_change_message() for entry in LogEntry.objects.order_by("id")]


# --- pages ---


def walk(client, query="", step="Older"):
    """Every page from one on: their rows' keys."""
    pages = []
    while True:
        response = client.get(f"{LOG}{query}")
        keys = re.findall(r'name="_selected_action" value="(\d+)"', response.content.decode())
        pages.append([int(key) for key in keys])
        if step not in (there := leads(response)):
            return pages
        query = there[step]


@pytest.mark.parametrize("query", ["", "?event=auth.login", "?state=delivered&since=2026-03-01"])
def test_all_pages_hold_every_event_once_in_both_directions(query, admin):
    made = [event.pk for event in logged(2 * SIZE + 7)]
    back = walk(admin, query)
    oldest = f"{query}&after=0" if query else "?after=0"
    forth = walk(admin, oldest, "Newer")

    assert [len(page) for page in back] == [SIZE, SIZE, 7]
    assert [*chain(*back)] == made[::-1]
    assert [*chain(*(page[::-1] for page in forth))] == made


def test_what_is_recorded_meanwhile_moves_no_page(admin):
    logged(SIZE + 1)
    older = leads(admin.get(LOG))["Older"]
    logged(3, event="auth.logout")

    assert names(admin.get(f"{LOG}{older}")) == ["auth.login"]


def test_a_full_page_leads_nowhere_where_there_is_no_more(admin):
    logged(SIZE)
    assert leads(admin.get(LOG)) == {}
    logged(1)
    assert leads(admin.get(LOG)).keys() == {"Older", "Oldest"}


def test_an_empty_log_says_what_will_stand_there(admin):
    said = shown(admin.get(LOG))
    assert "Nothing has been recorded yet." in said


# --- what is looked for ---


def test_events_are_found_by_each_part_and_by_all(admin):
    logged(5)
    logged(2, event="auth.logout", distinct_id="other", state=State.REJECTED)
    logged(1, event="auth.logout", state=State.WAITING)
    logged(1, event="export.csv", state=State.LOCAL)

    def found(query):
        return names(admin.get(f"{LOG}?{query}"))

    assert found("event=auth.logout") == ["auth.logout"] * 3
    assert found("person=other") == ["auth.logout"] * 2
    assert found("state=waiting") == ["auth.logout"]
    assert found("state=local") == ["export.csv"]
    assert found("state=delivered") == ["auth.login"] * 5
    assert found("event=auth.logout&person=other&state=rejected") == ["auth.logout"] * 2
    assert found("event=auth.login&person=other") == []
    assert "No event in the log is like that." in shown(admin.get(f"{LOG}?event=auth"))


def test_days_are_those_of_the_admins_time_zone(admin, alice):
    for hour in (22, 23, 24, 25):
        logged(1, event=f"at.{'abcd'[hour - 22]}", timestamp=BEGIN + timedelta(hours=hour - 12))

    def found(query):
        return names(admin.get(f"{LOG}?{query}"))

    assert found("until=2026-03-01") == ["at.b", "at.a"]
    assert found("since=2026-03-02") == ["at.d", "at.c"]
    alice.time_zone = "Europe/Berlin"
    alice.save()
    assert found("until=2026-03-01") == ["at.a"]
    assert found("since=2026-03-02&until=2026-03-02") == ["at.d", "at.c", "at.b"]
    assert found("since=2026-04-01") == []


def test_a_day_is_found_in_a_long_log_with_gaps(admin):
    made = logged(300)
    Event.objects.filter(pk__range=(made[40].pk, made[200].pk)).delete()
    for index in (0, 10, 39, 201, 299):
        moment = made[index].timestamp
        asked = Asked(since=moment, until=moment + timedelta(minutes=1))
        assert [event.pk for event in eventlog.page(asked).rows] == [made[index].pk]
        assert eventlog._from(moment, made[0].pk, made[-1].pk) <= made[index].pk


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=tomorrow", "Enter a valid date."),
        ("until=9999-12-31", "Ensure this value is less than or equal to"),
        ("since=0001-01-01", "Ensure this value is greater than or equal to"),
        ("state=gone", "Select a valid choice."),
        ("event=a%00b", "Null characters are not allowed."),
        (f"person={'x' * 201}", "at most 200 characters"),
        ("before=x", "is to be an event’s number"),
        (f"after={2**64}", "is to be an event’s number"),
        ("after=-1", "is to be an event’s number"),
    ],
)
def test_what_cannot_be_looked_for_is_said(query, words, admin):
    logged(1)
    response = admin.get(f"{LOG}?{query}")

    assert response.status_code == 200
    assert words in shown(response)


@pytest.mark.parametrize("query", ["before=0", "after=99999999999", "before=99999999999"])
def test_an_address_beyond_the_log_is_a_page(query, admin):
    logged(3)
    assert admin.get(f"{LOG}?{query}").status_code == 200


def test_a_walk_that_takes_too_long_is_gone_on_with(admin, monkeypatch):
    made = logged(40)
    Event.objects.filter(pk=made[3].pk).update(event="rare.event")
    monkeypatch.setattr(eventlog, "PATIENCE", -1)
    monkeypatch.setattr(eventlog, "FIRST_SPAN", 10)
    monkeypatch.setattr(eventlog, "QUICK", -1)
    response = admin.get(f"{LOG}?event=rare.event")
    assert "A part of the log has been searched so far" in shown(response)
    assert names(response) == []

    for _ in range(3):
        response = admin.get(f"{LOG}{leads(response)['Go on']}")
    assert names(response) == ["rare.event"]
    assert "Go on" not in leads(response)
    upwards = walk(admin, "?event=rare.event&after=0", "Newer")
    assert [*chain(*upwards)] == [made[3].pk]
    assert len(upwards) == 4


SEARCHES = [
    (Asked(event="auth.logout"), "(by_name|waiting)"),
    (Asked(person="other"), "(by_person|waiting)"),
    (Asked(event="auth.logout", person="other"), "(by_name|by_person|waiting)"),
    (Asked(state=State.REJECTED), "rejected"),
    (Asked(state=State.WAITING), "waiting"),
]


def test_no_search_reads_the_whole_log():
    logged(8000)
    logged(3, event="auth.logout", distinct_id="other", state=State.REJECTED)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE analytics_event")
    for asked, index in SEARCHES:
        spans = [one for one in plans(partial(eventlog.page, asked)) if "BETWEEN" in one[0]]
        assert spans
        for sql, plan in spans:
            assert not re.search(SCAN[connection.vendor], plan), f"{sql}\n{plan}"
            if connection.vendor == "sqlite":
                assert re.search(f"INDEX analytics_event_{index}", plan), f"{sql}\n{plan}"


# --- one event ---


def test_an_event_is_shown_to_the_byte_as_it_left(admin, analytics_on, posthog, bob):
    analytics.track_event(bob.pk, "time_entry.split", {"parts": 3})
    delivery.deliver()
    event = Event.objects.get()
    response = admin.get(f"{LOG}{event.pk}/change/")
    (payload,) = exact(response)

    assert b"[" + payload + b"]" in posthog.bodies[-1]
    pretty = re.search(r'<pre class="pretty">(.*?)</pre>', response.content.decode(), re.DOTALL)
    assert json.loads(html.unescape(pretty[1])) == posthog.events[-1]
    said = shown(response)
    assert "As it left" in said
    assert str(event.uuid) in said
    assert 'name="_save"' not in response.content.decode()


def test_what_is_of_no_person_says_whose_it_is(admin, analytics_on):
    outbox.record_anonymous("auth.login_failed")
    telemetry.ping()
    said = shown(admin.get(LOG))

    assert "nobody in particular" in said
    assert said.count("this installation") == 4
    assert Installation.load().fingerprint not in said


def test_what_is_no_longer_there_leads_back_to_the_log(admin):
    for key in ("7", "x", "9" * 30):
        said = shown(admin.get(f"{LOG}{key}/change/", follow=True))
        assert "That event is not in the log (any more)." in said


# --- retry, delete ---


def test_a_rejected_event_is_retried_under_its_uuid(admin, analytics_on, posthog, bob):
    event = refused(bob, posthog)
    said = shown(admin.post(f"{LOG}{event.pk}/retry/", follow=True))
    again = Event.objects.get()
    assert "1 event waits again." in said
    assert "As it will leave" in said
    assert (again.state, again.settled_at, again.last_error) == (State.WAITING, None, "")
    delivery.deliver()

    assert [sent["uuid"] for sent in posthog.events] == [str(event.uuid)]
    assert Event.objects.get().state == State.DELIVERED
    (entry,) = LogEntry.objects.all()
    assert entry.get_change_message() == "Retried."
    assert str(bob.pk) not in entry.object_repr
    assert "bob" not in entry.object_repr


def test_only_what_was_rejected_is_retried(admin, analytics_on):
    (delivered,) = logged(1)
    (local,) = logged(1, state=State.LOCAL)
    rejected = logged(2, state=State.REJECTED)
    said = shown(act(admin, "retry", delivered, local, *rejected))

    assert "2 events wait again." in said
    states = dict(Event.objects.values_list("pk", "state"))
    assert (states[delivered.pk], states[local.pk]) == (State.DELIVERED, State.LOCAL)
    assert entries() == ["Retried."] * 2
    said = shown(act(admin, "retry", delivered))
    assert "Only what was rejected can be retried." in said


def test_nothing_is_retried_of_those_who_opted_out_since(
    admin, analytics_on, posthog, bob, settings
):
    event = refused(bob, posthog)
    identity.renew(bob.pk)
    analytics.track_event(bob.pk, "timer.started")
    Event.objects.exclude(pk=event.pk).update(state=State.REJECTED, settled_at=timezone.now())
    bob.share_analytics = False
    bob.save()
    said = shown(act(admin, "retry", *Event.objects.all()))

    assert "What is of people who opted out since stays here." in said
    assert not outbox.waiting().exists()
    assert entries() == []


def test_nothing_is_retried_where_nothing_may_leave(admin, analytics_on, posthog, bob):
    event = refused(bob, posthog)
    analytics_on(DO_NOT_TRACK=True)
    said = shown(act(admin, "retry", event))

    assert "Nothing may leave (DO_NOT_TRACK is set): retry it once it may." in said
    assert Event.objects.get().state == State.REJECTED


def test_an_event_is_deleted_after_a_question(admin):
    kept, event = logged(2)
    asked = admin.get(f"{LOG}{event.pk}/delete/")
    assert "Are you sure" in shown(asked)
    response = admin.post(f"{LOG}{event.pk}/delete/", {"post": "yes"}, follow=True)

    assert response.redirect_chain == [(LOG, 302)]
    assert "The event is deleted." in shown(response)
    assert list(Event.objects.all()) == [kept]
    assert "somebody" not in LogEntry.objects.get().object_repr


def test_many_events_are_deleted_after_a_question(admin):
    first, second, kept = logged(3)
    asked = act(admin, "delete_selected", first, second)
    assert "Are you sure" in shown(asked)
    assert Event.objects.count() == 3
    response = act(admin, "delete_selected", first, second, query="?event=auth.login", post="yes")

    assert response.redirect_chain == [(f"{LOG}?event=auth.login", 302)]
    assert list(Event.objects.all()) == [kept]
    assert LogEntry.objects.count() == 2


def test_what_is_not_said_is_asked_for(admin):
    (event,) = logged(1)
    assert "Mark the events" in shown(act(admin, "retry"))
    assert "Choose what is to be done" in shown(act(admin, "", event))
    data = {"action": "retry", "_selected_action": ["x", "9" * 30, "-1", "²"]}
    assert admin.post(LOG, data, follow=True).status_code == 200


@pytest.mark.parametrize("name", ["bob", "dora"])
def test_users_and_managers_get_403(name, client, request, analytics_on):
    client.force_login(request.getfixturevalue(name), backend="accounts.backends.LocalBackend")
    (event,) = logged(1, state=State.REJECTED)

    assert client.get(LOG, follow=True).status_code == 403
    assert client.get(f"{LOG}{event.pk}/change/", follow=True).status_code == 403
    assert client.post(f"{LOG}{event.pk}/retry/", follow=True).status_code == 403
    assert act(client, "delete_selected", event, post="yes").status_code == 403
    assert Event.objects.get(pk=event.pk).state == State.REJECTED
