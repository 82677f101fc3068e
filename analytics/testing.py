"""What a project's own tests use: `captured_events()`, and a contract for its own backends.

    with captured_events() as events:
        client.post("/export/")
    events.assert_recorded("feature.used", {"feature_name": "export"}, user=alice)

Needs neither pytest nor a network. The pytest fixture stands in `analytics.testing_pytest`.
"""

# ruff: noqa: D102 - the names of the contract's tests say what they show

from __future__ import annotations

import json
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, overload
from unittest import SkipTest

from asgiref.sync import sync_to_async
from django.conf import settings
from django.test.utils import override_settings

from analytics.backends.base import NO_ADDRESS, Outgoing

if TYPE_CHECKING:
    from analytics.backends.base import Backend

__all__ = ["BackendContract", "CapturedEvent", "CapturedEvents", "captured_events"]


@dataclass(frozen=True)
class CapturedEvent:
    """An event that was recorded."""

    name: str
    distinct_id: str
    properties: Mapping[str, Any]
    uuid: uuid.UUID = field(repr=False)
    timestamp: datetime = field(repr=False)

    def is_of(self, user: Any) -> bool:
        """Whether the event is of this person: a user, or a user's primary key."""
        from analytics import identity

        return self.distinct_id == identity.distinct_id(getattr(user, "pk", user))

    def has(self, properties: Mapping[str, Any]) -> bool:
        """Whether all of these stand on the event; it may carry more, such as the context."""
        return all(
            name in self.properties and self.properties[name] == value
            for name, value in properties.items()
        )


class CapturedEvents(Sequence[CapturedEvent]):
    """What has been recorded since a moment, oldest first; grows until it is closed.

    An event that was rolled back with its transaction was not recorded.
    """

    def __init__(self) -> None:
        from analytics.models import Event

        self._before = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0
        self._closed: list[CapturedEvent] | None = None

    def close(self) -> None:
        """Keep what there is; what is recorded from now on is not seen."""
        self._closed = self._now()

    def _now(self) -> list[CapturedEvent]:
        from analytics.models import Event

        if self._closed is not None:
            return self._closed
        rows = Event.objects.filter(id__gt=self._before).order_by("id")
        return [
            CapturedEvent(row.event, row.distinct_id, row.properties, row.uuid, row.timestamp)
            for row in rows
        ]

    def __len__(self) -> int:
        return len(self._now())

    @overload
    def __getitem__(self, index: int) -> CapturedEvent: ...
    @overload
    def __getitem__(self, index: slice) -> list[CapturedEvent]: ...
    def __getitem__(self, index: int | slice) -> CapturedEvent | list[CapturedEvent]:
        return self._now()[index]

    def __repr__(self) -> str:
        return listed(self._now())

    @property
    def names(self) -> list[str]:
        """The names of all events; persons and groups are `$set` and `$groupidentify`."""
        return [event.name for event in self._now()]

    def named(self, name: str) -> list[CapturedEvent]:
        """The events of a name."""
        return [event for event in self._now() if event.name == name]

    def of(self, user: Any) -> list[CapturedEvent]:
        """The events of a person: a user, or a user's primary key."""
        return [event for event in self._now() if event.is_of(user)]

    def only(self, name: str) -> CapturedEvent:
        """The one event of a name. Raises `AssertionError` where there is none or another one."""
        found = self.named(name)
        if len(found) != 1:
            raise AssertionError(f"{name!r} was recorded {times(len(found))}, not once. {self!r}")
        return found[0]

    def assert_recorded(
        self, name: str, properties: Mapping[str, Any] | None = None, *, user: Any = None
    ) -> CapturedEvent:
        """The first event of a name that carries these properties, and is of this person.

        Raises `AssertionError`, which lists what was recorded, where there is none.
        """
        wanted = properties or {}
        for event in self.named(name):
            if event.has(wanted) and (user is None or event.is_of(user)):
                return event
        what = f"{name!r}" + (f" with {dict(wanted)!r}" if wanted else "")
        whose = f" of {user!r}" if user is not None else ""
        raise AssertionError(f"{what}{whose} was not recorded. {self!r}")

    def assert_not_recorded(self, name: str) -> None:
        """Raises `AssertionError` where an event of this name was recorded."""
        if found := self.named(name):
            raise AssertionError(f"{name!r} was recorded {times(len(found))}. {self!r}")


def listed(events: Iterable[CapturedEvent]) -> str:
    """The events, one a line, for a person who looks for a mistake."""
    lines = [
        f"\n  {event.name} {dict(event.properties)} of {event.distinct_id}" for event in events
    ]
    return f"Recorded: {''.join(lines)}" if lines else "Nothing was recorded."


def times(count: int) -> str:
    """A count in words."""
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def without_delivery() -> dict[str, Any]:
    """The project's `ANALYTICS`, in which nothing is sent: no thread, and a backend in memory."""
    given: Mapping[str, Any] = getattr(settings, "ANALYTICS", {})
    backend = "analytics.backends.locmem.LocmemBackend"
    return {**given, "BACKEND": backend, "DELIVERY_THREAD": False}


