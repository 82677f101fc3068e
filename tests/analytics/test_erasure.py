"""Erasing a person: here at once, at PostHog as soon as it can be asked, and again a day later."""

import json
import logging
import threading
import time
import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.utils import timezone

import analytics
from accounts.leaving import erase as erase_account
from analytics import context, delivery, erasure, housekeeping, identity, outbox, stored
from analytics.insights import rollups
from analytics.models import DailyCount, Erasure, Event, Installation, Person, State
from tests.capture import wait_until
from tests.posthog_api import broken, error, posthog_api, throttled

pytestmark = pytest.mark.django_db
LOGIN = "auth.login"
STRANGER = "0b7f6f0e-6f43-4f2c-9f0a-3f3c8f1f6f10"


@pytest.fixture
def api(analytics_on):
    """PostHog's management API, which this installation may ask."""
    with posthog_api() as api:
        analytics_on(
            POSTHOG_PERSONAL_API_KEY=api.settings["POSTHOG_PERSONAL_API_KEY"],
            POSTHOG_PROJECT_ID=api.settings["POSTHOG_PROJECT_ID"],
        )
        yield api


@pytest.fixture
def asked(api, analytics_on):
    """The same, and nothing but the API answers: events are not sent."""
    analytics_on(**api.settings)
    return api


def know(person):
    """Have events of a person of every kind: settled, rejected, kept here, waiting."""
    analytics.identify_user(person.pk, {"$set": {"role": "user"}})
    for _ in range(4):
        analytics.track_event(person.pk, LOGIN)
    ids = list(of(person).order_by("id").values_list("pk", flat=True))
    for pk, settled in zip(ids, (State.DELIVERED, State.REJECTED, State.LOCAL), strict=False):
        Event.objects.filter(pk=pk).update(state=settled, settled_at=timezone.now())


def of(person):
    return Event.objects.filter(distinct_id=identity.current_id(person.pk))


def everything():
    """All columns of all tables of analytics, as text."""
    return {
        model.__name__: repr(list(model._default_manager.values_list()))
        for model in apps.get_app_config("analytics").get_models()
    }


def where(text):
    """The tables in which a text stands."""
    return [name for name, rows in everything().items() if text in rows]


def a_day_later():
    """Have the day pass after which erasures are repeated."""
    Erasure.objects.update(due_at=timezone.now())


def deletions(api):
    return [call.body for call in api.calls if call.path == "persons/bulk_delete/"]


# --- here ---


def test_no_row_is_left_but_the_request_which_names_nobody(bob, charlie, asked):
    for person in (bob, charlie):
        know(person)
    others = list(of(charlie).order_by("id").values())

    erasure.erase(bob.pk)

    assert where(str(bob.pk)) == ["Erasure"]
    assert where("bob") == []
    assert Person.objects.get().distinct_id == str(charlie.pk)
    assert list(Event.objects.order_by("id").values()) == others
    erasure.finish()
    a_day_later()
    erasure.finish()
    assert where(str(bob.pk)) == []


def test_the_person_is_opted_out_and_nothing_more_is_recorded(bob, rf):
    know(bob)
    request = rf.get("/")
    request.user = bob
    with context.bound(request):
        erasure.erase(bob.pk)
        assert analytics.track_event(bob.pk, LOGIN) is None

    bob.refresh_from_db()
    assert not bob.share_analytics
    assert not Event.objects.exists()


def test_an_erasure_that_is_rolled_back_has_erased_nothing(bob):
    know(bob)
    with transaction.atomic():
        erasure.erase(bob.pk)
        transaction.set_rollback(True)

    bob.refresh_from_db()
    assert bob.share_analytics
    assert (of(bob).count(), Person.objects.count(), Erasure.objects.count()) == (5, 1, 0)


def test_a_person_of_whom_nothing_is_known_is_erased_too(bob):
    erasure.erase(bob.pk)
    erasure.erase(bob.pk)

    assert Erasure.objects.get().distinct_id == str(bob.pk)


