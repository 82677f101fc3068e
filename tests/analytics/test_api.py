"""The front door: `track_event`, `identify_user`, `identify_group`."""

import asyncio
import platform
import uuid
from datetime import UTC, datetime

import pytest
from django.db import connections, transaction
from django.test import RequestFactory

import analytics
from analytics import context, identity
from analytics.catalogue import UndeclaredError
from analytics.models import Dropped, Event, Installation, Person, State
from analytics.outbox import warn_once
from timetracker import __version__

pytestmark = pytest.mark.django_db


def test_it_records_an_event_of_a_person(bob, analytics_on):
    event_uuid = analytics.track_event(bob.pk, "timer.started", {"has_task": True})

    event = Event.objects.get()
    assert event.uuid == event_uuid
    assert (event.event, event.distinct_id) == ("timer.started", str(bob.pk))
    assert event.state == State.WAITING
    assert event.properties == {
        "has_task": True,
        "app_version": __version__,
        "environment": "test",
        "deployment_method": "native",
        "platform": platform.system(),
    }


def test_it_takes_none_as_properties(bob, analytics_on):
    analytics.track_event(bob.pk, "auth.login", None)

    assert Event.objects.get().properties["environment"] == "test"


def test_it_keeps_rows_local_without_a_key(bob):
    analytics.track_event(bob.pk, "auth.login")

    assert Event.objects.get().state == State.LOCAL


def test_it_keeps_rows_local_where_tracking_is_unwanted(bob, analytics_on):
    analytics_on(DO_NOT_TRACK=True)
    analytics.track_event(bob.pk, "auth.login")

    assert Event.objects.get().state == State.LOCAL


@pytest.mark.parametrize(
    ("event", "properties", "sentence"),
    [
        ("timer.exploded", {}, "'timer.exploded' is not declared"),
        ("timer.started", {"note": True}, "'note' is not declared"),
        ("timer.started", {"has_task": "yes"}, "'has_task' is no bool"),
        ("timer.stopped", {"duration_seconds": -1}, "'duration_seconds' is a negative duration"),
    ],
)
def test_it_raises_for_what_is_undeclared_when_strict(bob, event, properties, sentence):
    with pytest.raises(UndeclaredError, match=sentence):
        analytics.track_event(bob.pk, event, properties)


def test_it_leaves_undeclared_values_out_otherwise_and_says_so_once(bob, analytics_on, caplog):
    analytics_on(STRICT=False)
    for _ in range(3):
        analytics.track_event(bob.pk, "timer.started", {"note": "Dentist", "has_task": False})

    assert [event.properties.get("note") for event in Event.objects.all()] == [None] * 3
    assert {event.properties["has_task"] for event in Event.objects.all()} == {False}
    assert [record.message for record in caplog.records] == [
        "Left out. timer.started: the property 'note' is not declared."
    ]


def test_it_records_no_undeclared_event_otherwise(bob, analytics_on):
    analytics_on(STRICT=False)

    assert analytics.track_event(bob.pk, "timer.exploded") is None
    assert not Event.objects.exists()


def test_it_makes_an_unexpected_choice_other(bob):
    analytics.track_event(bob.pk, "auth.login", {"auth_method": "carrier pigeon"})

    assert Event.objects.get().properties["auth_method"] == "other"


def test_it_identifies_a_person_and_mirrors_them(bob):
    first = {"$set": {"role": "user"}, "$set_once": {"signup_method": "local"}}
    second = {"$set": {"role": "manager"}, "$set_once": {"signup_method": "oidc"}}
    analytics.identify_user(bob.pk, first)
    analytics.identify_user(bob.pk, second)

    person = Person.objects.get()
    assert person.distinct_id == str(bob.pk)
    assert person.properties == {"role": "manager", "signup_method": "local"}
    newest = Event.objects.latest("id")
    assert newest.event == "$set"
    assert newest.properties["$set"] == {"role": "manager"}
    assert newest.properties["$set_once"] == {"signup_method": "oidc"}


def test_it_says_moments_in_utc(bob):
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    analytics.identify_user(bob.pk, {"$set": {"last_login": moment}})

    assert Event.objects.get().properties["$set"] == {"last_login": "2026-03-01T12:00:00+00:00"}


def test_it_identifies_groups_only_where_telemetry_is_on(analytics_on):
    analytics.identify_group("version", "3.0.0", {"version_number": "3.0.0"})
    analytics_on(ENABLE_TELEMETRY=False)
    analytics.identify_group("version", "3.0.1", {"version_number": "3.0.1"})

    assert [event.properties["$group_key"] for event in Event.objects.all()] == ["3.0.0"]


