"""What older rows are filled with."""

from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tracking.models import Rate, TimeEntry

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


@pytest.fixture
def before_rates(transactional_db):
    """The models as they were when a project had one rate; the database is as now afterwards."""
    executor = MigrationExecutor(connection)
    latest = executor.loader.graph.leaf_nodes()
    yield executor.migrate([("tracking", "0004_timesheet_rows")]).apps
    executor = MigrationExecutor(connection)
    executor.migrate(latest)


@pytest.mark.slow
def test_the_rate_of_a_project_holds_for_all_of_its_time(before_rates):
    def model(name: str) -> Any:
        return before_rates.get_model("tracking", name).objects

    person = before_rates.get_model("accounts", "User").objects.create(username="bob")
    shop = model("Project").create(name="Shop", hourly_rate="85.50", budget_money=900)
    garden = model("Project").create(name="Garden")
    for number, project in enumerate([shop, garden, None], 1):
        model("TimeEntry").create(
            user=person, project=project, started_at=EIGHT, ended_at=EIGHT, day=EIGHT.date(),
            seconds=number,
        )  # fmt: skip

    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())

    assert list(Rate.objects.values_list("project", "user", "client", "since", "cents")) == [
        (shop.pk, None, None, date(2000, 1, 1), 8550)
    ]
    rows = TimeEntry.objects.order_by("seconds").values_list("seconds", "rate_cents")
    assert list(rows) == [(1, 8550), (2, None), (3, None)]
