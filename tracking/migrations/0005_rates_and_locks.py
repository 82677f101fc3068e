"""Rates with the days from which they hold, in the place of the one of a project; locked time."""

from datetime import date
from decimal import Decimal

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import OuterRef, Subquery

SINCE = date(2000, 1, 1)  # since nobody enters earlier time


def move(apps, schema_editor):
    """A project's rate held for all of its time, and so it applied to it."""
    rates = apps.get_model("tracking", "Rate").objects
    projects = apps.get_model("tracking", "Project").objects.exclude(hourly_rate=None)
    rates.bulk_create(
        rates.model(project=project, since=SINCE, cents=int(project.hourly_rate * 100))
        for project in projects
    )
    applying = rates.filter(project=OuterRef("project")).values("cents")[:1]
    entries = apps.get_model("tracking", "TimeEntry").objects
    entries.filter(project__in=projects).update(rate_cents=Subquery(applying))


class Migration(migrations.Migration):

    dependencies = [
        ("tracking", "0004_timesheet_rows"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Lock',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('until', models.DateField(blank=True, help_text='The last day that nobody but an admin changes; empty: nothing is locked.', null=True, verbose_name='locked up to')),
                ('locked_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='locked')),
            ],
            options={
                'verbose_name': 'lock',
                'verbose_name_plural': 'locks',
                'ordering': ['-pk'],
                'get_latest_by': 'pk',
            },
        ),
        migrations.CreateModel(
            name='Rate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateField(help_text='The first day for which it holds.', verbose_name='from')),
                ('cents', models.PositiveBigIntegerField(help_text='Hundredths of the currency, so that sums are exact.', validators=[django.core.validators.MaxValueValidator(1000000000)], verbose_name='cents per hour')),
            ],
            options={
                'verbose_name': 'rate',
                'verbose_name_plural': 'rates',
                'ordering': ['project', 'user', 'client', '-since'],
            },
        ),
        migrations.RemoveIndex(
            model_name='timeentry',
            name='tracking_entry_project_sum',
        ),
        migrations.AddField(
            model_name='timeentry',
            name='rate_cents',
            field=models.PositiveBigIntegerField(editable=False, help_text='Cents per hour, the rate that applied; empty: there was none.', null=True, verbose_name='rate'),
        ),
        migrations.AlterField(
            model_name='project',
            name='budget_money',
            field=models.DecimalField(blank=True, decimal_places=2, help_text='Counts billable time at the rates that are kept with it.', max_digits=10, null=True, validators=[django.core.validators.MinValueValidator(Decimal("0.01"), 'More than zero, or empty.')], verbose_name='budget in money'),
        ),
        migrations.AddField(
            model_name='lock',
            name='user',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='locked by'),
        ),
        migrations.AddField(
            model_name='rate',
            name='client',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='rates', to='tracking.client', verbose_name='client'),
        ),
        migrations.AddField(
            model_name='rate',
            name='project',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='rates', to='tracking.project', verbose_name='project'),
        ),
        migrations.AddField(
            model_name='rate',
            name='user',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='member'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('client', None), models.Q(('project', None), ('user', None)), _connector='OR'), name='tracking_rate_client_alone', violation_error_message='A rate of a client names no project and no member.'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.UniqueConstraint(condition=models.Q(('client', None)), fields=('user', 'project', 'since'), name='tracking_rate_once_user_project', violation_error_message='There is a rate from this day on already.'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.UniqueConstraint(condition=models.Q(('client', None), ('user', None)), fields=('project', 'since'), name='tracking_rate_once_project', violation_error_message='There is a rate from this day on already.'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.UniqueConstraint(condition=models.Q(('client', None), ('project', None)), fields=('user', 'since'), name='tracking_rate_once_user', violation_error_message='There is a rate from this day on already.'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.UniqueConstraint(condition=models.Q(('project', None), ('user', None)), fields=('client', 'since'), name='tracking_rate_once_client', violation_error_message='There is a rate from this day on already.'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.UniqueConstraint(condition=models.Q(('client', None), ('project', None), ('user', None)), fields=('since',), name='tracking_rate_once_installation', violation_error_message='There is a rate from this day on already.'),
        ),
        migrations.RunPython(move, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='project',
            name='hourly_rate',
        ),
    ]
