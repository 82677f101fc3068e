"""Insights: questions asked of events, each declared once by an app's `insights` module.

`local` answers them from this installation's own log, `posthog` writes them as PostHog's queries.
Names and sentences are plain English: PostHog's objects are found again by their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

MONTH, WEEK, DAY = timedelta(days=30), timedelta(days=7), timedelta(hours=24)


class Of(StrEnum):
    """Whose property it is; PostHog's words."""

    EVENT = "event"
    PERSON = "person"  # the installation is the person of its own events


class Math(StrEnum):
    """What is counted; PostHog's words."""

    TOTAL = "total"  # events
    PERSONS = "dau"  # different persons, or installations


class Display(StrEnum):
    """How an answer is drawn; PostHog's words. Lines go by days, all others are of the period."""

    LINES = "ActionsLineGraph"
    CUMULATIVE = "ActionsLineGraphCumulative"  # each day adds to those before it
    BARS = "ActionsBarValue"
    PIE = "ActionsPie"
    TABLE = "ActionsTable"
    NUMBER = "BoldNumber"

    @property
    def by_day(self) -> bool:
        """Whether there is a number for each day."""
        return self in (Display.LINES, Display.CUMULATIVE)


@dataclass(frozen=True)
class Property:
    """A property of the event, or of its person."""

    name: str
    of: Of = Of.EVENT


@dataclass(frozen=True)
class Filter:
    """Events with this value of a property; with any value at all where it is None."""

    property: Property
    value: str | bool | None = None


@dataclass(frozen=True)
class Series:
    """Events of a name (of any name where it is None), narrowed by filters."""

    name: str
    event: str | None
    filters: tuple[Filter, ...] = ()


@dataclass(frozen=True)
class Insight:
    """A question about the last `period` until now.

    With breakdowns (two at most) each combination of their values is counted apart. It stands on
    the `dashboards` of these keys, in the order in which insights are declared.
    """

    key: str
    name: str
    question: str
    series: tuple[Series, ...]
    math: Math = Math.TOTAL
    breakdowns: tuple[Property, ...] = ()
    period: timedelta = MONTH
    display: Display = Display.LINES
    dashboards: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dashboard:
    """Insights that are looked at together."""

    key: str
    name: str
    description: str


@dataclass(frozen=True)
class Performed:
    """Persons of whom there is such an event within the last days."""

    event: str
    days: int


@dataclass(frozen=True)
class Cohort:
    """Persons of whom all of this holds.

    `of_this_version` names person properties whose value is the version that runs.
    """

    key: str
    name: str
    description: str
    filters: tuple[Filter, ...] = ()
    of_this_version: tuple[str, ...] = ()
    performed: Performed | None = None


insights: dict[str, Insight] = {}
dashboards: dict[str, Dashboard] = {}
cohorts: dict[str, Cohort] = {}


def register(*declared: Insight | Dashboard | Cohort) -> None:
    """Add declarations. Raises `ValueError` for a key declared twice and differently."""
    for one in declared:
        homes: dict[type, dict[str, Any]] = {
            Insight: insights,
            Dashboard: dashboards,
            Cohort: cohorts,
        }
        if homes[type(one)].setdefault(one.key, one) != one:
            raise ValueError(f"{one.key!r} is declared twice.")
