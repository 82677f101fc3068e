"""Indexes from which sums are read; made anew on rows that are filled (PostgreSQL does no both)."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("tracking", "0005_rates_and_locks")]

    operations = [
        migrations.AddIndex(
            model_name='timeentry',
            index=models.Index(fields=['project', 'user', 'day', 'task', 'billable', 'rate_cents', 'seconds'], name='tracking_entry_project_sums'),
        ),
        migrations.AddIndex(
            model_name='timeentry',
            index=models.Index(fields=['day', 'project', 'user', 'task', 'billable', 'rate_cents', 'seconds'], name='tracking_entry_day_sums'),
        ),
    ]
