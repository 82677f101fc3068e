"""The allow-list: what is not declared here by an app's `events.py` does not leave.

Each kind of property turns a value into what may leave, or refuses it. Free text is not a kind.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

# resource.action, and the one name of the seed documents that is not.
EVENT_NAME = re.compile(r"([a-z][a-z_]*\.[a-z][a-z_]*|feature_interaction)\Z")
NAME = re.compile(r"\$?[a-z][a-z0-9_.]{0,63}")
OTHER = "other"

JSONValue = str | int | float | bool


def plain(value: Any) -> str:
    """The text itself: a subclass of `str`, such as an enum, may say something else of itself."""
    if not isinstance(value, str):
        raise ValueError("is no text")
    return str.__str__(value)


class UndeclaredError(ValueError):
    """A name that no `events.py` declares, or a value that its declaration does not allow."""


@dataclass(frozen=True)
class Kind(ABC):
    """A kind of property."""

    required: bool = field(default=False, kw_only=True)

    @abstractmethod
    def clean(self, value: Any) -> JSONValue:
        """The value as it may leave. Raises `ValueError` for one that may not."""

    @property
    def label(self) -> str:
        """The kind in a word, for the reference."""
        return type(self).__name__.lower()

    @property
    def example(self) -> JSONValue | None:
        """A value for samples, as code would give it; where it is None, samples do without."""
        return None


@dataclass(frozen=True)
class Flag(Kind):
    """True or False."""

    example = True

    def clean(self, value: Any) -> bool:
        """A bool, and nothing that merely looks like one."""
        if not isinstance(value, bool):
            raise ValueError("is no bool")
        return value


@dataclass(frozen=True)
class Number(Kind):
    """A finite number."""

    example = 1.5

    def clean(self, value: Any) -> int | float:
        """An int or float that JSON can hold."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("is no number")
        if not math.isfinite(value) or abs(value) > 2**53:
            raise ValueError("is no number that JSON holds exactly")
        return value


@dataclass(frozen=True)
class Count(Number):
    """A whole number from 0."""

    example = 3

    def clean(self, value: Any) -> int:
        """An int of 0 or more."""
        if not isinstance(value, int) or super().clean(value) < 0:
            raise ValueError("is no count")
        return value


@dataclass(frozen=True)
class Duration(Number):
    """A length of time in seconds."""

    example = 5400

    def clean(self, value: Any) -> int | float:
        """Seconds, or a timedelta; never negative."""
        seconds = value.total_seconds() if isinstance(value, timedelta) else value
        number = super().clean(seconds)
        if number < 0:
            raise ValueError("is a negative duration")
        return number


@dataclass(frozen=True)
class Choice(Kind):
    """One of the declared words; an unexpected word becomes "other"."""

    words: tuple[str, ...]

    def __init__(self, *words: str, required: bool = False) -> None:
        object.__setattr__(self, "words", words)
        object.__setattr__(self, "required", required)

    def clean(self, value: Any) -> str:
        """A declared word, or "other"."""
        word = plain(value)
        return word if word in self.words else OTHER

    @property
    def label(self) -> str:
        """The words."""
        return "one of " + ", ".join(self.words)

    @property
    def example(self) -> str:
        """The first word."""
        return self.words[0] if self.words else OTHER


@dataclass(frozen=True)
class Pattern(Kind, ABC):
    """Text of a shape in which no sentence, name or address fits."""

    @property
    @abstractmethod
    def shape(self) -> re.Pattern[str]:
        """What the whole text must match."""

    def clean(self, value: Any) -> str:
        """The text itself."""
        text = plain(value)
        if not self.shape.fullmatch(text):
            raise ValueError(f"is no {self.label}")
        return text


@dataclass(frozen=True)
class Identifier(Pattern):
    """A name from the code: lower case, digits, `_`, `.`, `-`; at most 64 characters."""

    shape = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
    example = "export"


@dataclass(frozen=True)
class Version(Pattern):
    """A version number."""

    shape = re.compile(r"\d{1,6}(\.\d{1,6}){0,3}([-+.]?[a-z]{1,5}[-.]?\d{0,6}){0,2}")
    example = "1.4.0"


@dataclass(frozen=True)
class FeatureName(Kind):
    """A declared feature; an unexpected one becomes "other"."""

    def clean(self, value: Any) -> str:
        """A declared feature's name, or "other"."""
        name = plain(value)
        return name if name in features else OTHER

    @property
    def label(self) -> str:
        """The kind in words; the features are declared elsewhere, some after this."""
        return "a declared feature"

    @property
    def example(self) -> str:
        """The first feature by name."""
        return min(features, default=OTHER)


@dataclass(frozen=True)
class Timestamp(Kind):
    """A moment (ISO 8601, UTC) or a day."""

    example = "2026-03-01T12:00:00+00:00"

    def clean(self, value: Any) -> str:
        """An aware datetime, a date, or either as ISO text; a moment leaves in UTC."""
        if isinstance(value, str):
            value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise ValueError("has no time zone")
            return value.astimezone(UTC).isoformat()
        if isinstance(value, date):
            return value.isoformat()
        raise ValueError("is no moment")