def test_it_gives_other_keys_than_uuids_an_id_of_their_own(bob, charlie):
    from analytics.identity import distinct_id

    assert distinct_id(bob.pk) == str(bob.pk)
    assert distinct_id(1) == distinct_id(1) != distinct_id(2)
    assert uuid.UUID(distinct_id(1))
    assert distinct_id(uuid.UUID(int=0)) != str(uuid.UUID(int=0))  # illegal for PostHog


def test_it_keeps_the_ids_of_persons_when_the_fingerprint_changes():
    from analytics.identity import distinct_id

    before = distinct_id(1)
    Installation.objects.update(salt="another")

    assert distinct_id(1) == before


def test_it_is_rolled_back_with_the_callers_transaction(bob):
    def work() -> None:
        analytics.track_event(bob.pk, "auth.login")
        raise RuntimeError

    with pytest.raises(RuntimeError), transaction.atomic():
        work()

    assert not Event.objects.exists()


def test_it_never_breaks_the_callers_transaction(bob, monkeypatch, caplog):
    """A failing statement of analytics, made by a table that is not there."""
    monkeypatch.setattr(Event._meta, "db_table", "a_table_that_is_not_there")
    with transaction.atomic():
        bob.first_name = "Robert"
        bob.save()
        assert analytics.track_event(bob.pk, "auth.login") is None

    bob.refresh_from_db()
    assert bob.first_name == "Robert"
    assert [record.message for record in caplog.records] == [
        "Events are lost: OperationalError in record_for_user."
    ] or "ProgrammingError" in caplog.text
    assert warn_once.cache_info().currsize == 1


@pytest.mark.parametrize("user_id", [None, "", 0, object(), "not-a-uuid", "x" * 5000])
def test_it_records_nothing_of_somebody_who_is_not_there(user_id, analytics_on):
    assert analytics.track_event(user_id, "auth.login") is None
    assert not Event.objects.exists()


def test_what_is_left_out_is_counted(bob, analytics_on):
    analytics_on(STRICT=False)
    for _ in range(3):
        analytics.track_event(bob.pk, "timer.started", {"note": "Dentist"})

    dropped = Dropped.objects.get()
    assert dropped.cause == "timer.started: the property 'note' is not declared."
    assert dropped.count == 3


def test_a_name_that_is_none_is_not_repeated(bob, analytics_on, caplog):
    analytics_on(STRICT=False)
    analytics.track_event(bob.pk, "timer.started", {"Call alice@example.org": True})
    analytics.track_event(bob.pk, "alice@example.org")

    assert "alice" not in caplog.text
    assert not Dropped.objects.filter(cause__contains="alice").exists()


def test_a_returning_person_has_another_id_after_an_erasure(bob):
    analytics.identify_user(bob.pk, {"$set": {"role": "user"}})
    first = identity.renew(bob.pk)
    analytics.identify_user(bob.pk, {"$set": {"role": "manager"}})
    second = identity.renew(bob.pk)
    analytics.track_event(bob.pk, "auth.login")

    ids = list(Event.objects.order_by("id").values_list("distinct_id", flat=True))
    assert ids == [str(bob.pk), first, second]
    assert len(set(ids)) == 3
    person = Person.objects.get()
    assert (person.distinct_id, person.properties) == (second, {})


def test_opting_out_deletes_what_waits_of_that_person(bob, charlie, analytics_on):
    for person in (bob, charlie):
        analytics.track_event(person.pk, "auth.login")
    bob.share_analytics = False
    bob.save()

    assert Event.objects.get().distinct_id == str(charlie.pk)


@pytest.mark.django_db(transaction=True)
class TestAsync:
    @staticmethod
    def run(work):
        try:
            return asyncio.run(work())
        finally:
            connections.close_all()

    def test_the_twins_record(self, bob, analytics_on):
        async def work():
            await analytics.aidentify_user(bob.pk, {"$set": {"role": "user"}})
            await analytics.aidentify_group("version", "3.0.0", {"version_number": "3.0.0"})
            return await analytics.atrack_event(bob.pk, "auth.login")

        event_uuid = self.run(work)
        recorded = Event.objects.order_by("id")
        assert [event.event for event in recorded] == ["$set", "$groupidentify", "auth.login"]
        assert recorded.last().uuid == event_uuid

    def test_a_forgotten_await_loses_no_event_and_no_context(self, bob):
        async def work():
            request = RequestFactory().get("/", headers={"User-Agent": "curl/8.1"})
            with context.bound(request):
                return analytics.track_event(bob.pk, "auth.login")

        event_uuid = self.run(work)
        assert Event.objects.get().uuid == event_uuid
        assert Event.objects.get().properties["$browser_version"] == 8
