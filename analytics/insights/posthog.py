"""The declared insights, dashboards and cohorts in PostHog's words: what its API takes.

Queries follow PostHog's published schema (frontend/src/queries/schema.json there), cohorts its
`CohortFilters`. Tests hold the queries against a copy of that schema.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from analytics.insights import (
    DAY,
    Cohort,
    Dashboard,
    Filter,
    Insight,
    Math,
    Performed,
    Property,
    Series,
    cohorts,
    dashboards,
    insights,
)

# PostHog has no field for it that all three kinds keep: cohorts have no tags.
MARK = "[provision_posthog]"
NOTE = f"{MARK} Its next run undoes changes made here; remove this line, and it lets them be."


def definitions(version: str) -> dict[str, list[dict[str, Any]]]:
    """All that is declared: kind, as the API's addresses name it → bodies to post.

    An insight names its dashboards, where the API takes their numbers.
    """
    return {
        "dashboards": [dashboard(one) for one in dashboards.values()],
        "insights": [insight(one) for one in insights.values()],
        "cohorts": [cohort(one, version) for one in cohorts.values()],
    }


def dashboard(declared: Dashboard) -> dict[str, Any]:
    """A dashboard's body."""
    return {"name": declared.name, "description": marked(declared.description)}


def insight(declared: Insight) -> dict[str, Any]:
    """An insight's body, with the names of its dashboards."""
    return {
        "name": declared.name,
        "description": marked(declared.question),
        "saved": True,
        "dashboards": [dashboards[key].name for key in declared.dashboards],
        "query": query(declared),
    }


def cohort(declared: Cohort, version: str) -> dict[str, Any]:
    """A cohort's body."""
    conditions = [
        *(condition(one) for one in declared.filters),
        *(exactly(name, "person", version) for name in declared.of_this_version),
        *([performed(declared.performed)] if declared.performed else []),
    ]
    # PostHog's pages edit groups of conditions, not conditions that stand in none.
    groups = {"type": "AND", "values": [{"type": "AND", "values": conditions}]}
    return {
        "name": declared.name,
        "description": marked(declared.description),
        "is_static": False,
        "filters": {"properties": groups},
    }


def query(declared: Insight) -> dict[str, Any]:
    """An insight's query: an `InsightVizNode` over a `TrendsQuery`."""
    source: dict[str, Any] = {
        "kind": "TrendsQuery",
        "series": [series(one, declared.math) for one in declared.series],
        **span(declared.period),
        "trendsFilter": {"display": declared.display.value},
    }
    if declared.breakdowns:
        source["breakdownFilter"] = {"breakdowns": list(broken_down(declared.breakdowns))}
    return {"kind": "InsightVizNode", "source": source}


def series(declared: Series, math: Math) -> dict[str, Any]:
    """Events that are counted; `event` is None for those of any name."""
    node = {"kind": "EventsNode", "event": declared.event, "custom_name": declared.name}
    properties = [condition(one) for one in declared.filters]
    return {**node, "math": math.value, **({"properties": properties} if properties else {})}


def span(period: timedelta) -> dict[str, Any]:
    """From when on: PostHog begins `d` at midnight, and `h` with the hour."""
    if period <= DAY:
        return {"dateRange": {"date_from": f"-{period // timedelta(hours=1)}h"}, "interval": "hour"}
    return {"dateRange": {"date_from": f"-{period.days}d"}, "interval": "day"}


def broken_down(properties: Iterable[Property]) -> Iterable[dict[str, str]]:
    """What is counted apart; PostHog takes up to three."""
    return ({"property": one.name, "type": one.of.value} for one in properties)


def condition(declared: Filter) -> dict[str, Any]:
    """A property filter, for queries and cohorts alike."""
    name, of, value = declared.property.name, declared.property.of.value, declared.value
    if value is None:
        return {"key": name, "type": of, "operator": "is_set", "value": "is_set"}
    # PostHog compares booleans as words, and so do its own pages write them.
    return exactly(name, of, str(value).lower() if isinstance(value, bool) else value)


def exactly(name: str, of: str, value: str) -> dict[str, Any]:
    """A property filter for one value."""
    return {"key": name, "type": of, "operator": "exact", "value": [value]}


def performed(declared: Performed) -> dict[str, Any]:
    """A cohort's condition that there is an event within days."""
    return {
        "key": declared.event,
        "type": "behavioral",
        "value": "performed_event",
        "event_type": "events",
        "time_value": declared.days,
        "time_interval": "day",
        "negation": False,
    }


def marked(text: str) -> str:
    """A description that tells our objects from those that a person made."""
    return f"{text}\n\n{NOTE}"
