"""The admin site: the same sign-in and sign-out as everywhere else."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest, FieldDoesNotExist, ValidationError
from django.db import DataError, NotSupportedError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

View = Callable[..., Any]
# What PostgreSQL, SQLite's driver, Django of SQLite and of columns say of a question that none is.
UNANSWERED = (DataError, OverflowError, NotSupportedError, FieldDoesNotExist)


class AdminSite(admin.AdminSite):
    """Django's admin site without doors of its own, so that no rule of signing in is passed by."""

    site_header = site_title = _("TimeTracker administration")
    index_title = _("Administration")

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send people to the site's sign-in page; refuse those who are signed in but no admin.

        Django's own form is shown to nobody, nor taken: it counts no attempts.
        """
        if self.has_permission(request):
            return redirect("admin:index")
        response: HttpResponse = secure_admin_login(super().login)(request, extra_context)
        return response

    def password_change(  # type: ignore[override]  # the stubs know Django's page only
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the site's page, which counts how often the old password is guessed at."""
        return redirect("account_change_password")

    def logout(  # type: ignore[override]  # the stubs know Django's page only, no redirect
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Hand over to the site's sign-out, which also ends the provider's session."""
        from accounts.views import sign_out

        return sign_out(request)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """A page of the admin, which answers what none of its pages would send with 400."""
        return super().admin_view(understanding(view), cacheable)


def understanding(view: View) -> View:
    """A view that is spared what Django's admin hands to the database unread, which then fails.

    Filters by patterns, with NULs and with numbers beyond all columns; marks that are no keys.
    Views of the site's own read NULs and marks themselves.
    """
    model = getattr(getattr(view, "__self__", None), "model", None)
    unread = str(getattr(view, "__module__", "")).startswith("django.")

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if any(name.endswith("regex") for name in request.GET):
            # No page filters by patterns; one can keep SQLite busy for hours.
            raise BadRequest("a pattern in the address")
        if model is not None and unread:
            if any("\x00" in value for _name, values in request.GET.lists() for value in values):
                raise BadRequest("a NUL in the address")
            check_keys(model._meta.pk, request.POST.getlist(ACTION_CHECKBOX_NAME))
        try:
            return view(request, *args, **kwargs)
        except UNANSWERED as error:
            raise BadRequest("a value that no column holds") from error

    return guarded


def check_keys(column: Any, keys: list[str]) -> None:
    """Raise `BadRequest` where one of these is no key that the column can hold."""
    try:
        for key in keys:
            column.clean(key, None)
    except ValidationError as error:
        raise BadRequest("no key") from error
