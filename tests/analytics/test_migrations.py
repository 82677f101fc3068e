"""A database that is in use takes the new schema with all that is in it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

OLD, NEW = [("analytics", "0001_initial")], [("analytics", "0002_bounded_outbox")]


@pytest.fixture
def migrations(transactional_db):
    """Whatever a test migrates to, the others find the newest state."""
    yield
    migrate(MigrationExecutor(connection).loader.graph.leaf_nodes())


def test_what_was_kept_as_local_only_ages_from_its_recording(migrations):
    old = migrate(OLD).get_model("analytics", "Event")
    recorded = timezone.now() - timedelta(days=200)
    for state in ("local", "waiting"):
        old.objects.create(event="a.b", distinct_id="x", state=state, timestamp=recorded)
    new = migrate(NEW).get_model("analytics", "Event")

    settled = dict(new.objects.values_list("state", "settled_at"))
    assert settled == {"local": recorded, "waiting": None}


def migrate(target):
    """Bring the database to a state; returns the models of that state."""
    executor = MigrationExecutor(connection)
    executor.migrate(target)
    return MigrationExecutor(connection).loader.project_state(target).apps
