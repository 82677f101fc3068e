"""Django's admin: this installation, and a new fingerprint for it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy as _

from analytics import telemetry
from analytics.models import Installation


@admin.register(Installation)
class InstallationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # takes none at run time
    """What the installation has reported; nothing in it is changed by hand."""

    list_display = ("reports_as", "first_seen_version", "reported_version", "installed_at")
    fields = (
        "reports_as",
        "first_seen_version",
        "first_seen_platform",
        "reported_version",
        "installed_at",
        "last_health_at",
        "resume_at",
        "pause_reason",
        "remedy",
    )
    readonly_fields = fields
    actions = ("reset_fingerprint",)

    @admin.display(description=_("fingerprint"))
    def reports_as(self, installation: Installation) -> str:
        """The id on the wire, or that there is none yet."""
        return installation.fingerprint if installation.salt else gettext("none yet")

    @admin.action(description=_("Give this installation a new fingerprint"), permissions=["view"])
    def reset_fingerprint(self, request: HttpRequest, queryset: QuerySet[Installation]) -> None:
        """Make the installation another one for PostHog; persons keep their ids."""
        telemetry.reset_fingerprint()
        for installation in queryset:
            self.log_change(request, installation, gettext("New fingerprint."))
        messages.success(request, gettext("The next ping reports under a new fingerprint."))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There is one installation, which makes its row itself."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Read only."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Its row holds the secret of the persons' ids."""
        return False
