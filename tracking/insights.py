"""The insights about the time tracker's own events."""

from django.utils.translation import gettext_noop as _  # the admin shows them translated

from analytics.insights import Display, Filter, Insight, Of, Property, Series, register
from analytics.insights.own import ENGAGEMENT, PLATFORM

STARTS = Series(_("Timers started"), "timer.started")
DEPLOYMENT = Property("deployment_method", Of.PERSON)
IN_DOCKER, NATIVE = Filter(DEPLOYMENT, "docker"), Filter(DEPLOYMENT, "native")

register(
    Insight(
        "timer_activity",
        _("Timer activity"),
        _("How often do people start and stop timers?"),
        (STARTS, Series(_("Timers stopped"), "timer.stopped")),
        dashboards=(ENGAGEMENT,),
    ),
    Insight(
        "timer_platforms",
        _("Platform comparison of timer starts"),
        _("On which platforms are timers started?"),
        (STARTS,),
        breakdowns=(PLATFORM,),
        dashboards=(ENGAGEMENT,),
    ),
    Insight(
        "docker",
        _("Docker against native"),
        _("How many timers are started in Docker and natively, of all that are?"),
        (
            Series(_("In Docker"), "timer.started", (IN_DOCKER,)),
            Series(_("Native"), "timer.started", (NATIVE,)),
            Series(_("All"), "timer.started"),
        ),
        dashboards=(ENGAGEMENT,),
    ),
    Insight(
        "exports",
        _("Export activity"),
        _("How often do people export their time?"),
        (Series(_("CSV"), "export.csv"), Series(_("XLSX"), "export.xlsx")),
        display=Display.BARS,
        dashboards=(ENGAGEMENT,),
    ),
)
