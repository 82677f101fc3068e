"""The event that the site of the tests records."""

from analytics.catalogue import Count, EventType, register

register(EventType("work.done", "A piece of work was done.", {"number": Count(required=True)}))
