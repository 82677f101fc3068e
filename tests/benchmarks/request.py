"""What a request costs more with our middleware and an event, over what the SDK's cost it.

Is run within a site whose database is an SQLite file with the project's own settings.
"""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.db import transaction
from django.http import HttpResponse
from django.test import override_settings
from posthog import Posthog
from posthog.integrations.django import PosthogContextMiddleware

from accounts.models import User
from analytics import conf, delivery
from analytics.middleware import AnalyticsMiddleware
from tests.benchmarks import events
from tests.benchmarks.figures import Figure, dumps, median

ROUNDS, BLOCK = 30, 200  # requests: enough for a block to have its share of SQLite's checkpoints
PLAIN_BLOCK = 500
WHOLE_ROUNDS, WHOLE_BLOCK = 7, 1000
WAITING = 10_000  # events that are in the table before
MICRO = 1e6
NUMBERS = count()

View = Callable[[Any], Any]
Around = Callable[[Any], AbstractContextManager[Any]]
Clock = Callable[[], float]


def nothing(*_arguments: object) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Side:
    """A way to handle requests; `settle` belongs to what is measured, `prepare` does not."""

    handle: View
    settle: Callable[[], Any] = nothing
    prepare: Callable[[], Any] = nothing

    def seconds(self, user: User, number: int, clock: Clock) -> float:
        """What a request takes, the mean of so many."""
        requests = [events.request_of(user) for _ in range(number)]
        self.prepare()
        gc.collect()
        start = clock()
        for request in requests:
            self.handle(request)
        self.settle()
        return (clock() - start) / number


@dataclass(frozen=True)
class Comparison:
    """The seconds that the SDK and we add to a request, round by round."""

    sdk: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    def figure(self, name: str, bound: str = "") -> Figure:
        ratios = [ours / sdk for ours, sdk in zip(self.ours, self.sdk, strict=True)]
        sides = f"{median(self.ours, MICRO)} µs over {median(self.sdk, MICRO)} µs"
        return Figure(name, ratios, sides, bound)


@dataclass(frozen=True)
class Trial:
    """Three ways to handle the same request, measured in turns."""

    base: Side
    sdk: Side
    ours: Side

    def compare(self, user: User, rounds: int, block: int, clock: Clock) -> Comparison:
        """Compare after a round to warm up."""
        found = Comparison()
        for done in range(rounds + 1):
            turns = (self.base, self.sdk, self.ours)
            base, sdk, ours = (side.seconds(user, block, clock) for side in turns)
            if done:
                found.sdk.append(sdk - base)
                found.ours.append(ours - base)
        return found


@contextmanager
def own_transaction(user: User) -> Iterator[None]:
    """The caller's transaction, with one write of its own."""
    with transaction.atomic():
        # Another value each time: what does not change, SQLite does not write.
        User.objects.filter(pk=user.pk).update(first_name=str(next(NUMBERS)))
        yield


def autocommit(_user: User) -> AbstractContextManager[None]:
    """No transaction."""
    return nullcontext()


def page(around: Around, record: View = nothing) -> View:
    """A view whose work is `around` what it records."""
    response = HttpResponse()

    def view(request: WSGIRequest) -> HttpResponse:
        with around(request.user):
            record(request)
        return response

    return view


def quiet_trial(client: Posthog, around: Around, *, records: bool = True) -> Trial:
    """Nothing is sent meanwhile, neither by our thread nor by the SDK's."""
    capture = partial(captured, client) if records else nothing
    track = events.track if records else nothing
    return Trial(
        Side(page(around)),
        Side(PosthogContextMiddleware(page(around, capture)), prepare=partial(forget, client)),
        Side(AnalyticsMiddleware(page(around, track))),
    )


def whole_trial(client: Posthog) -> Trial:
    """What is recorded is delivered, too."""
    capture, flush = partial(captured, client), partial(client.flush, None)
    return Trial(
        Side(page(own_transaction)),
        Side(PosthogContextMiddleware(page(own_transaction, capture)), flush),
        Side(AnalyticsMiddleware(page(own_transaction, events.track)), delivery.deliver),
    )


def sdk(name: str, *, threads: int) -> Posthog:
    """The SDK's client, whose queue has room for all."""
    host = conf.get().POSTHOG_HOST
    return Posthog(f"phc_{name}", host=host, max_queue_size=10**9, thread=threads)


def captured(client: Posthog, _request: WSGIRequest) -> None:
    assert client.capture("work.done", properties={"number": 5})


def forget(client: Posthog) -> None:
    """Empty the queue, which nobody else does where the SDK has no thread."""
    for _ in range(client.queue.qsize()):
        client.queue.get_nowait()
        client.queue.task_done()


def main() -> None:
    """Print the figures."""
    user = User.objects.get(username="worker")
    with override_settings(ANALYTICS={**settings.ANALYTICS, "DELIVERY_THREAD": False}):
        whole = whole_figure(user)
        events.fill(user, events.example(user), WAITING)
        print(dumps([*quiet_figures(user, sdk("quiet", threads=0)), whole]))


def quiet_figures(user: User, client: Posthog) -> Iterator[Figure]:
    def compare(trial: Trial, block: int) -> Comparison:
        return trial.compare(user, ROUNDS, block, time.perf_counter)

    inside = compare(quiet_trial(client, own_transaction), BLOCK)
    yield inside.figure("a request with an event, in the caller's transaction", "<= 0.8")
    outside = compare(quiet_trial(client, autocommit), BLOCK)
    yield outside.figure("a request with an event, in autocommit", "<= 1.0")
    plain = compare(quiet_trial(client, autocommit, records=False), PLAIN_BLOCK)
    yield plain.figure("a request that records nothing", "<= 0.1")
    forget(client)


def whole_figure(user: User) -> Figure:
    trial = whole_trial(sdk("whole", threads=1))
    compared = trial.compare(user, WHOLE_ROUNDS, WHOLE_BLOCK, time.process_time)
    return compared.figure("CPU time of a request with an event, delivery included")
