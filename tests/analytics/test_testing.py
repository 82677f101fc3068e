"""What a project's own tests use: `captured_events`, in its forms."""

import unittest
import uuid

import pytest
from django.core.management import call_command
from django.db import transaction
from django.test import TestCase

import analytics
from analytics import conf, delivery
from analytics.models import Event
from analytics.testing import CapturedEvent, captured_events
from analytics.testing_pytest import captured_events as fixture

pytestmark = pytest.mark.django_db
captured = fixture  # the fixture's other name here: the context manager is tested beside it


def export(person, **properties):
    return analytics.track_event(person.pk, "feature.used", {"feature_name": "export"} | properties)


class TestBlock:
    def test_it_sees_what_is_recorded_in_it(self, bob):
        export(bob, format="xlsx")
        with captured_events() as events:
            assert len(events) == 0
            event_uuid = export(bob, format="csv")
            assert len(events) == 1
        export(bob, format="pdf")

        (event,) = events
        assert isinstance(event, CapturedEvent)
        assert (event.name, event.uuid) == ("feature.used", event_uuid)
        assert event.properties["format"] == "csv"
        assert event.distinct_id == str(bob.pk)

    def test_it_sees_persons_too(self, bob):
        with captured_events() as events:
            analytics.identify_user(bob.pk, {"$set": {"plan": "pro"}})

        assert events.names == ["$set"]
        assert events.only("$set").properties["$set"] == {"plan": "pro"}

    def test_it_does_not_see_what_was_rolled_back(self, bob):
        def fail():
            export(bob)
            raise RuntimeError

        with captured_events() as events, pytest.raises(RuntimeError), transaction.atomic():
            fail()

        assert list(events) == []

    def test_it_sees_nothing_of_somebody_who_does_not_share(self, bob):
        bob.share_analytics = False
        bob.save()
        with captured_events() as events:
            export(bob)

        assert events.names == []

    def test_it_sends_nothing_whatever_is_asked_for(self, bob, analytics_on, posthog):
        analytics_on(DELIVERY_THREAD=True)
        with captured_events():
            export(bob)
            assert conf.get().DELIVERY_THREAD is False
            delivery.deliver()
            call_command("deliver_events", "--once")

        assert posthog.connections == 0
        assert conf.get().DELIVERY_THREAD is True

    def test_it_puts_the_settings_back_after_an_error(self, bob, settings):
        before = dict(settings.ANALYTICS)

        def fail():
            assert conf.get().BACKEND != conf.POSTHOG_BACKEND
            raise RuntimeError

        with pytest.raises(RuntimeError), captured_events():
            fail()

        assert dict(settings.ANALYTICS) == before
        assert conf.get().BACKEND == conf.POSTHOG_BACKEND

    def test_blocks_nest(self, bob):
        with captured_events() as outer:
            export(bob)
            with captured_events() as inner:
                export(bob)

        assert (len(outer), len(inner)) == (2, 1)

    def test_it_works_without_any_setting(self, bob, settings):
        del settings.ANALYTICS
        with captured_events() as events:
            export(bob)

        assert events.names == ["feature.used"]


@pytest.mark.django_db(transaction=True)
class TestCommitted:
    def test_it_starts_no_thread(self, bob, analytics_on, posthog):
        analytics_on(DELIVERY_THREAD=True)
        before = delivery._worker._thread
        with captured_events() as events:
            export(bob)

        assert events.names == ["feature.used"]
        assert delivery._worker._thread is before
        assert posthog.connections == 0


