"""The queries of delivery and housekeeping are answered by indexes, however long the log is."""

import re
import threading
import uuid

import pytest
from django.db import connection
from django.utils import timezone

from analytics import erasure, housekeeping, outbox, stored
from analytics.insights import rollups
from analytics.models import Event, State

pytestmark = pytest.mark.django_db

SCAN = {
    "sqlite": r"SCAN \w*(U0|analytics_event)(?! USING)",
    "postgresql": r"Seq Scan on analytics_event",
}


@pytest.fixture
def log(db):
    """A log in which little waits, and the databases know it."""
    settled = {"state": State.DELIVERED, "settled_at": timezone.now()}
    for number, fields in ((20_000, settled), (50, {})):
        Event.objects.bulk_create(
            Event(event="auth.login", distinct_id=str(uuid.uuid4()), **fields)
            for _ in range(number)
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE analytics_event")


def plans(work):
    """How the database runs each statement on events that `work` makes, as it says itself."""
    statements = []

    def note(execute, sql, params, many, context):
        if "analytics_event" in sql and not sql.startswith("INSERT"):
            statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        work()
    explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
    with connection.cursor() as cursor:
        for sql, params in statements:
            cursor.execute(explain + sql, params)
            yield sql, "\n".join(str(row) for row in cursor.fetchall())


def deliver_a_batch():
    token, rows = outbox.lease()
    assert len(rows) == 50
    outbox.renew(token, rows)
    outbox.settle_delivered(token, rows[:25])
    outbox.settle_rejected(token, rows[25], "no")
    outbox.release(token, "away", rows)
    outbox.release(token, "interrupted")


WORK = [
    deliver_a_batch,
    outbox.next_try,
    lambda: housekeeping.purge(threading.Event()),
    lambda: housekeeping.bound(threading.Event()),
    lambda: outbox.forget_waiting(uuid.uuid4()),
    lambda: rollups.catch_up(60),
    lambda: erasure._delete("a", "b"),
    lambda: stored.of(uuid.uuid4()),
    lambda: list(stored.download(uuid.uuid4())),
]


def test_no_query_reads_the_whole_log(log):
    scan = SCAN[connection.vendor]
    ((_sql, without_index),) = plans(lambda: list(Event.objects.filter(attempts=7)))
    assert re.search(scan, without_index)  # one that does would be noticed

    for work in WORK:
        explained = list(plans(work))
        assert explained
        for sql, plan in explained:
            assert not re.search(scan, plan), f"{sql}\n{plan}"
