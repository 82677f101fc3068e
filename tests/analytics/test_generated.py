"""Ten thousand generated calls of the public API: none raises, and all that leaves is legal."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import analytics
from analytics import catalogue, delivery
from analytics.events import CONTEXT
from analytics.models import Event

# By PostHog's server: accepted, but without a person.
ILLEGAL_IDS = {
    *("0", str(uuid.UUID(int=0)), "[object object]", "anonymous", "anonymous-user", "backend"),
    *("distinct_id", "distinctid", "email", "false", "guest", "id", "nan", "none"),
    *("not_authenticated", "null", "system", "true", "undefined", "user"),
}
OURS = {"$lib", "$lib_version", "$geoip_disable", "$ip", *CONTEXT}
GROUP = {"$group_type", "$group_key", "$group_set"}

hostile = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(max_size=30),
    st.sampled_from(["alice@example.org", "\x00", "\ud800", "x" * 5000, "🙂", "csv", "local"]),
    st.binary(max_size=10),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.dates(),
    st.timedeltas(),
    st.uuids(),
    st.builds(object),
)
value = st.one_of(hostile, st.lists(hostile, max_size=3), st.dictionaries(st.text(), hostile))


def properties_of(declared: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Properties among which some are declared, some of any name, or no dictionary at all."""
    names = st.one_of(st.sampled_from([*declared, "note"]), st.text(max_size=20))
    return st.one_of(st.none(), value, st.dictionaries(names, value, max_size=4))


@st.composite
def track(draw: Any, ids: Any) -> Any:
    name = draw(st.one_of(st.sampled_from(sorted(catalogue.events)), st.text(max_size=250)))
    declared = catalogue.events.get(name)
    properties = draw(properties_of(dict(declared.properties) if declared else {}))
    return analytics.track_event, (draw(ids), name, properties)


@st.composite
def identify(draw: Any, ids: Any) -> Any:
    keys = st.sampled_from(["$set", "$set_once", "$unset", "set"])
    inner = properties_of(catalogue.person_properties)
    return analytics.identify_user, (draw(ids), draw(st.dictionaries(keys, inner, max_size=3)))


@st.composite
def group(draw: Any) -> Any:
    name = draw(st.sampled_from(["version", "platform", "alice@example.org", "", "0"]))
    declared = catalogue.groups.get(name)
    key = draw(st.one_of(st.sampled_from(["3.0.0", "Linux"]), value))
    properties = draw(properties_of(dict(declared.properties) if declared else {}))
    return analytics.identify_group, (name, key, properties)


def check(event: dict[str, Any]) -> None:
    """What PostHog's server asks of an event (`posthog.md`), and we ask of ourselves."""
    assert 0 < len(event["event"].encode()) <= 200
    assert 0 < len(event["distinct_id"]) <= 200
    assert event["distinct_id"].strip().lower() not in ILLEGAL_IDS
    assert str(uuid.UUID(event["uuid"])) == event["uuid"]
    assert datetime.fromisoformat(event["timestamp"]).tzinfo is not None
    text = json.dumps(event, allow_nan=False)
    assert len(text.encode()) < 900 * 1024
    assert "@" not in text
    declared = catalogue.events.get(event["event"])
    own = set(declared.properties) if declared else {"$set", "$set_once", *GROUP}
    assert event["properties"].keys() <= {*OURS, *own}
    if event["event"] == "$groupidentify":
        assert 0 < len(event["properties"]["$group_key"]) <= 400


@pytest.mark.django_db
@pytest.mark.parametrize("calls", [50, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_call_raises_and_all_that_leaves_is_legal(calls, bob, analytics_on, posthog):
    analytics_on(STRICT=False, CONSENT_FIELD="")
    ids = st.one_of(st.just(bob.pk), st.just(str(bob.pk)), value)
    call = st.one_of(track(ids), identify(ids), group())
    made = 0

    @settings(
        max_examples=calls // 50,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(call, min_size=50, max_size=50))
    def make(batch: list[Any]) -> None:
        nonlocal made
        for function, arguments in batch:
            made += 1
            result = function(*arguments)
            assert result is None or isinstance(result, uuid.UUID)

    make()
    assert made >= calls

    recorded = Event.objects.count()
    assert recorded > calls / 20
    while delivery.deliver(everything=True).delivered:
        pass
    assert len(posthog.events) == recorded
    for event in posthog.events:
        check(event)


@given(value)
@settings(max_examples=300, deadline=None)
def test_every_kind_gives_json_or_refuses(given_value):
    """The kinds by themselves, over the same values."""
    kinds = {kind for one in catalogue.events.values() for kind in one.properties.values()}
    for kind in {*kinds, *catalogue.person_properties.values()}:
        try:
            cleaned = kind.clean(given_value)
        except (ValueError, OverflowError):
            continue
        assert isinstance(cleaned, str | int | float | bool)
        json.dumps(cleaned, allow_nan=False)
