"""The events of the time tracker. They tell that something was filled in, never what."""

from analytics.catalogue import Duration, EventType, Flag, Kind, register

FILLED_IN: dict[str, Kind] = {
    "has_description": Flag(),
    "has_project": Flag(),
    "has_task": Flag(),
}

register(
    EventType("timer.started", "A person started a timer.", FILLED_IN),
    EventType(
        "timer.stopped",
        "A person stopped a timer, or started another one.",
        {"duration_seconds": Duration(required=True), **FILLED_IN},
    ),
)
