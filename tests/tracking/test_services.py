from datetime import UTC, datetime, timedelta
from unittest.mock import call, patch

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from analytics.models import Event
from tracking.models import Task, TimeEntry
from tracking.services import TimerBusyError, start_timer, stop_timer

pytestmark = pytest.mark.django_db


class TestStart:
    def test_it_starts_a_timer_now(self, bob, work):
        before = timezone.now()

        entry = start_timer(
            bob, description="  Write tests ", project=work.shop, task=work.checkout
        )

        entry.refresh_from_db()
        assert (entry.user, entry.description) == (bob, "Write tests")
        assert (entry.project, entry.task) == (work.shop, work.checkout)
        assert before <= entry.started_at <= timezone.now()
        assert entry.ended_at is None

    def test_it_needs_no_description_and_no_project(self, bob):
        assert start_timer(bob).running

    def test_it_takes_the_project_from_the_task(self, bob, work):
        assert start_timer(bob, task=work.checkout).project == work.shop

    def test_it_stops_the_running_timer_at_the_same_instant(self, bob):
        first = start_timer(bob, description="first")
        second = start_timer(bob, description="second")

        first.refresh_from_db()
        assert first.ended_at == second.started_at
        assert TimeEntry.objects.get(ended_at=None) == second

    def test_it_leaves_the_timers_of_others_running(self, bob, charlie):
        hers = start_timer(charlie)
        start_timer(bob)

        hers.refresh_from_db()
        assert hers.running

    def test_it_never_ends_a_timer_before_its_start(self, bob):
        """The clock of another machine may be ahead."""
        ahead = timezone.now() + timedelta(minutes=5)
        first = TimeEntry.objects.create(user=bob, started_at=ahead)

        second = start_timer(bob)

        first.refresh_from_db()
        assert first.started_at == first.ended_at == second.started_at == ahead

    def test_it_records_what_was_filled_in_but_not_what(self, bob, work):
        start_timer(bob, description="Secret merger", project=work.shop, task=work.checkout)

        event = Event.objects.get()
        assert event.event == "timer.started"
        assert event.distinct_id == str(bob.pk)
        filled = {key: event.properties[key] for key in event.properties if key.startswith("has_")}
        assert filled == {"has_description": True, "has_project": True, "has_task": True}
        assert "Secret" not in str(event.properties)
        assert "Online shop" not in str(event.properties)

    def test_it_records_the_stop_of_the_timer_before(self, bob):
        start_timer(bob)
        start_timer(bob)

        names = list(Event.objects.order_by("pk").values_list("event", flat=True))
        assert names == ["timer.started", "timer.stopped", "timer.started"]

    @patch("analytics.track_event")
    def test_it_calls_track_event_through_the_module(self, track_event, bob, work):
        start_timer(bob, project=work.garden)

        assert track_event.mock_calls == [
            call(
                bob.pk,
                "timer.started",
                {"has_description": False, "has_project": True, "has_task": False},
            )
        ]

    @pytest.mark.parametrize("text", ["é" * 500, "🕰" * 500, "<script>alert(1)</script>"])
    def test_it_keeps_any_text_that_fits(self, bob, text):
        start_timer(bob, description=text)

        assert TimeEntry.objects.get().description == text


