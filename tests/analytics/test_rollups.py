"""The daily counts: each event once, however late; kept beyond a purge, gone with an erasure."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

import analytics
from analytics import delivery, housekeeping, insights, outbox
from analytics.insights import Insight, Property, Series, local, rollups
from analytics.models import CountedKind, Counting, DailyCount, Event, Installation, State
from tests.analytics.counted import recorded

NOW = datetime(2026, 3, 31, 10, tzinfo=UTC)
LONG_AGO = timedelta(days=1000)
BY_PLATFORM = Insight("exported", "", "", (Series("", "export.csv"),), breakdowns=(Property("os"),))
YEAR = timedelta(days=365)


def exports(period: timedelta = YEAR) -> int:
    (csv, _xlsx) = local.answer(insights.insights["exports"], period, NOW).lines
    return csv.total


def export(days: float = 1, person: str = "anna", **fields):
    return recorded("export.csv", NOW - timedelta(days=days), person, **fields)


def tidy():
    Installation.objects.update(tidied_at=None)
    housekeeping.tidy()


def purge():
    Event.objects.update(settled_at=timezone.now() - LONG_AGO)
    tidy()
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_counting_twice_counts_nothing_twice():
    export()
    assert [rollups.catch_up(10), rollups.catch_up(10), exports()] == [True, True, 1]


@pytest.mark.django_db
def test_counts_outlive_the_purge():
    export()
    purge()
    export()

    assert exports() == 2


@pytest.mark.django_db
def test_nothing_is_purged_before_it_is_counted(monkeypatch):
    for _ in range(3):
        export(settled_at=timezone.now() - LONG_AGO)
    monkeypatch.setattr(rollups, "CHUNK", 1)
    monkeypatch.setattr(housekeeping, "COUNTING", -1)  # no time but for one of them
    tidy()
    tidy()
    assert Event.objects.count() == 3

    monkeypatch.setattr(housekeeping, "COUNTING", 1)
    tidy()
    assert not Event.objects.exists()
    assert exports() == 3


@pytest.mark.django_db
def test_delivering_late_changes_no_answer(analytics_on, posthog):
    export(state=State.WAITING, settled_at=None)
    assert exports() == 1
    delivery.deliver()

    assert Event.objects.get().state == State.DELIVERED
    assert exports() == 1


@pytest.mark.django_db
def test_an_event_by_a_clock_that_was_wrong_counts_on_the_day_that_it_tells():
    export(days=1)
    assert exports() == 1
    export(days=40)
    export(days=-3)  # not yet

    assert (exports(timedelta(days=30)), exports()) == (1, 2)


@pytest.mark.django_db
def test_an_event_of_the_last_hours_is_found_whatever_its_id_is():
    export(days=0, id=7)
    export(days=50, id=8)
    export(days=0.5, id=9)

    assert exports(timedelta(hours=24)) == 2


@pytest.mark.django_db
def test_a_gap_among_the_ids_is_looked_at_again_for_a_day(monkeypatch):
    export(id=10)
    export(id=20)
    assert exports() == 2
    export(id=15)
    export(id=3)
    assert exports() == 4
    assert exports() == 4

    later = time.time() + rollups.GAP + 1
    monkeypatch.setattr(time, "time", lambda: later)
    export(id=21)
    assert exports() == 5
    export(id=22)
    exports()
    assert Counting.load().gaps == []


@pytest.mark.django_db
def test_whoever_counts_at_the_same_time_counts_the_rest():
    export()
    assert rollups.catch_up(10)
    new = [*rollups.rows(Event.objects.filter(pk=export().pk))]
    both = Counting.load(), Counting.load()

    assert [rollups._keep(one, [], new) for one in both] == [True, False]
    assert exports() == 2


@pytest.mark.django_db
def test_what_fails_in_the_middle_is_counted_the_next_time(monkeypatch):
    export()
    with monkeypatch.context() as patched:
        patched.setattr(rollups, "_note_days", lambda _seen: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rollups.catch_up(10)

    assert exports() == 1


@pytest.mark.django_db
def test_an_opt_out_takes_back_what_had_waited(bob, analytics_on):
    analytics.track_event(bob.pk, "export.csv")
    analytics.track_event(bob.pk, "export.csv")
    token, rows = outbox.lease(limit=1)
    outbox.settle_delivered(token, rows)
    assert rollups.catch_up(10)
    outbox.forget_waiting(bob.pk)

    assert DailyCount.objects.filter(kind__event="export.csv").get().count == 1
    assert Event.objects.count() == 1


@pytest.mark.django_db
def test_withdrawing_while_somebody_counts_leaves_nothing():
    export()
    rollups.catch_up(10)
    event = export()
    stale, new = Counting.load(), [*rollups.rows(Event.objects.filter(pk=event.pk))]
    rollups.withdraw(Event.objects.filter(pk=event.pk))
    event.delete()

    assert rollups._keep(stale, [], new) is False
    assert exports() == 1


@pytest.mark.django_db
def test_forgetting_a_person_takes_all_of_theirs_and_nobody_elses():
    for person in ("anna", "anna", "ben"):
        export(person=person)
    export(days=4)
    assert exports() == 4
    purge()

    assert local.forget("anna") == 4  # two days, as an export and as anything at all
    assert not DailyCount.objects.filter(distinct_id="anna").exists()
    assert exports() == 1


@pytest.mark.django_db
def test_counts_go_after_two_years():
    now = timezone.now()
    for days in (732, 730):
        recorded("export.csv", now - timedelta(days=days))
    tidy()

    assert {one.day for one in DailyCount.objects.all()} == {
        rollups.local_day(now - timedelta(days=730))
    }


@pytest.mark.django_db
def test_a_new_question_is_answered_of_all_events_that_are_still_there(monkeypatch):
    now = timezone.now()
    old = recorded("export.csv", now - timedelta(days=95), properties={"os": "Linux"})
    recorded("export.csv", now - timedelta(days=5), properties={"os": "Linux"})
    tidy()
    assert [one.pk for one in Event.objects.all()] == [old.pk + 1]
    # Of the first day that is partly purged; counted as it was, and not again.
    recorded("export.csv", now - timedelta(days=94), state=State.WAITING, settled_at=None)
    assert rollups.catch_up(10)
    monkeypatch.setitem(insights.insights, "exported", BY_PLATFORM)
    before = local.answer(insights.insights["exports"], YEAR, now).lines[0].total
    answer = local.answer(BY_PLATFORM, YEAR, now)

    assert before == 3
    assert {line.labels: line.total for line in answer.lines} == {("Linux",): 1, ("(none)",): 2}


@pytest.mark.django_db
def test_it_goes_on_where_counting_anew_was_interrupted(monkeypatch):
    monkeypatch.setattr(rollups, "CHUNK", 2)
    for days in range(7):
        export(days=days, properties={"os": "Linux"})
    assert exports() == 7
    monkeypatch.setitem(insights.insights, "exported", BY_PLATFORM)
    for _ in range(9):
        assert not rollups._step()
    again = Counting.load()
    assert again.recounted_id > again.last_id  # in the middle
    assert not rollups.about_to_purge(timezone.now())

    assert exports() == 7
    assert rollups.about_to_purge(timezone.now())


@pytest.mark.django_db
def test_an_older_version_beside_it_does_not_undo_a_question(monkeypatch):
    export(properties={"os": "Linux"})
    with monkeypatch.context() as newer:
        newer.setitem(insights.insights, "exported", BY_PLATFORM)
        rollups.catch_up(10)
    rollups.catch_up(10)
    assert Counting.load().wanted["export.csv"] == ["os"]
    assert CountedKind.objects.filter(event="export.csv", properties='{"os":"Linux"}').exists()


@pytest.mark.django_db
def test_it_stops_when_it_is_told_to_or_has_no_more_time(monkeypatch):
    monkeypatch.setattr(rollups, "CHUNK", 1)
    for _ in range(3):
        export()
    stop = threading.Event()
    assert rollups.catch_up(0) is False
    assert rollups.catch_up(0, stop) is False
    stop.set()
    assert rollups.catch_up(10, stop) is False
    assert 0 < rollups.percentage() < 100
    assert rollups.catch_up(10)


@pytest.mark.django_db
def test_a_failing_count_keeps_no_event_from_being_delivered(analytics_on, posthog, monkeypatch):
    def fail(_seconds, _stop):
        raise DatabaseError("full")

    export(state=State.WAITING, settled_at=None)
    monkeypatch.setattr(rollups, "catch_up", fail)
    assert delivery.deliver().delivered == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_an_event_that_commits_after_later_ones_counts():
    """Its id was given out before theirs: it is missed at first, and then not forgotten."""
    recorded_, commit = threading.Event(), threading.Event()

    def slowly():
        with transaction.atomic():
            export()
            recorded_.set()
            commit.wait(10)
        connections.close_all()

    thread = threading.Thread(target=slowly)
    thread.start()
    assert recorded_.wait(10)
    export()
    assert exports() == 1
    commit.set()
    thread.join()

    assert exports() == 2


@pytest.mark.django_db(transaction=True)
def test_several_that_count_at_once_count_each_event_once(monkeypatch):
    monkeypatch.setattr(rollups, "CHUNK", 3)
    for _ in range(60):
        export()
    failures = []

    def count():
        try:
            assert rollups.catch_up(20)
        except Exception as error:
            failures.append(error)
        connections.close_all()

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert exports() == 60