def test_the_counts_of_a_person_go_too_and_no_others(bob, charlie):
    know(charlie)
    know(bob)
    assert rollups.catch_up(60)
    assert DailyCount.objects.filter(distinct_id=str(bob.pk)).exists()

    erasure.erase(bob.pk)

    assert set(DailyCount.objects.values_list("distinct_id", flat=True)) == {str(charlie.pk)}


@pytest.mark.django_db(transaction=True)
def test_what_is_committed_while_the_person_is_erased_goes_with_the_next_step(bob, analytics_on):
    open_, close, done = threading.Event(), threading.Event(), threading.Event()

    def record():
        try:
            with transaction.atomic():
                analytics.identify_user(bob.pk, {"$set": {"role": "user"}})
                analytics.track_event(bob.pk, LOGIN)
                open_.set()
                close.wait(5)
        finally:
            connections.close_all()
            done.set()

    if connection.vendor == "sqlite":  # one writer at a time: it is recorded before or after
        pytest.skip("SQLite has no two transactions that write at once.")
    threading.Thread(target=record).start()
    assert open_.wait(5)
    erasure.erase(bob.pk)
    close.set()
    assert done.wait(5)
    assert where(str(bob.pk)) == ["Event", "Person", "Erasure"]

    erasure.finish()

    assert where(str(bob.pk)) == ["Erasure"]


def test_what_arrives_late_goes_with_the_next_step(bob, charlie):
    erasure.erase(bob.pk)
    for person in (bob, charlie):
        Person.objects.create(distinct_id=str(person.pk))
        Event.objects.create(event=LOGIN, distinct_id=str(person.pk))
    erasure.finish()

    assert where(str(bob.pk)) == ["Erasure"]
    assert where(str(charlie.pk)) == ["Event", "Person"]


# --- on the wire ---


def test_what_is_on_the_wire_is_deleted_here_and_at_posthog_when_its_lease_is_over(bob, asked):
    know(bob)
    _token, rows = outbox.lease()
    assert rows
    erasure.erase(bob.pk)
    erasure.finish()

    assert where(str(bob.pk)) == ["Erasure"]
    assert deletions(asked) == []  # it could arrive after the deletion
    lease = timedelta(seconds=60)
    assert timedelta(0) < Erasure.objects.get().due_at - timezone.now() <= lease

    a_day_later()
    erasure.finish()
    assert len(deletions(asked)) == 1


def test_what_is_given_back_after_the_erasure_is_never_sent(bob, asked):
    know(bob)
    token, rows = outbox.lease()
    erasure.erase(bob.pk)
    outbox.release(token, "away", rows)

    assert not outbox.waiting().exists()


def test_a_lease_of_a_clock_that_was_ahead_does_not_hold_the_request_up(bob):
    know(bob)
    outbox.lease()
    Event.objects.filter(leased_until__isnull=False).update(
        leased_until=timezone.now() + timedelta(days=30)
    )
    request = erasure.erase(bob.pk)

    assert request.due_at <= timezone.now() + timedelta(minutes=2)


# --- who comes back ---


def agree(person):
    person.refresh_from_db()
    person.share_analytics = True
    person.save()


def test_who_comes_back_has_another_id_and_the_old_one_is_never_used(bob, asked):
    know(bob)
    erasure.erase(bob.pk)
    agree(bob)
    know(bob)

    (new,) = set(Event.objects.values_list("distinct_id", flat=True))
    assert uuid.UUID(new) != bob.pk
    assert Person.objects.get().distinct_id == new

    erasure.erase(bob.pk)
    agree(bob)
    know(bob)
    (newest,) = set(Event.objects.values_list("distinct_id", flat=True))
    assert newest not in {new, str(bob.pk)}

    erasure.finish()
    assert {*deletions(asked)[-1]["distinct_ids"]} == {str(bob.pk), new}
    assert of(bob).count() == 5  # what they do since is not erased


def test_who_only_paused_keeps_their_id(bob):
    know(bob)
    bob.share_analytics = False
    bob.save()
    agree(bob)

    assert identity.current_id(bob.pk) == str(bob.pk)


