"""Processes of `manage.py deliver_events`: many at once, and one that is told to end."""

import re
import signal
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from analytics.outbox import BATCH
from tests.capture import accept, wait_until
from tests.processes import ROOT, Site
from tests.site.installation import DATABASES, ask, installation, leased, waiting

pytestmark = pytest.mark.slow

DELIVERERS, ROWS = 8, 20_000


def fill(site: Site, count: int) -> None:
    """Let events wait, as if the site had recorded them."""
    site.run(
        "from analytics.models import Event as E;"
        "rows = [E(event='work.done', distinct_id='worker', properties={'number': n})"
        f" for n in range({count})];"
        "E.objects.bulk_create(rows, batch_size=1000)"
    )


def seconds(duration: float):
    """A PostHog that takes its time, so that nobody is done before all are at it."""

    def answer(batch):
        time.sleep(duration)
        return accept(batch)

    return answer


@pytest.mark.parametrize("database", DATABASES)
def test_eight_processes_deliver_each_event_once(tmp_path, posthog, database):
    posthog.answer = seconds(1)
    with installation(tmp_path, posthog, database) as site, ThreadPoolExecutor(DELIVERERS) as pool:
        fill(site, ROWS)
        runs = [pool.submit(site.manage, "deliver_events", "--once") for _ in range(DELIVERERS)]
        done = [run.result() for run in runs]
        assert [(run.returncode, run.stderr) for run in done] == [(0, "")] * DELIVERERS
        assert waiting(site) == 0

    arrivals = Counter(event["uuid"] for event in posthog.events)
    assert len(arrivals) == ROWS
    assert set(arrivals.values()) == {1}
    assert max(len(batch["batch"]) for batch in posthog.batches) == BATCH
    said = [re.match(r"Delivered (\d+), rejected 0, kept 0\.\n", run.stdout) for run in done]
    counts = [int(words[1]) for words in said if words]
    assert sum(counts) == ROWS
    assert len([count for count in counts if count]) == DELIVERERS, "not all were at it at once"


@pytest.mark.parametrize("database", DATABASES)
def test_a_deliverer_that_is_told_to_end_does_so_after_the_batch_in_hand(
    tmp_path, posthog, database
):
    posthog.answer = seconds(2)
    with installation(tmp_path, posthog, database) as site:
        fill(site, 3 * BATCH)
        deliverer = site.background(sys.executable, str(ROOT / "manage.py"), "deliver_events")
        try:
            wait_until(lambda: posthog.bodies, 30)
            deliverer.send_signal(signal.SIGTERM)
            assert deliverer.wait(15) == 0, site.log.read_text()
        finally:
            deliverer.kill()
        assert site.log.read_text() == ""
        assert ask(site, "E.objects.filter(state='delivered').count()") == str(BATCH)
        assert (waiting(site), leased(site)) == (2 * BATCH, 0)
    assert len(posthog.bodies) == 1
