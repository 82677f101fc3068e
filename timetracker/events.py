"""The marked parts of the frame around all pages (`data-analytics-feature`)."""

from analytics.catalogue import Feature, register

register(Feature("preferences", "The way to one's preferences, in the menu."))
