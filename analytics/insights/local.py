"""Answers insights from this installation's own log and persons, without PostHog.

An answer equals what one gets by counting the events one by one:

- total: events; persons: different distinct ids, on each day or over the period;
- PostHog's own events (`$set`, `$groupidentify`) are no activity: they count where an insight names
  them, never as "any event"; and nobody in particular is no person;
- a property of a person is what the local mirror knows now; one that is missing is "(none)";
- days are those of `settings.TIME_ZONE`. A period of n days is today and the n - 1 days before it;
  one of 24 hours or less reaches back from this very moment.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

from django.db.models import Count, Min, QuerySet, Sum, Value
from django.utils import timezone
from django.utils.translation import gettext_noop

from analytics import conf, identity
from analytics.insights import (
    DAY,
    Cohort,
    Display,
    Filter,
    Insight,
    Math,
    Of,
    Property,
    Series,
    rollups,
)
from analytics.insights.rollups import forget, withdraw
from analytics.models import CountedDay, CountedKind, Counting, DailyCount, Event, Person

__all__ = ["Answer", "Answers", "Line", "answer", "forget", "withdraw"]

NONE = gettext_noop("(none)")
NAMED = 1000  # persons that a query names; databases limit its parameters
PATIENCE = 2.0  # seconds that somebody who asks waits for what is still to be counted
Properties = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """Numbers under one name: of a series, and of a value of each breakdown."""

    labels: tuple[str, ...]
    numbers: tuple[int, ...]
    """One of each day; of the period a single one, which is the total."""
    total: int


@dataclass(frozen=True)
class Answer:
    """What an insight says of a period. Lines stand by series, then the largest first."""

    insight: Insight
    period: timedelta
    since: date
    until: date
    headings: tuple[str, ...]
    """What the labels of a line are: "Series" where there are several, and the breakdowns."""
    days: tuple[date, ...]
    """Empty where the numbers are of the period."""
    lines: tuple[Line, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was counted."""
        return not any(line.total for line in self.lines)


def answer(insight: Insight, period: timedelta, now: datetime) -> Answer:
    """What an insight says of the `period` until `now`, of all events that can be seen."""
    rollups.catch_up(PATIENCE)
    return Answers(now).answer(insight, period)


class _Kind(NamedTuple):
    """Events that are counted apart."""

    event: str
    properties: Properties


class _Counted(NamedTuple):
    """Some events: `number` of them, or that many persons where those were counted already."""

    day: date | None
    kind: _Kind | None
    distinct_id: str | None
    number: int


