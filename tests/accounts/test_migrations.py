"""The table of the shared cache comes with the migrations."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import connection

shared_cache: Any = import_module("accounts.migrations.0002_shared_cache")


def test_the_cache_works_after_migrate(db: None) -> None:
    cache.set("key", {"value": 1})

    assert cache.get("key") == {"value": 1}


@pytest.mark.django_db(transaction=True)
def test_it_is_made_once_and_can_be_taken_back() -> None:
    with connection.schema_editor() as editor:
        shared_cache.create_table(apps, editor)  # stands already
    with connection.schema_editor() as editor:
        shared_cache.drop_table(apps, editor)
    assert "cache" not in connection.introspection.table_names()

    with connection.schema_editor() as editor:
        shared_cache.create_table(apps, editor)

    assert "cache" in connection.introspection.table_names()
