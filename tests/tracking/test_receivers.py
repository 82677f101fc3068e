import pytest

from tracking.models import TimeEntry
from tracking.services import start_timer

pytestmark = pytest.mark.django_db


def test_the_timer_of_a_person_who_leaves_stops(bob, charlie):
    start_timer(bob)
    start_timer(charlie)

    bob.is_active = False
    bob.save()

    assert TimeEntry.objects.get(ended_at=None).user == charlie


def test_the_timer_of_everybody_else_goes_on(bob):
    start_timer(bob)

    bob.first_name = "Bob"
    bob.save()

    assert TimeEntry.objects.get().running
