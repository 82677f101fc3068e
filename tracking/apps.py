"""The time tracker itself."""

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class TrackingConfig(AppConfig):
    """Clients, projects, tasks, time entries."""

    name = "tracking"
    verbose_name = _("Time tracking")

    def ready(self) -> None:
        """Listen to people who leave, and to migrations."""
        from tracking import receivers

        receivers.connect()
        post_migrate.connect(count_rows, sender=self, dispatch_uid="tracking.count_rows")


def count_rows(*, using: str, **_kwargs: Any) -> None:
    """Let SQLite learn how its rows spread, of a thousand of each index, as PostgreSQL does itself.

    With that it finds the sums of projects and people in the index that is in their order, which
    made reports of a year several times as quick. It runs at each start, after the migrations.
    """
    connection = connections[using]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA analysis_limit = 1000")
            cursor.execute("ANALYZE")