class TestQuestions:
    def test_it_finds_by_name(self, bob, captured):
        export(bob, format="csv")
        analytics.track_event(bob.pk, "auth.logout")
        export(bob, format="pdf")

        assert captured.names == ["feature.used", "auth.logout", "feature.used"]
        found = [event.properties["format"] for event in captured.named("feature.used")]
        assert found == ["csv", "pdf"]
        assert captured.only("auth.logout") == captured[1]
        assert captured[:2] == list(captured)[:2]
        assert captured.named("timer.started") == []

    def test_it_finds_by_person(self, bob, charlie, captured):
        export(bob)
        export(charlie)
        export(charlie)

        assert len(captured.of(bob)) == 1
        assert len(captured.of(charlie.pk)) == 2

    def test_it_finds_persons_whose_keys_are_numbers(self, settings, captured):
        settings.ANALYTICS = {**settings.ANALYTICS, "CONSENT_FIELD": ""}
        analytics.track_event(7, "auth.logout")

        assert len(captured.of(7)) == 1
        assert captured.of(8) == []
        assert uuid.UUID(captured[0].distinct_id)

    def test_it_asserts_what_was_recorded(self, bob, captured):
        export(bob, format="csv")

        event = captured.assert_recorded("feature.used", {"format": "csv"}, user=bob)
        assert event.properties["environment"] == "test"
        captured.assert_not_recorded("auth.login")


class TestFailures:
    """What is said to the person whose test has failed."""

    def fails(self, ask, *arguments, **keywords):
        with pytest.raises(AssertionError) as failure:
            ask(*arguments, **keywords)
        return str(failure.value)

    def test_nothing_was_recorded(self, captured):
        said = self.fails(captured.assert_recorded, "auth.login")

        assert said == "'auth.login' was not recorded. Nothing was recorded."

    def test_something_else_was_recorded(self, bob, captured):
        export(bob, format="pdf")
        said = self.fails(captured.assert_recorded, "feature.used", {"format": "csv"})

        first, second = said.splitlines()
        assert first == "'feature.used' with {'format': 'csv'} was not recorded. Recorded: "
        assert second.startswith("  feature.used {")
        assert "'format': 'pdf'" in second
        assert second.endswith(f"of {bob.pk}")

    def test_it_was_somebody_else(self, bob, charlie, captured):
        export(bob)
        said = self.fails(captured.assert_recorded, "feature.used", user=charlie)

        assert said.startswith(f"'feature.used' of {charlie!r} was not recorded. Recorded: ")

    def test_a_property_that_is_missing_is_not_one_that_is_none(self, bob, captured):
        export(bob)

        assert "was not recorded" in self.fails(
            captured.assert_recorded, "feature.used", {"format": None}
        )

    def test_there_is_not_the_only_one(self, bob, captured):
        assert self.fails(captured.only, "feature.used").startswith(
            "'feature.used' was recorded never, not once."
        )
        export(bob)
        export(bob)
        assert self.fails(captured.only, "feature.used").startswith(
            "'feature.used' was recorded twice, not once."
        )

    def test_it_should_not_have_been_recorded(self, bob, captured):
        for _ in range(3):
            export(bob)

        assert self.fails(captured.assert_not_recorded, "feature.used").startswith(
            "'feature.used' was recorded 3 times."
        )

    def test_comparing_shows_what_there_is(self, bob, captured):
        export(bob)

        assert "feature.used {" in repr(captured)


class TestFixture:
    def test_a_test_may_change_the_settings_afterwards(self, bob, captured, analytics_on):
        analytics_on(ENVIRONMENT="staging")
        export(bob)

        assert captured.only("feature.used").properties["environment"] == "staging"
        assert conf.get().BACKEND == "analytics.backends.locmem.LocmemBackend"

    def test_all_is_undone_after_the_test_before(self):
        assert conf.get().BACKEND == conf.POSTHOG_BACKEND
        assert not Event.objects.exists()


class TestDjangosTestCase(TestCase):
    """Django's own runner and transaction, as a project without pytest has them."""

    def test_it_sees_events_within_the_tests_transaction(self) -> None:
        user = self._user()
        with captured_events() as events:
            export(user)
        events.assert_recorded("feature.used", user=user)

    async def test_it_works_in_async_tests(self) -> None:
        user = await self._auser()
        async with captured_events() as events:
            await analytics.atrack_event(user.pk, "feature.used", {"feature_name": "export"})
        assert events.names == ["feature.used"]

    def _user(self):
        from accounts.models import User

        return User.objects.create_user("dora", "dora@example.org")

    async def _auser(self):
        from accounts.models import User

        return await User.objects.acreate(username="dora", email="dora@example.org")


def test_the_context_manager_needs_no_pytest():
    import analytics.testing as module

    assert "pytest" not in vars(module)
    assert issubclass(TestDjangosTestCase, unittest.TestCase)
