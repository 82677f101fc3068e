"""The events of accounts beside those of signing in, which `analytics` declares itself."""

from analytics.catalogue import Count, EventType, register

register(
    EventType(
        "preferences.updated",
        "A person changed their preferences.",
        {"fields_changed": Count()},
    )
)