class captured_events:  # noqa: N801 - reads as a function, as Django's override_settings does
    """Context manager: what is recorded in the block, as `CapturedEvents`. Nothing is sent.

    Works in a `TestCase`'s transaction. In async tests `async with` it, and look at the events
    after the block. Everything else is as in production: consent counts, and what is undeclared
    raises only where `ANALYTICS["STRICT"]` is on.
    """

    def __enter__(self) -> CapturedEvents:
        self._settings = override_settings(ANALYTICS=without_delivery())
        self._settings.enable()
        try:
            self._events = CapturedEvents()
        except BaseException:
            self._settings.disable()
            raise
        return self._events

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._settings.disable()
        if error is None:  # after an error the connection may be unable to answer
            self._events.close()

    async def __aenter__(self) -> CapturedEvents:
        return await sync_to_async(self.__enter__)()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await sync_to_async(self.__exit__)(kind, error, traceback)


class BackendContract(ABC):
    """What every backend promises. A project tries its own one by subclassing this:

        class TestMyBackend(BackendContract):
            def backend(self): return MyBackend(Config(POSTHOG_API_KEY="k"))
            def received(self): return the_peer.messages

    Runs under pytest as it is, and under unittest beside `django.test.SimpleTestCase`.
    """

    @abstractmethod
    def backend(self) -> Backend:
        """The backend, whose peer is there."""

    @abstractmethod
    def received(self) -> list[dict[str, Any]]:
        """What its peer has got in this test, oldest first, in the form of `base.message`."""

    def broken(self) -> Backend | None:
        """The backend with a peer that is away; None where it has no peer."""
        return None

    def event(self, name: str = "contract.tried", **properties: Any) -> Outgoing:
        """An event that is not in the database."""
        moment = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
        key = str(uuid.uuid4())
        return Outgoing(0, uuid.uuid4(), name, key, moment, json.dumps(properties))

    def test_it_delivers_a_batch_in_its_order(self) -> None:
        events = [self.event(number=number) for number in range(3)]
        answer = self.backend().send(events)

        expect(answer.delivered, [event.uuid for event in events], "delivered")
        expect((answer.rejected, answer.error), ({}, ""), "rejected and error")
        expect(self._uuids(), [str(event.uuid) for event in events], "received")

    def test_it_takes_an_empty_batch(self) -> None:
        answer = self.backend().send([])

        expect((answer.delivered, answer.rejected, answer.error), ([], {}, ""), "the answer")

    def test_it_hands_over_who_what_and_when(self) -> None:
        event = self.event("contract.tried", flag=True)
        self.backend().send([event])

        (got,) = self.received()
        expect(got["event"], "contract.tried", "event")
        expect(got["distinct_id"], event.distinct_id, "distinct_id")
        expect(datetime.fromisoformat(got["timestamp"]), event.timestamp, "timestamp")
        expect(got["properties"]["flag"], True, "a property")

    def test_it_keeps_every_kind_of_value(self) -> None:
        values: dict[str, Any] = {
            "text": 'Grüße, 世界 🙂\n\u2028"\\',
            "flag": False,
            "count": 2**53,
            "number": 0.1,
            "nothing": None,
            "list": [1, "two", []],
            "$set": {"role": "admin"},
        }
        self.backend().send([self.event(**values)])

        got = self.received()[0]["properties"]
        for name, value in values.items():
            expect(got[name], value, name)

    def test_it_stores_no_address_and_asks_for_no_place(self) -> None:
        self.backend().send([self.event()])

        got = self.received()[0]["properties"]
        expect((got["$ip"], got["$geoip_disable"]), (NO_ADDRESS, True), "the address")

    def test_it_leaves_the_events_as_they_are(self) -> None:
        event = self.event(nested={"list": [1]})
        self.backend().send([event])

        expect(json.loads(event.properties), {"nested": {"list": [1]}}, "the event's properties")

    def test_a_replay_is_the_same_message(self) -> None:
        event = self.event(flag=True)
        for _ in range(2):
            answer = self.backend().send([event])
            expect(answer.delivered, [event.uuid], "delivered")

        first, second = self.received()
        expect(second, first, "the replay")

    def test_it_never_raises_and_loses_nothing_while_its_peer_is_away(self) -> None:
        broken = self.broken()
        if broken is None:
            raise SkipTest("This backend has no peer that could be away.")
        answer = broken.send([self.event(), self.event()])

        expect((answer.delivered, answer.rejected), ([], {}), "delivered and rejected")
        if not answer.error:
            raise AssertionError("The answer does not say why the events are to be tried again.")

    def _uuids(self) -> list[str]:
        return [message["uuid"] for message in self.received()]


def expect(found: object, wanted: object, what: str) -> None:
    """Raises `AssertionError`, in words, where two values differ."""
    if found != wanted:
        raise AssertionError(f"{what}: {found!r}, expected {wanted!r}")
