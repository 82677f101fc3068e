"""The admin site: the same sign-in and sign-out as everywhere else."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _


class AdminSite(admin.AdminSite):
    """Django's admin site without doors of its own, so that no rule of signing in is passed by."""

    site_header = site_title = _("TimeTracker administration")
    index_title = _("Administration")

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send people to the site's sign-in page; refuse those who are signed in but no admin."""
        response: HttpResponse = secure_admin_login(super().login)(request, extra_context)
        return response

    def logout(  # type: ignore[override]  # the stubs know Django's page only, no redirect
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Hand over to the site's sign-out, which also ends the provider's session."""
        from accounts.views import sign_out

        return sign_out(request)
