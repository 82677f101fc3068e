"""The table of the cache that all processes share: rate limits count in it."""

from typing import ClassVar

from django.core.management import call_command
from django.db import migrations

TABLE = "cache"


def create_table(apps, schema_editor):
    """Run Django's own command for it; a table that stands is left as it is."""
    call_command("createcachetable", TABLE, database=schema_editor.connection.alias, verbosity=0)


def drop_table(apps, schema_editor):
    """Nothing in a cache is worth keeping."""
    schema_editor.execute(f"DROP TABLE IF EXISTS {schema_editor.quote_name(TABLE)}")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0001_initial")]
    operations: ClassVar = [migrations.RunPython(create_table, drop_table)]
