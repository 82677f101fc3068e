"""Django's admin: what this installation sends, keeps and knows. Read only, but for a few acts."""

from analytics.admin import events, insights, installation, persons

__all__ = ["events", "insights", "installation", "persons"]