def test_who_agrees_for_the_first_time_begins_under_an_id_that_was_never_used(bob):
    type(bob).objects.filter(pk=bob.pk).update(share_analytics=False)
    agree(bob)
    analytics.track_event(bob.pk, LOGIN)

    assert uuid.UUID(Event.objects.get().distinct_id) != bob.pk


def test_saving_a_person_gives_nobody_another_id(bob):
    bob.save()
    bob.save(update_fields=["last_login"])

    assert not Person.objects.exists()


def test_the_consent_of_a_person_who_comes_back_stands_with_the_new_id(bob, rf):
    know(bob)
    request = rf.get("/")
    request.user = bob
    with context.bound(request):
        analytics.track_event(bob.pk, LOGIN)
        erasure.erase(bob.pk)
        agree(bob)
        analytics.track_event(bob.pk, LOGIN)

    assert where(str(bob.pk)) == ["Person", "Erasure"]  # the mirror of who is recorded again
    assert Event.objects.get().distinct_id == Person.objects.get().distinct_id


def test_without_a_consent_the_person_goes_on_as_somebody_else(bob, analytics_on):
    analytics_on(CONSENT_FIELD="")
    know(bob)
    erasure.erase(bob.pk)
    analytics.track_event(bob.pk, LOGIN)

    assert Event.objects.get().distinct_id != str(bob.pk)
    bob.refresh_from_db()
    assert bob.share_analytics


def test_a_person_whose_key_is_a_number_is_erased_under_the_hidden_id(
    settings, asked, analytics_on
):
    settings.AUTH_USER_MODEL = "auth.User"
    analytics_on(CONSENT_FIELD="")
    for key in (1, 2):
        analytics.identify_user(key, {"$set": {"role": "user"}})
        analytics.track_event(key, LOGIN)
    first, other = identity.current_id(1), identity.current_id(2)

    erasure.erase("1")
    analytics.track_event(1, LOGIN)

    assert where(other) == ["Event", "Person"]
    assert first not in everything()["Event"]
    assert Event.objects.latest("id").distinct_id not in {first, other}
    erasure.erase_deleted(1)  # their account goes, too
    assert where(first) == ["Erasure"]


# --- accounts ---


@pytest.mark.parametrize("way", ["delete", "query", "leave"])
def test_who_is_deleted_or_leaves_is_erased(alice, bob, asked, way):
    know(bob)
    key = str(bob.pk)
    if way == "delete":
        bob.delete()
    elif way == "query":
        type(bob).objects.filter(pk=bob.pk).delete()
    else:
        erase_account(bob)

    assert where(key) == ["Erasure"]
    erasure.finish()
    assert deletions(asked) == [{"distinct_ids": [key], "delete_events": True}]


def test_an_account_whose_deletion_fails_keeps_what_is_recorded(bob):
    know(bob)
    with transaction.atomic():
        bob.delete()
        transaction.set_rollback(True)

    assert Event.objects.count() == 5


# --- at PostHog ---


def test_posthog_is_asked_for_the_person_and_their_events_and_again_a_day_later(bob, asked):
    asked.add_person(str(bob.pk), role="user")
    erasure.erase(bob.pk)
    erasure.finish()

    assert deletions(asked) == [{"distinct_ids": [str(bob.pk)], "delete_events": True}]
    assert (asked.persons, len(asked.event_deletions)) == ([], 1)
    request = Erasure.objects.get()
    day = timedelta(days=1)
    assert request.repeat
    assert day - timedelta(minutes=1) < request.due_at - timezone.now() <= day
    erasure.finish()
    assert len(deletions(asked)) == 1

    asked.add_person(str(bob.pk))  # made by events that were under way
    a_day_later()
    erasure.finish()

    assert (len(deletions(asked)), asked.persons, len(asked.event_deletions)) == (2, [], 2)
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("fault", [broken(1), throttled(1), None])
def test_while_posthog_is_away_the_request_is_kept_and_made_again(bob, asked, fault):
    if fault:
        asked.before = fault
    else:
        asked.stop()
    erasure.erase(bob.pk)
    erasure.finish()

    request = Erasure.objects.get()
    assert (request.repeat, request.attempts) == (False, 1)
    assert request.last_error
    pause = request.due_at - timezone.now()
    assert timedelta(seconds=25) < pause <= timedelta(seconds=90)
    erasure.finish()
    assert Erasure.objects.get().attempts == 1  # it is left alone

    if not fault:
        asked.start()
    a_day_later()
    erasure.finish()
    request.refresh_from_db()
    assert (request.repeat, request.attempts, request.last_error) == (True, 0, "")
    assert deletions(asked)[-1]["distinct_ids"] == [str(bob.pk)]


