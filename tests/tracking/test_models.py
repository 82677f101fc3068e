from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from tracking.models import Client, Project, Task, TimeEntry

pytestmark = pytest.mark.django_db
EIGHT = datetime(2026, 5, 4, 8, tzinfo=UTC)


def test_it_keeps_the_day_in_the_zone_of_the_person(bob):
    bob.time_zone = "Pacific/Auckland"
    bob.save()

    entry = TimeEntry.objects.create(user=bob, started_at=datetime(2026, 5, 4, 13, tzinfo=UTC))

    entry.refresh_from_db()
    assert entry.day.isoformat() == "2026-05-05"


def test_it_moves_the_day_with_the_start(bob):
    entry = TimeEntry.objects.create(user=bob, started_at=EIGHT)
    entry.started_at -= timedelta(days=1)
    entry.save(update_fields=["started_at"])

    entry.refresh_from_db()
    assert entry.day.isoformat() == "2026-05-03"


def test_it_keeps_the_day_when_the_person_moves_and_stops_the_timer(bob):
    entry = TimeEntry.objects.create(user=bob, started_at=EIGHT)
    bob.time_zone = "Pacific/Pago_Pago"
    bob.save()
    entry.ended_at = EIGHT + timedelta(hours=1)
    entry.save(update_fields=["ended_at"])

    entry.refresh_from_db()
    assert entry.day.isoformat() == "2026-05-04"


def test_it_refuses_a_second_running_timer(bob):
    TimeEntry.objects.create(user=bob, started_at=EIGHT)

    with pytest.raises(IntegrityError), transaction.atomic():
        TimeEntry.objects.create(user=bob, started_at=EIGHT)


def test_it_refuses_an_end_before_the_start(bob):
    with pytest.raises(IntegrityError), transaction.atomic():
        TimeEntry.objects.create(user=bob, started_at=EIGHT, ended_at=EIGHT - timedelta(seconds=1))


def test_it_refuses_a_task_of_another_project(bob, work):
    entry = TimeEntry(user=bob, started_at=EIGHT, project=work.garden, task=work.checkout)

    with pytest.raises(ValidationError) as caught:
        entry.full_clean(exclude=["day"])
    assert caught.value.message_dict == {"task": ["This task belongs to another project."]}


def test_it_offers_neither_archived_projects_nor_those_of_archived_clients(work):
    Project.objects.create(name="Old", archived=True)
    former = Client.objects.create(name="Former", archived=True)
    site = Project.objects.create(name="Site", client=former)
    Task.objects.create(project=site, name="Design")
    Task.objects.create(project=work.shop, name="Launch", done=True)

    assert list(Project.objects.active().by_client()) == [work.shop, work.garden]
    assert list(Task.objects.open()) == [work.checkout]


@pytest.mark.parametrize("color", ["red", "#12345", "#1234567", "#ABCDEF", "#12345g", '#12345"\n'])
def test_it_refuses_what_is_no_colour(color):
    with pytest.raises(ValidationError) as caught:
        Project(name="Shop", color=color).full_clean()
    assert "color" in caught.value.message_dict


def test_it_speaks_of_itself_by_name(bob, work):
    entry = TimeEntry(user=bob, started_at=EIGHT)

    assert [str(work.client), str(work.shop), str(work.checkout), str(entry)] == [
        "Aurora Coffee",
        "Online shop",
        "Checkout",
        "Time entry",
    ]
