"""The project as an app (templates, static files, commands) and its admin site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class TimeTrackerConfig(AppConfig):
    """Holds no models: it joins the apps that do."""

    name = "timetracker"
    verbose_name = "TimeTracker"


class AdminConfig(DjangoAdminConfig):
    """Django's admin, entered and left through the site's own doors."""

    default_site = "timetracker.admin.AdminSite"
