"""What machines ask: does the process answer, may it be sent people, how does it do.

Load balancers and Prometheus ask a process by its address, over plain HTTP. So these answers come
before all that looks at the host, opens a session or records anything, and lead to no HTTPS
(`SECURE_REDIRECT_EXEMPT`).
"""

from collections.abc import Callable

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.deprecation import MiddlewareMixin
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from timetracker import metrics

_migrated = False


@never_cache
@require_safe
def live(_request: HttpRequest) -> HttpResponse:
    """The process answers; it asks nobody else."""
    return JsonResponse({"status": "alive"})


@never_cache
@require_safe
def ready(_request: HttpRequest) -> HttpResponse:
    """The database answers and has the schema of this version: 200; else 503 and what is wrong."""
    why = trouble()
    if why is None:
        return JsonResponse({"status": "ready"})
    return JsonResponse({"status": "not ready", "why": why}, status=503)


def trouble() -> str | None:
    """Why people should not be sent here, in words without a secret; None where they may be."""
    global _migrated
    try:
        # To read all migrations takes long; what is applied stays so while this process lives.
        if not _migrated and (missing := unapplied()):
            return f"Unapplied migrations: {len(missing)}. Run `manage.py migrate`."
        _migrated = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")
    except Error as error:
        return f"The database does not answer ({type(error).__name__})."
    return None


def unapplied() -> list[str]:
    """The migrations that the database lacks, such as "tracking.0008_imports"."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "healthz": live,
    "readyz": ready,
    "metrics": metrics.page,
}


class ProbeMiddleware(MiddlewareMixin):
    """Answers the probes before any other middleware can."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """The answer, where a probe is asked for."""
        probe = PROBES.get(request.path_info.removeprefix("/"))
        try:
            return None if probe is None else probe(request)
        except Http404:
            return None  # the site says so, as of any page that there is not
