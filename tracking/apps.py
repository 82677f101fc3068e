"""The time tracker itself."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TrackingConfig(AppConfig):
    """Clients, projects, tasks, time entries."""

    name = "tracking"
    verbose_name = _("Time tracking")

    def ready(self) -> None:
        """Listen to people who leave."""
        from tracking import receivers

        receivers.connect()
