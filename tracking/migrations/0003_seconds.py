"""Fill what is kept beside start and end; time on projects is billable, as projects now are."""

from django.db import migrations

ROWS = 5000  # a statement


def fill(apps, schema_editor):
    """Count the seconds in Python: a difference of moments differs between databases."""
    entries = apps.get_model("tracking", "TimeEntry").objects
    entries.exclude(project=None).update(billable=True)
    last = 0
    while rows := list(
        entries.filter(pk__gt=last).exclude(ended_at=None).order_by("pk")[:ROWS]
    ):
        for row in rows:
            row.seconds = int((row.ended_at - row.started_at).total_seconds())
        entries.bulk_update(rows, ["seconds"], batch_size=500)
        last = rows[-1].pk


class Migration(migrations.Migration):

    dependencies = [("tracking", "0002_tags_budgets_members")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
