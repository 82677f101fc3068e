"""A team at work while workers are killed, PostgreSQL crashes and PostHog is away: in short.

`python -m tests.benchmarks load` does it with two hundred people for five minutes.
"""

import pytest

from tests.benchmarks import load
from tests.conftest import need
from tests.postgresql import MISSING, binaries

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("postgresql")]


def test_nothing_is_lost_or_doubled_and_nothing_fails_but_what_was_cut():
    need(binaries(), MISSING)

    outcome = load.load(load.SHORT)

    assert outcome.unexplained == []
    assert (outcome.lost_entries, outcome.doubled_entries) == ([], [])
    assert (outcome.lost_events, outcome.doubled_events, outcome.unsaid) == ([], [], [])
    assert len(outcome.asked) > 150
    assert outcome.entries > 30
    assert outcome.cut("database"), "the crash was not felt"


def test_a_failure_that_no_fault_explains_would_be_seen():
    killed = load.Window("worker", 10, 10.1, 12)
    away = load.Window("database", 20, 29, 30)

    assert killed.cuts(load.Asked("GET /", 9.9, 10.1, 0))
    assert not killed.cuts(load.Asked("GET /", 9.9, 10.1, 503))  # that was no killed worker
    assert killed.cuts(load.Asked("GET /", 10.05, 10.1, 0))  # it was dying
    assert not killed.cuts(load.Asked("GET /", 11.0, 11.1, 0))  # began after it
    assert not killed.cuts(load.Asked("GET /", 8.0, 9.0, 0))
    assert away.cuts(load.Asked("GET /", 21.0, 21.1, 503))
    assert not away.cuts(load.Asked("GET /", 21.0, 21.1, 500))
    assert not away.cuts(load.Asked("GET /", 31.0, 31.1, 503))
