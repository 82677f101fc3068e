"""The project as an app (templates, static files, commands) and its admin site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class TimeTrackerConfig(AppConfig):
    """Holds no models: it joins the apps that do."""

    default = True
    name = "timetracker"
    verbose_name = "TimeTracker"


class AdminConfig(DjangoAdminConfig):
    """Django's admin, entered and left through the site's own doors."""

    default = False  # named in INSTALLED_APPS; the default of this module is the project itself
    default_site = "timetracker.admin.AdminSite"
