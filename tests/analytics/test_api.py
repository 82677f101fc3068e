"""The front door: `track_event`, `identify_user`, `identify_group`."""

import asyncio
import platform
import uuid
from datetime import UTC, datetime
from enum import StrEnum

import pytest
from django.db import connections, transaction
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject

import analytics
from analytics import catalogue, context, identity, journal
from analytics.catalogue import EventType, Kind, UndeclaredError
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


def test_it_gives_other_keys_than_uuids_an_id_of_their_own(bob, charlie, settings):
    from analytics.identity import distinct_id

    assert distinct_id(bob.pk) == str(bob.pk)
    assert distinct_id(uuid.UUID(int=0)) != str(uuid.UUID(int=0))  # illegal for PostHog
    settings.AUTH_USER_MODEL = "auth.User"  # numbers as keys
    assert distinct_id(1) == distinct_id("1") != distinct_id(2)
    assert uuid.UUID(distinct_id(1))


def test_it_keeps_the_ids_of_persons_when_the_fingerprint_changes(settings):
    from analytics.identity import distinct_id

    settings.AUTH_USER_MODEL = "auth.User"  # numbers as keys
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
    """A failing statement of analytics, made by a table that is not there; PostgreSQL would refuse
    every further one of the caller's, were it not for the savepoint."""
    monkeypatch.setattr(
        journal,
        "_composed",
        lambda _alias: ("INSERT INTO nowhere VALUES (%s)", [lambda *_args: 1] * 6),
    )
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


def test_what_is_left_out_is_counted_after_the_commit(
    bob, analytics_on, django_capture_on_commit_callbacks
):
    """Not before: the counter's row would be locked until then, and it is everybody's."""
    analytics_on(STRICT=False)
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(3):
            analytics.track_event(bob.pk, "timer.started", {"note": "Dentist"})
        assert not Dropped.objects.exists()

    dropped = Dropped.objects.get()
    assert dropped.cause == "timer.started: the property 'note' is not declared."
    assert dropped.count == 3


def test_a_name_that_is_none_is_not_repeated(
    bob, analytics_on, caplog, django_capture_on_commit_callbacks
):
    analytics_on(STRICT=False)
    with django_capture_on_commit_callbacks(execute=True):
        analytics.track_event(bob.pk, "timer.started", {"Call alice@example.org": True})
        analytics.track_event(bob.pk, "alice@example.org")
        analytics.identify_user(bob.pk, {"alice@example.org": {}})

    assert "alice" not in caplog.text
    assert Dropped.objects.count() == 3
    assert not Dropped.objects.filter(cause__contains="alice").exists()


def test_causes_without_end_are_counted_together(
    bob, analytics_on, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr("analytics.dropped.CAUSES", 2)
    analytics_on(STRICT=False)
    with django_capture_on_commit_callbacks(execute=True):
        for number in range(5):
            analytics.track_event(bob.pk, "timer.started", {f"note{number}": True})

    assert Dropped.objects.count() == 3
    assert Dropped.objects.get(cause="Other names and values.").count == 3


@pytest.mark.parametrize("spelled", [str, lambda key: key.hex, lambda key: str(key).upper()])
def test_a_key_is_the_same_however_it_is_written(spelled, bob):
    request = RequestFactory().get("/", headers={"Sec-GPC": "1"})
    request.user = bob
    analytics.track_event(spelled(bob.pk), "auth.login")
    with context.bound(request):
        assert analytics.track_event(spelled(bob.pk), "auth.login") is None

    assert Event.objects.get().distinct_id == str(bob.pk)


class Loud(StrEnum):
    """A text that says something else of itself than it is."""

    CSV = "csv"

    def __str__(self) -> str:
        return "Alice Smith, secret project"


def test_a_text_is_what_it_holds_and_not_what_it_says(bob):
    analytics.track_event(bob.pk, "feature.used", {"feature_name": Loud.CSV, "format": Loud.CSV})

    properties = Event.objects.get().properties
    assert (properties["feature_name"], properties["format"]) == ("csv", "csv")
    assert "Alice" not in str(properties)


@pytest.mark.parametrize("given", [["x"], "x", 1])
def test_properties_that_are_no_dictionary_raise_when_strict_and_are_left_out_else(
    given, bob, analytics_on
):
    with pytest.raises(UndeclaredError, match="no dictionary"):
        analytics.track_event(bob.pk, "auth.logout", given)
    analytics_on(STRICT=False)

    assert analytics.track_event(bob.pk, "auth.logout", given) is not None


class Leaky(Kind):
    """A kind that lets too much through, as one may one day."""

    def clean(self, value):
        return value


def test_the_last_guard_holds_where_a_kind_does_not(bob, monkeypatch, analytics_on):
    leaky = EventType("mail.sent", "A test.", {"to": Leaky(), "rows": Leaky()})
    monkeypatch.setitem(catalogue.events, "mail.sent", leaky)
    analytics_on(STRICT=False)
    analytics.track_event(bob.pk, "mail.sent", {"to": "Al <alice@example.org>", "rows": 3})

    properties = Event.objects.get().properties
    assert properties["rows"] == 3
    assert "to" not in properties


def test_no_two_installations_have_an_id_in_common(settings, db):
    from analytics.identity import distinct_id

    settings.AUTH_USER_MODEL = "auth.User"  # numbers as keys
    first = distinct_id(1)
    Installation.objects.all().delete()

    assert uuid.UUID(distinct_id(1)) != uuid.UUID(first)


def test_a_group_before_the_first_ping_is_told_by_this_installation_alone(analytics_on):
    analytics.identify_group("version", "3.0.0", {"version_number": "3.0.0"})

    installation = Installation.load()
    assert installation.salt
    assert Event.objects.get().distinct_id == installation.fingerprint
    with pytest.raises(ValueError, match="no fingerprint"):
        _ = Installation().fingerprint


def test_after_an_erasure_the_request_in_hand_has_the_new_id_too(bob):
    request = RequestFactory().get("/")
    request.user = bob
    with context.bound(request):
        analytics.track_event(bob.pk, "auth.login")
        renewed = identity.renew(bob.pk)
        analytics.track_event(bob.pk, "auth.login")

    assert Event.objects.latest("id").distinct_id == renewed


def test_an_event_does_not_read_the_session_for_consent(bob, rf):
    request = rf.get("/")
    request.session = {}
    request.user = SimpleLazyObject(lambda: pytest.fail("the session was read"))
    with context.bound(request):
        assert analytics.track_event(bob.pk, "auth.login") is not None


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
