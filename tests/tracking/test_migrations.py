"""What older rows are filled with."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from tracking.models import TimeEntry

seconds: Any = import_module("tracking.migrations.0003_seconds")
EIGHT = datetime(2026, 5, 4, 8, tzinfo=UTC)


@pytest.mark.django_db
def test_it_counts_seconds_and_marks_time_on_projects_as_billable(bob, work, monkeypatch):
    monkeypatch.setattr(seconds, "ROWS", 2)
    for minutes in (1, 2, 3):
        TimeEntry.objects.create(
            user=bob, started_at=EIGHT, ended_at=EIGHT + timedelta(minutes=minutes)
        )
    TimeEntry.objects.create(user=bob, started_at=EIGHT, project=work.shop)
    TimeEntry.objects.update(seconds=None, billable=False)

    seconds.fill(apps, None)

    rows = TimeEntry.objects.order_by("pk").values_list("seconds", "billable")
    assert list(rows) == [(60, False), (120, False), (180, False), (None, True)]
