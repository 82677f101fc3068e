"""What was left out or lost is counted, whatever the database does at that moment."""

import asyncio
import os

import pytest
from django.db import OperationalError, transaction

import analytics
from analytics import dropped, patience
from analytics.models import Dropped, Event

pytestmark = pytest.mark.django_db(transaction=True)
LOST = "Not recorded: OperationalError in record_for_user."


@pytest.fixture
def refused(monkeypatch):
    """A database that takes nothing while the list is not empty."""
    reasons = [1]

    def refuse(*_args):
        if reasons:
            raise OperationalError("database is locked")

    def briefly(original=patience.briefly):
        refuse()
        return original()

    monkeypatch.setattr(patience, "briefly", briefly)
    return reasons


def counted():
    return dict(Dropped.objects.values_list("cause", "count"))


def test_what_is_lost_is_counted_with_the_next_event_that_is_recorded(bob, refused):
    assert [analytics.track_event(bob.pk, "auth.login") for _ in range(3)] == [None] * 3
    assert counted() == {}

    refused.clear()
    assert analytics.track_event(bob.pk, "auth.login")
    assert counted() == {LOST: 3}
    assert analytics.track_event(bob.pk, "auth.login")
    assert counted() == {LOST: 3}


def test_what_async_code_loses_is_counted_too(bob, refused):
    async def work():
        return analytics.track_event(bob.pk, "auth.login")

    assert asyncio.run(work()) is None
    refused.clear()
    assert analytics.track_event(bob.pk, "auth.login")
    assert counted() == {LOST: 1}


def test_a_child_counts_nothing_of_its_parents(bob):
    dropped.note("x")
    pid = os.fork()
    if pid == 0:
        os._exit(len(dropped._counts))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert dropped._counts == {"x": 1}


def test_causes_without_end_need_no_memory_without_end(monkeypatch):
    monkeypatch.setattr(dropped, "CAUSES", 3)
    for number in range(10):
        dropped.note(f"cause {number}")

    assert sum(dropped._counts.values()) == 10
    assert len(dropped._counts) == 4
    assert dropped._counts[dropped.OTHERS] == 7


def test_who_commits_by_hand_records_as_well(bob):
    transaction.set_autocommit(False)
    try:
        uuid = analytics.track_event(bob.pk, "auth.login")
        transaction.commit()
    finally:
        transaction.set_autocommit(True)

    assert Event.objects.get().uuid == uuid
    assert dropped._counts == {}
