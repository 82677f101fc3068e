"""Figures for Prometheus, for whoever has the token.

Under gunicorn the figures are those of all its workers since it was started: each writes into a
folder that `gunicorn.py` makes. Under another server each process counts for itself.
"""

import os
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import Error, connection
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from analytics import telemetry
from analytics.models import Erasure

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the library's name
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds
KEEP = 300  # seconds; to count a million events takes SQLite or PostgreSQL half a second

REQUESTS = Counter("timetracker_requests", "Requests.", ["route", "status"], registry=None)
SECONDS = Histogram(
    "timetracker_request_duration_seconds",
    "Time until the answer begins.",
    ["route"],
    buckets=BUCKETS,
    registry=None,
)


class MetricsMiddleware:
    """Counts requests by the name of their route, which holds nothing of what people typed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.METRICS_TOKEN:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Handle a request, and count it."""
        began = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        route = "none" if match is None else match.view_name or "unnamed"
        REQUESTS.labels(route, response.status_code).inc()
        SECONDS.labels(route).observe(time.perf_counter() - began)
        return response


@never_cache
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The figures; without the token's header 401, and no such page where no token is set."""
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}"):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _registry() -> CollectorRegistry:
    """What is shown: the requests of all processes, and how the database and the events stand."""
    registry = CollectorRegistry()
    if FOLDER in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library's
    else:
        registry.register(REQUESTS)
        registry.register(SECONDS)
    registry.register(_EVENTS)
    return registry


class Counted(NamedTuple):
    """What was counted in the database at one time."""

    status: telemetry.Status
    erasures: dict[str, int]


class Events:
    """What the database says; asked when Prometheus asks; events are counted every five minutes."""

    def __init__(self) -> None:
        self._counted: Counted | None = None
        self._asked = 0.0

    def collect(self) -> Iterator[Metric]:
        """The figures; none but the first while the database is away or not migrated."""
        is_up = answers()
        up = "Whether the database answers."
        yield GaugeMetricFamily("timetracker_database_up", up, value=float(is_up))
        counted = self._now() if is_up else None
        if counted is None:
            return
        status = counted.status
        events = GaugeMetricFamily("timetracker_events", "Events kept, by state.", labels=["state"])
        for state in ("waiting", "delivered", "rejected", "local"):
            events.add_metric([state], getattr(status, state))
        yield events
        dropped = "Events, names and values that were left out or lost."
        yield CounterMetricFamily("timetracker_events_dropped", dropped, value=status.dropped)
        left = "Erased persons of whom PostHog has yet to be asked, by state."
        erasures = GaugeMetricFamily("timetracker_erasures", left, labels=["state"])
        for state, number in counted.erasures.items():
            erasures.add_metric([state], number)
        yield erasures

    def _now(self) -> Counted | None:
        if self._counted is None or time.monotonic() - self._asked > KEEP:
            try:
                self._counted, self._asked = count(), time.monotonic()
            except Error:
                return None
        return self._counted


def answers() -> bool:
    """Whether the database does."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return False
    return True


def count() -> Counted:
    """Count the events and the erasures now. Raises Django's `Error`."""
    erasures = Erasure.objects.aggregate(
        waiting=Count("pk", filter=Q(due_at__isnull=False)),
        refused=Count("pk", filter=Q(due_at__isnull=True)),
    )
    return Counted(telemetry.status(), erasures)


_EVENTS = Events()