class TestStartRefuses:
    def refused(self, user, **given):
        with pytest.raises(ValidationError) as caught:
            start_timer(user, **given)
        assert not TimeEntry.objects.exists()
        assert not Event.objects.exists()
        return caught.value.message_dict

    def test_it_refuses_a_description_of_501_characters(self, bob):
        assert self.refused(bob, description="x" * 501) == {
            "description": ["The description has 501 characters; at most 500 fit. Shorten it."]
        }

    def test_it_refuses_an_archived_project(self, bob, work):
        work.shop.archived = True
        assert self.refused(bob, project=work.shop) == {
            "project": ["“Online shop” is archived. Choose another project."]
        }

    def test_it_refuses_a_project_of_an_archived_client(self, bob, work):
        work.client.archived = True
        assert "project" in self.refused(bob, project=work.shop)

    def test_it_refuses_a_task_of_another_project(self, bob, work):
        assert self.refused(bob, project=work.garden, task=work.checkout) == {
            "task": ["“Checkout” is no task of “Garden”. Choose another task."]
        }

    def test_it_refuses_a_task_that_is_done(self, bob, work):
        work.checkout.done = True
        assert self.refused(bob, task=work.checkout) == {
            "task": ["“Checkout” is done. Choose another task."]
        }

    def test_it_keeps_the_running_timer_when_it_refuses(self, bob):
        running = start_timer(bob)
        with pytest.raises(ValidationError):
            start_timer(bob, description="x" * 501)

        running.refresh_from_db()
        assert running.running

    @pytest.mark.django_db(transaction=True)
    def test_it_gives_up_with_a_sentence_when_the_database_always_refuses(self, bob, work):
        """A task that is gone by the time of the insert stands for any such refusal."""
        gone = Task.objects.create(name="Gone", project=work.garden)
        Task.objects.filter(pk=gone.pk).delete()

        with pytest.raises(TimerBusyError) as caught:
            start_timer(bob, task=gone)
        assert caught.value.messages == [
            "Your timer was changed elsewhere at the same moment. Try again."
        ]


class TestStop:
    def test_it_stops_the_timer_now(self, bob):
        start_timer(bob)

        stopped = stop_timer(bob)

        assert stopped is not None
        stopped.refresh_from_db()
        assert stopped.ended_at is not None
        assert timedelta() <= timezone.now() - stopped.ended_at < timedelta(seconds=5)

    def test_it_never_ends_a_timer_before_its_start(self, bob):
        """The clock of another machine may be ahead."""
        ahead = timezone.now() + timedelta(minutes=5)
        TimeEntry.objects.create(user=bob, started_at=ahead)

        stopped = stop_timer(bob)

        assert stopped is not None
        assert stopped.started_at == stopped.ended_at == ahead

    def test_it_returns_none_where_no_timer_runs(self, bob, charlie):
        start_timer(charlie)

        assert stop_timer(bob) is None
        assert Event.objects.filter(event="timer.stopped").count() == 0
        assert TimeEntry.objects.get().running

    @patch("analytics.track_event")
    def test_it_calls_track_event_through_the_module(self, track_event, bob, work):
        started_at = timezone.now() - timedelta(minutes=90, seconds=0.7)
        TimeEntry.objects.create(
            user=bob, description="x", project=work.shop, started_at=started_at
        )

        stop_timer(bob)

        (user_id, event, properties), _ = track_event.call_args
        seconds = properties.pop("duration_seconds")
        assert (user_id, event) == (bob.pk, "timer.stopped")
        assert isinstance(seconds, int)
        assert 5400 <= seconds <= 5402
        assert properties == {"has_description": True, "has_project": True, "has_task": False}

    def test_it_records_its_event_in_the_same_transaction(self, bob):
        start_timer(bob)
        with patch("tracking.services.timer.about", side_effect=KeyError), pytest.raises(KeyError):
            stop_timer(bob)

        assert TimeEntry.objects.get().running
        assert not Event.objects.filter(event="timer.stopped").exists()

    @pytest.mark.parametrize(
        ("started_at", "ended_at", "hours"),
        [
            # Europe/Berlin: an hour is left out on 29 March 2026, and comes twice on 25 October.
            (datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC), 23),
            (datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC), 25),
        ],
    )
    def test_it_counts_the_hours_of_a_day_of_another_length(self, bob, started_at, ended_at, hours):
        bob.time_zone = "Europe/Berlin"
        bob.save()
        entry = TimeEntry.objects.create(user=bob, started_at=started_at, ended_at=ended_at)

        assert entry.duration == timedelta(hours=hours)
        assert entry.day.isoformat() == ("2026-03-29" if hours == 23 else "2026-10-25")


def test_it_takes_part_in_the_transaction_of_the_caller(bob):
    """What fails afterwards takes entry and event with it."""

    @transaction.atomic
    def start_and_fail() -> None:
        start_timer(bob)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        start_and_fail()

    assert not TimeEntry.objects.exists()
    assert not Event.objects.exists()
