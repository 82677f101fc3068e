"""What was lost to a lock leaves nothing behind that could hold up the others."""

import gc
import time
from contextlib import suppress
from threading import Event as Moment, Thread

import pytest
from django.db import OperationalError, connection, transaction

import analytics
from analytics import dropped

pytestmark = pytest.mark.django_db(transaction=True)
WAIT = 20.0  # seconds that the other thread would wait for the lock; far from what a stall takes


def refused_count(_person):
    dropped.note("Something.")
    dropped.write()


LOSSES = {
    "a person": lambda person: analytics.identify_user(person.pk, {"$set": {"role": "admin"}}),
    "a count": refused_count,
}


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_a_garbage_collection_does_not_wait_for_the_lock(bob, lose):
    if connection.vendor != "sqlite":
        pytest.skip("Elsewhere a cursor needs no lock to be freed.")
    lost = Moment()

    def loser():
        try:
            lose(bob)
            connection.connection.execute(f"PRAGMA busy_timeout = {int(WAIT * 1000)}")
            lost.set()
            with suppress(OperationalError), transaction.atomic():
                pass
        finally:
            connection.close()

    other = Thread(target=loser)
    gc.collect()
    gc.disable()  # what the loser leaves behind is for this thread to find
    try:
        with transaction.atomic():
            other.start()
            assert lost.wait(30)
            time.sleep(0.3)  # the loser stands in the queue by now
            start = time.perf_counter()
            gc.collect()
            seconds = time.perf_counter() - start
        other.join(30)
    finally:
        gc.enable()
        dropped._counts.clear()
    assert seconds < WAIT / 2
