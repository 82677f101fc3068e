"""Product analytics and installation telemetry."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class AnalyticsConfig(AppConfig):
    """Finds each app's declared events and listens to sign-ins."""

    name = "analytics"
    verbose_name = _("Analytics")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the `events` and `insights` modules of every app; connect checks and receivers."""
        from analytics import checks, receivers
        from analytics.insights import own  # noqa: F401 - declares

        autodiscover_modules("events")
        autodiscover_modules("insights")
        checks.register()
        receivers.connect()