@dataclass(frozen=True)
class TimeZone(Kind):
    """A name of the IANA time zone database."""

    example = "Europe/Berlin"

    @property
    def label(self) -> str:
        """The kind in words."""
        return "time zone"

    def clean(self, value: Any) -> str:
        """The name, if the database knows it."""
        name = plain(value)
        if name not in available_timezones():
            raise ValueError("is no time zone")
        return name


@dataclass(frozen=True)
class EventType:
    """An event: `resource.action`, one sentence, and its properties."""

    name: str
    sentence: str
    properties: Mapping[str, Kind] = field(default_factory=dict)
    of_nobody: bool = False
    """Whether it is recorded without its person, such as a failed sign-in."""

    def __post_init__(self) -> None:
        if not EVENT_NAME.match(self.name):
            raise ValueError(f"The event name {self.name!r} is not of the form resource.action.")


@dataclass(frozen=True)
class GroupType:
    """A type of group, its keys, and what is known of one (PostHog takes at most five types)."""

    name: str
    sentence: str
    key: Kind
    properties: Mapping[str, Kind]


@dataclass(frozen=True)
class Feature:
    """A part of a page whose use is told by `feature_interaction`, and one sentence."""

    name: str
    sentence: str

    def __post_init__(self) -> None:
        if not Identifier.shape.fullmatch(self.name):
            raise ValueError(f"The feature name {self.name!r} is no {Identifier().label}.")


events: dict[str, EventType] = {}
person_properties: dict[str, Kind] = {}
groups: dict[str, GroupType] = {}
features: dict[str, Feature] = {}


def register(*declared: EventType | GroupType | Feature) -> None:
    """Add declarations. Raises `ValueError` for a name declared twice and differently."""
    homes: dict[type, dict[str, Any]] = {EventType: events, GroupType: groups, Feature: features}
    for one in declared:
        home = homes[type(one)]
        if home.setdefault(one.name, one) != one:
            raise ValueError(f"{one.name!r} is declared twice.")


def register_person_properties(**declared: Kind) -> None:
    """Add properties of persons. Raises `ValueError` for one declared twice and differently."""
    for name, kind in declared.items():
        if person_properties.setdefault(name, kind) != kind:
            raise ValueError(f"The person property {name!r} is declared twice.")


def examples(declared: Mapping[str, Kind]) -> dict[str, JSONValue]:
    """Properties as code would give them, for a sample of these declarations."""
    found = {name: kind.example for name, kind in declared.items()}
    return {name: value for name, value in found.items() if value is not None}


def shown(name: object) -> str:
    """A name in a message: one that does not look like a name may be somebody's data."""
    fits = isinstance(name, str) and NAME.fullmatch(name)
    return repr(name) if fits else "(not a name)"


def clean_event(
    name: str, given: Mapping[str, Any]
) -> tuple[dict[str, JSONValue] | None, list[str]]:
    """`clean` by the declaration of an event; None where there is none."""
    if name not in events:
        return None, [f"The event {shown(name)} is not declared in any events.py."]
    return clean(name, events[name].properties, given)


def clean_group(
    name: str, key: Any, given: Mapping[str, Any]
) -> tuple[dict[str, Any] | None, list[str]]:
    """The wire's form of a group and its properties; None where type or key are not declared."""
    if name not in groups:
        return None, [f"The group type {shown(name)} is not declared in any events.py."]
    keys, refused = clean(name, {"key": groups[name].key}, {"key": key})
    properties, others = clean(name, groups[name].properties, given)
    if refused:
        return None, refused
    group = {"$group_type": name, "$group_key": keys["key"], "$group_set": properties}
    return group, others


def clean(
    where: str, declared: Mapping[str, Kind], given: Any
) -> tuple[dict[str, JSONValue], list[str]]:
    """What of `given` may leave, and a sentence for each name or value that may not.

    `where` names the event or group in those sentences. They hold no value: it may be personal.
    """
    cleaned: dict[str, JSONValue] = {}
    refused: list[str] = []
    if not isinstance(given, Mapping):
        return cleaned, [f"{where}: the properties are no dictionary."]
    for name, value in given.items():
        kind = declared.get(name)
        if kind is None:
            refused.append(f"{where}: the property {shown(name)} is not declared.")
            continue
        try:
            cleaned[name] = kind.clean(value)
        except (ValueError, OverflowError) as error:
            reason = str(error) if str(error).startswith(("is ", "has ")) else f"is no {kind.label}"
            refused.append(f"{where}: the property {name!r} {reason}.")
    for name, kind in declared.items():
        if kind.required and name not in given:
            refused.append(f"{where}: the property {name!r} is required.")
    return cleaned, refused
