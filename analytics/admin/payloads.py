"""Events as they leave, for people's eyes: told by lines, and exactly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from django.db import Error as AnyDatabaseError
from django.utils.translation import gettext

from analytics import catalogue, patience
from analytics.backends.base import Outgoing, wire
from analytics.catalogue import UndeclaredError


class Payload(NamedTuple):
    """An event as a page shows it."""

    name: str
    sentence: str
    exact: str
    """To the byte what leaves."""
    pretty: str
    """The same, a line for each property."""


def payload(event: Outgoing) -> Payload:
    """An event as a page shows it."""
    exact = wire(event)
    pretty = json.dumps(json.loads(exact), indent=2, ensure_ascii=False)
    return Payload(event.event, sentence(event.event), exact, pretty)


def sentence(name: str) -> str:
    """What an event of this name says; empty where it is declared no more."""
    of_protocol = {
        "$set": gettext("What is known of a person, or of the installation."),
        "$groupidentify": gettext("What is known of a group of installations."),
    }
    declared = catalogue.events.get(name)
    return declared.sentence if declared else of_protocol.get(name, "")


def rehearsed(rehearse: Callable[[], Iterable[Outgoing]]) -> tuple[list[Payload], str]:
    """What a rehearsal makes, and why it makes nothing where it does not: in a sentence.

    It writes and takes back, for which the database must let it.
    """
    try:
        with patience.briefly():
            return [*map(payload, rehearse())], ""
    except UndeclaredError as error:
        return [], str(error)
    except AnyDatabaseError as error:  # its own words may name hosts and people
        patience.let_go(error)
        said = gettext("This cannot be shown now: the database takes no writes (%(error)s).")
        return [], said % {"error": type(error).__name__}


CHUNK = 1000  # events that a statement reads


def batch_file(rows: Iterable[Outgoing]) -> Iterator[str]:
    """A JSON object whose `batch` is what PostHog's `POST /batch/` takes, piece by piece.

    An event a line, to the byte as it leaves. Holds no key.
    """
    yield '{"batch": ['
    separator = "\n"
    for row in rows:
        yield f"{separator}{wire(row)}"
        separator = ",\n"
    yield "\n]}\n"
