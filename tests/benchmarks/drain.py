"""How quickly what waits is delivered, over the SDK capturing and flushing the same from memory.

Is run within a site whose PostHog is a peer that answers at once.
"""

import gc
import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from posthog import Posthog

from accounts.models import User
from analytics import conf, delivery
from tests.benchmarks import events
from tests.benchmarks.figures import Figure, dumps, median
from tests.benchmarks.peer import taken

ROUNDS, EACH = 5, 10_000


class Drain:
    """Both ways to one peer."""

    def __init__(self) -> None:
        self.peer = conf.get().POSTHOG_HOST
        self.sdk = Posthog("phc", host=self.peer, max_queue_size=10**9)
        self.user = User.objects.get(username="worker")
        with delivery.by_hand():
            self.properties = events.example(self.user)
        delivery.deliver()

    def capture(self) -> None:
        """Hand the events to the SDK, and have it send them."""
        person = str(self.user.pk)
        for _ in range(EACH):
            self.sdk.capture("work.done", distinct_id=person, properties=self.properties)
        self.sdk.flush(None)

    def rate(self, drain: Callable[[], Any]) -> float:
        """Events a second; all of them must have arrived."""
        before = taken(self.peer)
        gc.collect()
        start = time.perf_counter()
        drain()
        seconds = time.perf_counter() - start
        assert taken(self.peer) - before == EACH
        return EACH / seconds

    def round(self) -> tuple[float, float]:
        """The two rates, ours and the SDK's."""
        events.fill(self.user, self.properties, EACH)
        ours = self.rate(lambda: delivery.deliver(everything=True))
        return ours, self.rate(self.capture)


def main() -> None:
    """Print the figure."""
    drain = Drain()
    ours, sdk = map(list, zip(*(drain.round() for _ in range(ROUNDS)), strict=True))
    ratios = [one / other for one, other in zip(ours, sdk, strict=True)]
    sides = f"{median(ours)} over {median(sdk)} events a second"
    name = f"rate of draining {ROUNDS * EACH:,} waiting events, {connection.display_name}"
    print(dumps([Figure(name, ratios, sides, ">= 2" if connection.vendor == "sqlite" else "")]))
