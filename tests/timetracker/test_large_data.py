from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Max, Min
from django.utils import timezone

from accounts.models import User
from tracking.models import Project, Rate, Task, TimeEntry
from tracking.services.rates import revalue

pytestmark = pytest.mark.django_db


def load(**options: int) -> str:
    out = StringIO()
    call_command("load_large_data", stdout=out, **options)
    return out.getvalue()


def test_it_fills_an_empty_database_and_shows_how_far_it_is():
    said = load(people=3, projects=12, entries=700)

    assert "700 of 700 entries" in said
    assert (User.objects.count(), Project.objects.count(), Task.objects.count()) == (3, 12, 24)
    entries = TimeEntry.objects.all()
    assert entries.count() == 700
    assert not entries.filter(seconds=None).exists()
    assert entries.filter(tags__isnull=False).distinct().count() == 140
    days = entries.aggregate(first=Min("day"), last=Max("day"))
    assert 720 <= (days["last"] - days["first"]).days <= 731
    assert entries.filter(ended_at__gt=timezone.now()).count() == 0


def test_each_entry_keeps_the_rate_that_applies():
    load(people=10, projects=20, entries=600)
    kept = dict(TimeEntry.objects.values_list("pk", "rate_cents"))

    revalue(TimeEntry.objects.all())

    assert dict(TimeEntry.objects.values_list("pk", "rate_cents")) == kept
    assert None not in kept.values()
    assert len({*kept.values()}) > 20
    assert {(bool(r.user), bool(r.project), bool(r.client)) for r in Rate.objects.all()} == {
        *((True, True, False), (False, True, False), (True, False, False)),
        *((False, False, True), (False, False, False)),
    }


def test_nobody_can_sign_in_with_a_password_there():
    load(people=2, projects=1, entries=0)

    assert not any(user.has_usable_password() for user in User.objects.all())


def test_it_leaves_a_database_with_accounts_alone(bob):
    with pytest.raises(CommandError, match="This database has accounts"):
        load(people=1, projects=1, entries=1)

    assert not TimeEntry.objects.exists()


def test_it_needs_somebody_and_something_to_do():
    with pytest.raises(CommandError, match="at least one person"):
        load(people=0, projects=1, entries=1)