class Answers:
    """Answers as of a moment; what several of them ask for is read once."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.today = rollups.local_day(now)
        self._logs: dict[tuple[str, timedelta], list[_Counted]] = {}
        self._periods: dict[tuple[str | None, date], list[tuple[int, str, int]]] = {}

    # --- insights ---

    def answer(self, insight: Insight, period: timedelta) -> Answer:
        """What an insight says of the `period` until now."""
        days = self._days(period)
        by_day = days if insight.display.by_day else ()
        many = len(insight.series) > 1
        lines: list[Line] = []
        for series in insight.series:
            name = (series.name,) if many else ()
            counted = [*self._counted(insight, series, period, bool(by_day))]
            found = self._numbers(insight, counted, bool(by_day))
            if not insight.breakdowns:
                found.setdefault((), Counter())
            totals = {labels: numbers.total() for labels, numbers in found.items()}
            if by_day and insight.math is Math.PERSONS:  # who comes every day is one person
                if any(one.distinct_id is None for one in counted):
                    counted = [*self._counted(insight, series, period, False)]
                whole = self._numbers(insight, counted, False)
                totals = {labels: whole.get(labels, Counter())[None] for labels in found}
            made = (
                _line(insight, name + labels, found[labels], total, by_day)
                for labels, total in totals.items()
            )
            lines += sorted(made, key=lambda line: (-line.total, line.labels))
        headings = ("Series",) * many + tuple(one.name for one in insight.breakdowns)
        return Answer(insight, period, days[0], days[-1], headings, by_day, tuple(lines))

    def _days(self, period: timedelta) -> tuple[date, ...]:
        first = self.today - timedelta(days=period.days - 1)
        if period <= DAY:
            first = rollups.local_day(self.now - period)
        return tuple(first + timedelta(days=n) for n in range((self.today - first).days + 1))

    def _numbers(
        self, insight: Insight, counted: Iterable[_Counted], by_day: bool
    ) -> dict[tuple[str, ...], Counter[date | None]]:
        """By the labels of breakdowns: the number of each day, or of the period (None)."""
        numbers: defaultdict[tuple[str, ...], Counter[date | None]] = defaultdict(Counter)
        seen: set[Hashable] = set()
        for one in counted:
            day = one.day if by_day else None
            labels = tuple(self._label(breakdown, one) for breakdown in insight.breakdowns)
            if insight.math is Math.TOTAL or one.distinct_id is None:
                numbers[labels][day] += one.number
            elif (key := (labels, day, one.distinct_id)) not in seen:
                seen.add(key)
                numbers[labels][day] += 1
        return dict(numbers)

    def _label(self, breakdown: Property, one: _Counted) -> str:
        if breakdown.of is Of.EVENT:
            return label(one.kind.properties.get(breakdown.name) if one.kind else None)
        return label(self._person(one.distinct_id).get(breakdown.name))

    def _counted(
        self, insight: Insight, series: Series, period: timedelta, by_day: bool
    ) -> Iterator[_Counted]:
        """The events of a series, as far summed up as the question allows."""
        whose = self._asked_for(series)
        found = (
            self._recent(series, period)
            if period <= DAY
            else self._summed(insight, series, self._days(period)[0], by_day, whose)
        )
        persons = insight.math is Math.PERSONS
        for one in found:
            if persons and one.distinct_id == identity.NOBODY:
                continue
            if whose is None or one.distinct_id is None or one.distinct_id in whose:
                yield one

    def _asked_for(self, series: Series) -> set[str] | None:
        """The persons that pass the filters of a series; None where it asks nothing of them."""
        of_person = [one for one in series.filters if one.property.of is Of.PERSON]
        if not of_person:
            return None
        return {
            distinct_id
            for distinct_id, properties in self._persons.items()
            if all(_passes(one, properties) for one in of_person)
        }

    # --- longer periods: the roll-ups ---

    def _summed(
        self, insight: Insight, series: Series, since: date, by_day: bool, whose: set[str] | None
    ) -> Iterator[_Counted]:
        """From the database, which sums up whatever is not told apart.

        Of the persons in `whose`; where these are too many to be named, the caller leaves out the
        others.
        """
        kinds = self._kinds_of(series)
        if not by_day and len(self._persons) <= NAMED:
            yield from self._of_period(series, kinds, since)
            return
        by_kind = any(one.of is Of.EVENT for one in insight.breakdowns)
        persons = insight.math is Math.PERSONS
        by_person = any(one.of is Of.PERSON for one in insight.breakdowns)
        by_person = by_person or (whose is not None and len(whose) > NAMED)
        # The same person can stand under several kinds, of which labels are made.
        by_person = by_person or (persons and by_kind)
        keys = ["day"] * by_day + ["kind"] * by_kind + ["distinct_id"] * by_person
        counts = DailyCount.objects.filter(kind__in=[*kinds], day__range=(since, self.today))
        if whose is not None and len(whose) <= NAMED:
            counts = counts.filter(distinct_id__in=whose)
        number: Any = Sum("count")
        if persons and by_person:
            number = Value(1)  # how often does not matter: the index alone answers it
        elif persons:
            counts = counts.exclude(distinct_id=identity.NOBODY)
            number = Count("distinct_id", distinct=True)
        if not keys:
            yield _Counted(None, None, None, counts.aggregate(number=number)["number"] or 0)
            return
        summed = counts.order_by().values(*keys).annotate(number=number)
        for row in summed.values_list(*keys, "number").distinct():
            found: dict[str, Any] = dict(zip(keys, row, strict=False))
            kind = kinds[found["kind"]] if by_kind else None
            yield _Counted(found.get("day"), kind, found.get("distinct_id"), row[-1])

    def _of_period(
        self, series: Series, kinds: Mapping[int, _Kind], since: date
    ) -> Iterator[_Counted]:
        """By kind and person: several insights ask about the same events, which are read once."""
        if (asked := (series.event, since)) not in self._periods:
            counts = DailyCount.objects.filter(
                kind__in=[*self._kinds_named(series.event)], day__range=(since, self.today)
            )
            summed = counts.order_by().values("kind", "distinct_id").annotate(number=Sum("count"))
            self._periods[asked] = list(summed.values_list("kind", "distinct_id", "number"))
        for kind, distinct_id, number in self._periods[asked]:
            if kind in kinds:
                yield _Counted(None, kinds[kind], distinct_id, number)

    def _kinds_named(self, event: str | None) -> dict[int, _Kind]:
        """The kinds of events of a name, or of any."""
        name = CountedKind.ANY if event is None else event
        return {number: kind for number, kind in self._kinds.items() if kind.event == name}

    def _kinds_of(self, series: Series) -> dict[int, _Kind]:
        """The kinds of events that a series is about, by id."""
        return {
            number: kind
            for number, kind in self._kinds_named(series.event).items()
            if _event_passes(series, kind.properties)
        }

    @cached_property
    def _kinds(self) -> dict[int, _Kind]:
        rows = CountedKind.objects.values_list("pk", "event", "properties")
        return {number: _Kind(event, json.loads(text)) for number, event, text in rows}

    # --- the last hours: the log itself ---

    def _recent(self, series: Series, period: timedelta) -> Iterator[_Counted]:
        for one in self._logged(series.event, period):
            if one.kind is None or _event_passes(series, one.kind.properties):
                yield one

    def _logged(self, event: str | None, period: timedelta) -> list[_Counted]:
        """The events of a name within the last hours, counted as roll-ups count them."""
        name = CountedKind.ANY if event is None else event
        if (name, period) not in self._logs:
            asked = rollups.needed().get(name)
            told_apart = self._told_apart if asked else self._alike
            self._logs[name, period] = [*told_apart(name, period, asked or set())]
        return self._logs[name, period]

    def _told_apart(self, name: str, period: timedelta, asked: set[str]) -> Iterator[_Counted]:
        """By their properties, which are read."""
        rows = rollups.rows(self._events(name, period)).iterator()
        for key, number in rollups.tally({name: asked}, rows).items():
            yield _Counted(
                key.day, _Kind(name, json.loads(key.properties)), key.distinct_id, number
            )

    def _alike(self, name: str, period: timedelta, _asked: set[str]) -> Iterator[_Counted]:
        """By day and person alone, which the database does in a fraction of the time."""
        events, midnight = self._events(name, period), time(tzinfo=timezone.get_default_timezone())
        for day in self._days(period):
            begin, end = (
                datetime.combine(day + timedelta(days=n), midnight, midnight.tzinfo) for n in (0, 1)
            )
            its = events.filter(timestamp__gte=begin, timestamp__lt=end).order_by()
            numbers = its.values("distinct_id").annotate(number=Count("id"))
            for distinct_id, number in numbers.values_list("distinct_id", "number"):
                yield _Counted(day, _Kind(name, {}), distinct_id, number)

    def _events(self, name: str, period: timedelta) -> QuerySet[Event]:
        since = self.now - period
        days = CountedDay.objects.filter(day__range=(rollups.local_day(since), self.today))
        # What is not counted yet comes after what is.
        counted = Counting.load().last_id
        first = days.aggregate(first=Min("first_id"))["first"] or counted + 1
        events = Event.objects.filter(
            id__gte=min(first, counted + 1), timestamp__gte=since, timestamp__lte=self.now
        )
        if name == CountedKind.ANY:
            return events.exclude(event__startswith="$")
        return events.filter(event=name)

    # --- persons ---

    @cached_property
    def _persons(self) -> dict[str, Properties]:
        return dict(Person.objects.values_list("distinct_id", "properties"))

    def _person(self, distinct_id: str | None) -> Properties:
        return self._persons.get(distinct_id or "", {})

    # --- cohorts ---

    def members(self, cohort: Cohort) -> int:
        """How many persons, of those that this installation knows, are of a cohort."""
        found = {
            distinct_id
            for distinct_id, properties in self._persons.items()
            if all(_passes(one, properties) for one in cohort.filters)
            and all(
                properties.get(name) == conf.get().APP_VERSION for name in cohort.of_this_version
            )
        }
        if cohort.performed:
            kinds = CountedKind.objects.filter(event=cohort.performed.event)
            since = self.today - timedelta(days=cohort.performed.days - 1)
            counts = DailyCount.objects.filter(kind__in=kinds, day__range=(since, self.today))
            found &= {*counts.values_list("distinct_id", flat=True).distinct()}
        return len(found)


def _line(
    insight: Insight,
    labels: tuple[str, ...],
    numbers: Mapping[date | None, int],
    total: int,
    days: tuple[date, ...],
) -> Line:
    of_days = tuple(numbers.get(day, 0) for day in days)
    if insight.display is Display.CUMULATIVE:
        of_days = tuple(accumulate(of_days))
    return Line(labels, of_days or (total,), total)


def _event_passes(series: Series, properties: Properties) -> bool:
    """Whether properties of an event are what the filters of a series ask of them."""
    of_event = (one for one in series.filters if one.property.of is Of.EVENT)
    return all(_passes(one, properties) for one in of_event)


def _passes(one: Filter, properties: Properties) -> bool:
    found = properties.get(one.property.name)
    if one.value is None:
        return found is not None
    # In Python 1 is True; in JSON it is not.
    return isinstance(found, bool) is isinstance(one.value, bool) and found == one.value


def label(value: Any) -> str:
    """A value of a property as the name of a line."""
    if value is None:
        return NONE
    return value if isinstance(value, str) else json.dumps(value)