def test_a_lost_answer_is_asked_for_again(bob, asked):
    asked.loses = lambda _call: True
    erasure.erase(bob.pk)
    erasure.finish()
    assert "cannot be reached" in Erasure.objects.get().last_error

    asked.loses = lambda _call: False
    a_day_later()
    erasure.finish()
    assert Erasure.objects.get().repeat


def test_persons_that_posthog_could_not_delete_are_asked_for_again(bob, asked):
    summary = {"persons_found": 1, "deletion_errors": [{"person_uuid": "…"}]}
    asked.before = lambda _call: (202, {}, summary)
    erasure.erase(bob.pk)
    erasure.finish()

    request = Erasure.objects.get()
    assert (request.repeat, bool(request.due_at)) == (False, True)
    assert request.last_error == "PostHog could not delete 1 of 1 persons."


@pytest.mark.parametrize("status", [200, 302])
def test_the_page_of_a_portal_is_an_outage(bob, asked, status):
    asked.before = lambda _call: (status, {}, "<html>Please sign in.</html>")
    request = erasure.erase(bob.pk)
    erasure.finish()

    request.refresh_from_db()
    assert (request.repeat, request.attempts, bool(request.due_at)) == (False, 1, True)


def test_the_pauses_grow_and_posthogs_own_is_kept(bob, asked):
    request = erasure.erase(bob.pk)
    asked.before = broken()
    pauses = []
    for _ in range(12):
        a_day_later()
        erasure.finish()
        request.refresh_from_db()
        pauses.append((request.due_at - timezone.now()).total_seconds())
    assert pauses[0] <= 90 < pauses[3]
    assert 3 * 3600 - 5 < pauses[-1] <= 9 * 3600

    asked.before = throttled(1, seconds=10 * 3600)
    a_day_later()
    erasure.finish()
    request.refresh_from_db()
    wait = (request.due_at - timezone.now()).total_seconds()
    assert wait > 9 * 3600


def test_a_refusal_waits_for_an_admin_with_posthogs_words(bob, asked, caplog):
    asked.scopes = {"person:read"}
    erasure.erase(bob.pk)
    with caplog.at_level(logging.WARNING, "analytics"):
        erasure.finish()

    request = Erasure.objects.get()
    assert request.due_at is None
    assert "API key missing required scope 'person:write'" in request.last_error
    assert "PostHog refuses to erase (403)" in caplog.text
    assert str(bob.pk) not in caplog.text
    erasure.finish()
    assert len(asked.calls) == 1


def test_several_are_asked_for_in_one_call(alice, bob, charlie, asked):
    for person in (alice, bob, charlie):
        erasure.erase(person.pk)
    erasure.finish()

    (body,) = deletions(asked)
    assert set(body["distinct_ids"]) == {str(p.pk) for p in (alice, bob, charlie)}


def test_who_is_erased_again_meanwhile_is_asked_for_again(bob, asked):
    erasure.erase(bob.pk)
    claimed = erasure._claim()
    erasure.erase(bob.pk)
    erasure._finish(claimed)

    request = Erasure.objects.get()
    assert (request.repeat, request.due_at <= timezone.now()) == (False, True)
    assert len(deletions(asked)) == 1


