"""Insights answered by counting events one by one: what the local answers are held against."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from analytics import identity
from analytics.insights import DAY, Display, Filter, Insight, Math, Of, Property, Series
from analytics.models import Event, State

Lines = dict[tuple[str, ...], tuple[tuple[int, ...], int]]  # by labels: the numbers, and the total


@dataclass
class Log:
    """What has been recorded, and not withdrawn; it forgets nothing that is purged."""

    zone: ZoneInfo
    events: list[Event] = field(default_factory=list)
    persons: dict[str, dict[str, Any]] = field(default_factory=dict)

    def lines(self, insight: Insight, period: timedelta, now: datetime) -> Lines:
        """The answer to an insight."""
        found: Lines = {}
        for series in insight.series:
            prefix = (series.name,) if len(insight.series) > 1 else ()
            events = [one for one in self.within(period, now) if self.is_of(series, one)]
            if insight.math is Math.PERSONS:
                events = [one for one in events if one.distinct_id != identity.NOBODY]
            groups = {self.labels(insight, one) for one in events}
            for labels in groups or ({()} if not insight.breakdowns else set()):
                group = [one for one in events if self.labels(insight, one) == labels]
                found[prefix + labels] = self.numbers(insight, group, period, now)
        return found

    def numbers(
        self, insight: Insight, group: list[Event], period: timedelta, now: datetime
    ) -> tuple[tuple[int, ...], int]:
        total = size(insight, group)
        if not insight.display.by_day:
            return (total,), total
        numbers = []
        for day in self.days(period, now):
            numbers.append(size(insight, [one for one in group if self.day(one) == day]))
        if insight.display is Display.CUMULATIVE:
            numbers = [sum(numbers[: place + 1]) for place in range(len(numbers))]
        return tuple(numbers), total

    def day(self, event: Event) -> date:
        return event.timestamp.astimezone(self.zone).date()

    def days(self, period: timedelta, now: datetime) -> list[date]:
        last = now.astimezone(self.zone).date()
        if period <= DAY:
            first = (now - period).astimezone(self.zone).date()
            return sorted({first, last})
        return [last - timedelta(days=back) for back in reversed(range(period.days))]

    def within(self, period: timedelta, now: datetime) -> list[Event]:
        if period <= DAY:
            return [one for one in self.events if now - period <= one.timestamp <= now]
        days = self.days(period, now)
        return [one for one in self.events if self.day(one) in days]

    def is_of(self, series: Series, event: Event) -> bool:
        if series.event is None and event.event.startswith("$"):
            return False
        if series.event not in (None, event.event):
            return False
        return all(self.passes(one, event) for one in series.filters)

    def passes(self, one: Filter, event: Event) -> bool:
        value = self.value(one.property, event)
        if one.value is None:
            return value is not None
        return type(value) is type(one.value) and value == one.value

    def value(self, wanted: Property, event: Event) -> Any:
        of_person = wanted.of is Of.PERSON
        about = self.persons.get(event.distinct_id, {}) if of_person else event.properties
        return about.get(wanted.name)

    def labels(self, insight: Insight, event: Event) -> tuple[str, ...]:
        return tuple(named(self.value(one, event)) for one in insight.breakdowns)


def size(insight: Insight, events: list[Event]) -> int:
    if insight.math is Math.TOTAL:
        return len(events)
    return len(Counter(one.distinct_id for one in events))


def named(value: Any) -> str:
    if value is None:
        return "(none)"
    return value if isinstance(value, str) else json.dumps(value)


def recorded(
    event: str,
    timestamp: datetime,
    distinct_id: str = "anna",
    properties: dict[str, Any] | None = None,
    **fields: Any,
) -> Event:
    """A row of the log, delivered two seconds after it was recorded."""
    settled = {"state": State.DELIVERED, "settled_at": timestamp + timedelta(seconds=2)}
    return Event.objects.create(
        event=event,
        timestamp=timestamp,
        distinct_id=distinct_id,
        properties=properties or {},
        **{**settled, **fields},
    )
