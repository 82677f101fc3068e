"""What would leave, to look at before it does: made by what records and sends, then taken back."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.db import transaction

from analytics import catalogue, outbox, telemetry
from analytics.backends.base import Outgoing
from analytics.catalogue import EventType

SOMEBODY = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"  # a person's id, of nobody


def samples() -> list[Outgoing]:
    """An event of each declared type but the pings, by name: as if done in the request in hand.

    The first, `$set`, is what is known of a person, with every property that is declared. Nothing
    is kept. Their person is `SOMEBODY`; before the first ping the installation's id is one that is
    not kept, either. Raises `UndeclaredError` in strict mode as recording does.
    """
    with transaction.atomic():
        before = outbox.newest_id()
        found = outbox.as_recorded([*_recorded()], before)
        transaction.set_rollback(True)
    return found


def _recorded() -> Iterator[UUID]:
    known = {"$set": catalogue.examples(catalogue.person_properties)}
    if uuid := outbox.insert_person(SOMEBODY, known, outbox.of_request()):
        yield uuid
    for name in sorted(catalogue.events.keys() - {*telemetry.PINGS}):
        if uuid := _record(catalogue.events[name]):
            yield uuid


def _record(declared: EventType) -> UUID | None:
    """Record an event with the values that its declaration gives as examples."""
    if declared.name == telemetry.TEST:
        return telemetry.insert_test()
    if declared.of_nobody:
        return outbox.insert_of_nobody(
            declared.name, catalogue.examples(declared.properties), outbox.of_request()
        )
    return outbox.insert_of_person(SOMEBODY, declared.name, catalogue.examples(declared.properties))