def test_of_two_processes_one_asks(bob):
    erasure.erase(bob.pk)
    theirs = []

    def between(execute, sql, params, many, context):
        """Have the other process come between what this one reads and what it writes."""
        if sql.startswith("UPDATE") and not theirs:
            theirs.append(None)
            theirs[:] = erasure._claim()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(between):
        mine = erasure._claim()

    assert (len(mine), len(theirs)) == (0, 1)
    later = Erasure.objects.get().due_at - timezone.now()
    assert timedelta(0) < later <= timedelta(minutes=2)  # if that one is killed another one does


@pytest.mark.parametrize(
    ("keys", "outlook", "left"),
    [
        ({"POSTHOG_PERSONAL_API_KEY": ""}, "BY_HAND", ["Erasure"]),
        ({"POSTHOG_PROJECT_ID": ""}, "BY_HAND", ["Erasure"]),
        ({"DO_NOT_TRACK": True}, "BY_HAND", ["Erasure"]),
        ({"POSTHOG_PERSONAL_API_KEY": "", "POSTHOG_API_KEY": ""}, "NO_COPY", []),
    ],
)
def test_where_posthog_cannot_be_asked_no_socket_is_opened(
    bob, asked, analytics_on, keys, outlook, left
):
    analytics_on(**keys)
    know(bob)
    erasure.erase(bob.pk)
    assert erasure.outlook().name == outlook
    for _ in range(3):
        erasure.finish()
        a_day_later()

    assert asked.connections == 0
    assert where(str(bob.pk)) == left


def test_it_goes_on_once_a_key_is_set(bob, asked, analytics_on):
    analytics_on(POSTHOG_PERSONAL_API_KEY="")
    erasure.erase(bob.pk)
    erasure.finish()
    assert Erasure.objects.get().due_at <= timezone.now() + timedelta(hours=1)

    analytics_on(**asked.settings)
    a_day_later()
    erasure.finish()
    assert len(deletions(asked)) == 1


# --- who does it ---


@pytest.mark.django_db(transaction=True)
def test_the_thread_of_the_process_asks_within_seconds(bob, asked, analytics_on):
    know(bob)
    Event.objects.all().delete()
    analytics_on(DELIVERY_THREAD=True)
    try:
        erasure.erase(bob.pk)
        wait_until(lambda: deletions(asked), 5)
    finally:
        delivery.stop()
        delivery._after_fork()  # the next test starts another one
        connections.close_all()


@pytest.mark.parametrize("command", [["deliver_events", "--once"], ["telemetry_ping"]])
def test_the_commands_of_cron_ask(bob, asked, command):
    Installation.objects.update(tidied_at=timezone.now())  # somebody has just tidied up
    erasure.erase(bob.pk)
    call_command(*command, verbosity=0)

    assert len(deletions(asked)) == 1


def test_a_page_never_waits_for_posthog(bob, asked):
    asked.before = lambda _call: time.sleep(5)
    start = time.monotonic()
    erasure.erase(bob.pk)

    assert time.monotonic() - start < 2
    assert not asked.calls


def test_finishing_never_raises(bob, asked, monkeypatch, caplog):
    erasure.erase(bob.pk)
    monkeypatch.setattr(rollups, "forget", lambda _id: 1 / 0)
    housekeeping.tidy()

    assert "Erasures are finished later: ZeroDivisionError." in caplog.text
    assert Erasure.objects.exists()


def test_what_was_done_before_somebody_agreed_anew_goes_too(bob, asked):
    """Of whom only events are known, an opting in begins a new id: the old one is theirs, too."""
    analytics.track_event(bob.pk, LOGIN)
    Event.objects.update(state=State.DELIVERED, settled_at=timezone.now())
    for shares in (False, True):
        bob.share_analytics = shares
        bob.save()
    analytics.track_event(bob.pk, LOGIN)
    assert stored.of(bob.pk).number == 2
    assert len({event.distinct_id for event in Event.objects.all()}) == 2

    erasure.erase(bob.pk)

    assert not Event.objects.exists()
    assert Erasure.objects.filter(distinct_id=str(bob.pk)).exists()
    assert Erasure.objects.count() == 2


