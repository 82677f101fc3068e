"""The outbox stays bounded: what was settled long ago goes, and not everything may wait."""

import threading
from datetime import timedelta

import pytest
from django.db import InterfaceError
from django.utils import timezone

import analytics
from analytics import delivery, housekeeping, identity, outbox
from analytics.models import Dropped, Event, Installation, State

pytestmark = pytest.mark.django_db


def tidy():
    Installation.objects.update(tidied_at=None)
    housekeeping.tidy()


def rows(number, **fields):
    """Events that wait, or are as `fields` say; their ids, oldest first."""
    made = Event.objects.bulk_create(
        Event(event="auth.login", distinct_id="somebody", **fields) for _ in range(number)
    )
    return [row.pk for row in made]


def kept():
    return list(Event.objects.order_by("id").values_list("pk", flat=True))


def settled(days, state=State.DELIVERED):
    return {"state": state, "settled_at": timezone.now() - timedelta(days=days)}


@pytest.mark.parametrize("state", [State.DELIVERED, State.REJECTED, State.LOCAL])
def test_what_was_settled_goes_after_the_retention(state):
    rows(3, **settled(91, state))
    recent = rows(2, **settled(89, state))
    tidy()

    assert kept() == recent


def test_the_retention_is_a_setting(analytics_on):
    analytics_on(RETENTION_DAYS=7)
    rows(1, **settled(8))
    recent = rows(1, **settled(6))
    tidy()

    assert kept() == recent


def test_what_waits_is_never_purged():
    waiting = rows(2, timestamp=timezone.now() - timedelta(days=400))
    tidy()

    assert kept() == waiting


def test_it_purges_in_small_batches(monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(housekeeping, "CHUNK", 2)
    monkeypatch.setattr(housekeeping, "PAUSE", 0)
    rows(5, **settled(91))
    with django_assert_max_num_queries(3 * 4):  # three chunks: savepoint, ids, rows, its end
        housekeeping.purge(threading.Event())

    assert kept() == []


def test_it_ends_in_the_middle_when_it_is_told_to(monkeypatch):
    monkeypatch.setattr(housekeeping, "CHUNK", 2)
    rows(5, **settled(91))
    stop = threading.Event()
    stop.set()
    housekeeping.purge(stop)

    assert len(kept()) == 3


def test_an_event_kept_as_local_only_ages_from_its_recording(bob):
    analytics.track_event(bob.pk, "auth.login")
    event = Event.objects.get()
    assert (event.state, event.settled_at) == (State.LOCAL, event.timestamp)

    Event.objects.update(settled_at=timezone.now() - timedelta(days=91))
    delivery.deliver()  # which has nothing to deliver
    assert kept() == []


def test_pings_that_are_withheld_age_too(analytics_on):
    rows(1)
    outbox.keep_here(outbox.waiting())

    assert timezone.now() - Event.objects.get().settled_at < timedelta(minutes=1)


def test_beyond_the_bound_the_oldest_are_dropped_and_counted(analytics_on, caplog):
    analytics_on(MAX_WAITING=3)
    rows(2, **settled(1))
    waiting = rows(5)
    tidy()
    tidy()

    assert kept()[2:] == waiting[2:]
    cause = "More than 3 events waited: the oldest were dropped."
    assert Dropped.objects.get(cause=cause).count == 2
    rows(1)
    tidy()
    assert Dropped.objects.get(cause=cause).count == 3
    assert caplog.messages == [cause]


def test_as_many_as_are_allowed_may_wait(analytics_on):
    analytics_on(MAX_WAITING=5)
    waiting = rows(5)
    tidy()

    assert kept() == waiting
    assert not Dropped.objects.exists()


def test_events_of_nobody_push_out_nobodys_events(analytics_on):
    analytics_on(MAX_WAITING=4)
    of_people = rows(3)
    of_nobody = rows(6)
    Event.objects.filter(pk__in=of_nobody).update(distinct_id=identity.NOBODY)
    tidy()

    assert kept() == [*of_people, of_nobody[-1]]


def test_many_are_dropped_in_small_batches(analytics_on, monkeypatch):
    monkeypatch.setattr(housekeeping, "CHUNK", 2)
    monkeypatch.setattr(housekeeping, "PAUSE", 0)
    analytics_on(MAX_WAITING=1)
    waiting = rows(8)
    Event.objects.filter(pk__in=waiting[:3]).update(distinct_id=identity.NOBODY)
    tidy()

    assert kept() == waiting[-1:]
    assert Dropped.objects.get().count == 7


def test_what_is_being_sent_is_not_dropped(analytics_on):
    analytics_on(MAX_WAITING=1)
    rows(3)
    token, leased = outbox.lease(limit=3)
    tidy()

    assert outbox.settle_delivered(token, leased) == 3


def test_a_chunk_is_no_larger_than_it_may_be_however_the_database_goes_about_it(
    nested_loops, monkeypatch
):
    monkeypatch.setattr(housekeeping, "CHUNK", 2)
    rows(5, **settled(91))

    assert housekeeping._delete(Event.objects.order_by("settled_at")) == 2
    assert len(kept()) == 3


def test_one_process_at_a_time_tidies_and_not_at_every_event():
    Installation.load()
    rows(1, **settled(91))
    Installation.objects.update(tidied_at=timezone.now())
    housekeeping.tidy()
    assert len(kept()) == 1

    Installation.objects.update(tidied_at=timezone.now() - housekeeping.EVERY)
    housekeeping.tidy()
    assert kept() == []


def test_a_clock_that_was_ahead_keeps_nobody_from_tidying():
    Installation.load()
    rows(1, **settled(91))
    Installation.objects.update(tidied_at=timezone.now() + timedelta(days=1))
    housekeeping.tidy()

    assert kept() == []


def test_events_of_nobody_that_are_being_sent_push_out_none_of_people(analytics_on):
    analytics_on(MAX_WAITING=3)
    of_nobody = rows(2)
    Event.objects.update(distinct_id=identity.NOBODY)
    outbox.lease(limit=2)
    of_people = rows(3)
    tidy()

    assert kept() == [*of_nobody, *of_people]


def test_what_is_delivered_meanwhile_makes_nothing_more_too_old(analytics_on, monkeypatch):
    """Two processes that look at once choose the same rows, not twice as many."""
    analytics_on(MAX_WAITING=3)
    waiting = rows(6)
    monkeypatch.setattr(threading.Event, "wait", lambda *_args: housekeeping.bound(Told()))
    housekeeping.bound(threading.Event())

    assert kept() == waiting[3:]
    assert Dropped.objects.get().count == 3


class Told:
    """Never asked to stop."""

    def wait(self, _seconds):
        return False


def test_a_failing_housekeeping_does_not_keep_anything_from_being_delivered(
    bob, analytics_on, posthog, monkeypatch, caplog
):
    def fail(_stop):
        raise InterfaceError("the database went away")

    analytics.track_event(bob.pk, "auth.login")
    analytics_on()
    Event.objects.update(state=State.WAITING)
    monkeypatch.setattr(housekeeping, "purge", fail)
    Installation.objects.update(tidied_at=None)

    assert delivery.deliver().delivered == 1
    assert caplog.messages == ["Old events are kept for now: InterfaceError."]
