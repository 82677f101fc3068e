"""The declared insights in PostHog's words, held against PostHog's own schema."""

import copy
import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from analytics.insights import (
    DAY,
    MONTH,
    Cohort,
    Filter,
    Insight,
    Math,
    Of,
    Performed,
    Property,
    Series,
    cohorts,
    dashboards,
    insights,
    posthog,
)

SCHEMA = json.loads((Path(__file__).parent / "posthog_schema.json").read_text())
ROLE = Property("role", Of.PERSON)


def complaints(query):
    """What PostHog's schema has against a query."""
    return [error.json_path for error in Draft7Validator(SCHEMA).iter_errors(query)]


def test_the_copy_of_the_schema_is_one_and_names_its_origin():
    Draft7Validator.check_schema(SCHEMA)

    assert "PostHog/posthog, frontend/src/queries/schema.json, commit 0000f87" in SCHEMA["$comment"]


@pytest.mark.parametrize("declared", insights.values(), ids=insights)
def test_each_declared_insight_is_valid_by_posthogs_schema(declared):
    assert complaints(posthog.query(declared)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["kind"], "InsightNode"),
        (["source", "kind"], "TrendQuery"),
        (["source", "interval"], "daily"),
        (["source", "dateRange"], {"from": "-7d"}),
        (["source", "trendsFilter", "display"], "ActionsLines"),
        (["source", "breakdownFilter", "breakdowns", 0, "type"], "user"),
        (["source", "breakdownFilter", "breakdowns", 0, "name"], "platform"),
        (["source", "series", 0, "math"], "persons"),
        (["source", "series", 0, "properties"], [{"key": "action", "type": "event"}]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_schema_refuses_a_broken_query(path, value):
    broken = copy.deepcopy(posthog.query(insights["versions_by_platform"]))
    node = broken
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value

    assert complaints(broken)


def test_a_query_says_all_that_is_declared():
    clicked = Filter(Property("action"), "clicked")
    declared = Insight(
        "clicks",
        "Clicks",
        "What is clicked?",
        (Series("Clicks", "feature_interaction", (clicked, Filter(ROLE))),),
        Math.PERSONS,
        (Property("feature_flag"), ROLE),
        MONTH,
    )

    assert posthog.query(declared) == {
        "kind": "InsightVizNode",
        "source": {
            "kind": "TrendsQuery",
            "series": [
                {
                    "kind": "EventsNode",
                    "event": "feature_interaction",
                    "custom_name": "Clicks",
                    "math": "dau",
                    "properties": [
                        {
                            "key": "action",
                            "type": "event",
                            "operator": "exact",
                            "value": ["clicked"],
                        },
                        {"key": "role", "type": "person", "operator": "is_set", "value": "is_set"},
                    ],
                }
            ],
            "dateRange": {"date_from": "-30d"},
            "interval": "day",
            "trendsFilter": {"display": "ActionsLineGraph"},
            "breakdownFilter": {
                "breakdowns": [
                    {"property": "feature_flag", "type": "event"},
                    {"property": "role", "type": "person"},
                ]
            },
        },
    }


def test_a_day_goes_by_hours():
    assert posthog.span(DAY) == {"dateRange": {"date_from": "-24h"}, "interval": "hour"}


def test_a_cohort_says_all_that_is_declared():
    declared = Cohort(
        "new",
        "New",
        "New here.",
        (Filter(Property("is_admin", Of.PERSON), True),),
        ("first_seen_version",),
        Performed("telemetry.install", 30),
    )

    body = posthog.cohort(declared, "1.2.3")

    assert body["is_static"] is False
    assert body["filters"]["properties"] == {
        "type": "AND",
        "values": [
            {
                "type": "AND",
                "values": [
                    {"key": "is_admin", "type": "person", "operator": "exact", "value": ["true"]},
                    {
                        "key": "first_seen_version",
                        "type": "person",
                        "operator": "exact",
                        "value": ["1.2.3"],
                    },
                    {
                        "key": "telemetry.install",
                        "type": "behavioral",
                        "value": "performed_event",
                        "event_type": "events",
                        "time_value": 30,
                        "time_interval": "day",
                        "negation": False,
                    },
                ],
            }
        ],
    }


def test_all_that_is_declared_is_defined_marked_and_fits_posthogs_fields():
    made = posthog.definitions("1.2.3")

    assert list(made) == ["dashboards", "insights", "cohorts"]
    assert [len(bodies) for bodies in made.values()] == [
        len(dashboards),
        len(insights),
        len(cohorts),
    ]
    for body in (body for bodies in made.values() for body in bodies):
        assert posthog.MARK in body["description"]
        assert len(body["description"]) <= 400
        assert len(body["name"]) <= 400
    for bodies in made.values():  # they are found again by their names
        assert len({body["name"] for body in bodies}) == len(bodies)


def test_an_insight_names_its_dashboards():
    made = {body["name"]: body for body in posthog.definitions("1")["insights"]}

    assert made["Version distribution"]["dashboards"] == ["Installation Health"]