def test_what_was_taken_once_has_a_copy_whatever_the_key_is_now(bob, analytics_on):
    analytics_on(POSTHOG_API_KEY="")
    assert erasure.outlook() is erasure.Outlook.NO_COPY

    outbox.resume()

    assert erasure.outlook() is erasure.Outlook.BY_HAND


# --- what is stored ---


def test_what_is_stored_in_figures_and_word_for_word(bob, charlie):
    know(charlie)
    know(bob)
    kept = stored.of(bob.pk)

    assert kept.distinct_id == str(bob.pk)
    assert kept.properties == {"role": "user"}
    assert [(one.name, one.number) for one in kept.events] == [(LOGIN, 4), ("$set", 1)]
    assert kept.number == len(kept.latest) == 5
    assert kept.latest[0].pk == of(bob).latest("id").pk
    assert json.loads(stored.exact(kept.latest[0]))["distinct_id"] == str(bob.pk)
    assert kept.requested_at is None

    read = json.loads("".join(stored.download(bob.pk)))
    assert len(read["events"]) == 5
    assert {one["message"]["distinct_id"] for one in read["events"]} == {str(bob.pk)}
    assert read["person"]["properties"] == {"role": "user"}
    assert str(charlie.pk) not in json.dumps(read)


def test_what_waits_is_told_apart(bob, analytics_on):
    analytics.track_event(bob.pk, LOGIN)
    know(bob)
    kept = stored.of(bob.pk)

    assert (kept.number, kept.waiting) == (6, 3)


def test_of_a_person_who_was_erased_nothing_is_stored_but_when(bob):
    know(bob)
    request = erasure.erase(bob.pk)
    kept = stored.of(bob.pk)

    assert not kept.anything
    assert kept.requested_at == request.requested_at
    assert json.loads("".join(stored.download(bob.pk)))["events"] == []


# --- the command ---


def run(person, **options):
    out = StringIO()
    call_command("erase_person", str(person), stdout=out, **options)
    return out.getvalue()


@pytest.mark.parametrize("by", ["pk", "username"])
def test_the_command_erases_by_key_or_user_name(bob, asked, by):
    know(bob)
    said = run(getattr(bob, by))

    assert where(str(bob.pk)) == ["Erasure"]
    assert len(deletions(asked)) == 1
    assert "bob" not in said
    assert "asked again in a day" in said
    assert not run(bob.pk, verbosity=0)


def test_the_command_says_what_posthog_refuses(bob, asked):
    asked.before = lambda _call: error(401, "authentication_error", "x", "No such key.")
    assert "PostHog refuses (PostHog answered 401: No such key.)" in run(bob.pk)


def test_the_command_says_that_posthog_is_asked_later(bob, asked):
    asked.stop()
    assert "PostHog is asked later (" in run(bob.pk)


def test_the_command_says_what_to_do_where_posthog_cannot_be_asked(bob, analytics_on):
    said = run(bob.pk)
    assert "POSTHOG_PERSONAL_API_KEY is not set. Delete the person" in said
    assert str(bob.pk) in said

    analytics_on(POSTHOG_API_KEY="")
    assert "sends nothing to PostHog" in run(bob.pk)


@pytest.mark.parametrize("person", ["nobody", STRANGER, "", "x" * 1000])
def test_the_command_refuses_whom_it_does_not_know(bob, person):
    with pytest.raises(CommandError, match="Nobody has this primary key or user name"):
        run(person)
    assert not Erasure.objects.exists()


def test_the_command_refuses_a_key_that_is_somebody_elses_name(bob, charlie):
    type(bob).objects.filter(pk=charlie.pk).update(username=str(bob.pk))
    with pytest.raises(
        CommandError, match="primary key of one person and the user name of another"
    ):
        run(bob.pk)
    bob.refresh_from_db()
    assert bob.share_analytics


def test_the_command_erases_who_was_deleted_before(bob, asked):
    Event.objects.create(event=LOGIN, distinct_id=str(uuid.UUID(int=7)))
    run(uuid.UUID(int=7))

    assert not Event.objects.exists()
