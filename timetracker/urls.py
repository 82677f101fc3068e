"""Every address of the site."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path

from timetracker.gates import EXPORTS, IMPORTS, REPORTS, gated
from timetracker.manifest import manifest
from timetracker.probes import PROBES


def favicon(_request: HttpRequest) -> HttpResponse:
    """The icon, for pages that name none, such as Django's admin."""
    return redirect(static("timetracker/favicon.svg"))


urlpatterns = [
    *(path(route, probe) for route, probe in PROBES.items()),
    path("favicon.ico", favicon),
    path("manifest.webmanifest", manifest, name="manifest"),
    path("", include("tracking.urls")),
    gated("exports/", include("tracking.urls_exports"), EXPORTS),
    gated("reports/", include("tracking.urls_reports"), REPORTS),
    gated("imports/", include("tracking.urls_imports"), IMPORTS),
    path("", include("analytics.urls")),
    path("accounts/", include("accounts.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "timetracker.hardening.bad_request"
