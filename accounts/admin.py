"""People in the admin: the role decides what they may do."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import OIDCIdentity, User


class OIDCIdentityInline(admin.TabularInline):
    """Identities come from signing in; taking one away lets the account be joined anew."""

    model = OIDCIdentity
    extra = 0
    readonly_fields = ("issuer", "subject", "created_at")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody writes an identity by hand: it would let its bearer in."""
        return False


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """Accounts. Groups and single permissions are left out: roles stand for them."""

    list_display = ("username", "email", "first_name", "last_name", "role", "is_active")
    list_filter = ("role", "is_active", "signup_method", "share_analytics")
    search_fields = ("username", "first_name", "last_name", "email")
    filter_horizontal = ()
    readonly_fields = (
        "is_staff",
        "is_superuser",
        "signup_method",
        "first_login",
        "last_login",
        "date_joined",
    )
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (
            _("Role"),
            {
                "fields": ("role", "is_active", "is_staff", "is_superuser"),
                "description": _("Staff and superuser status follow the role."),
            },
        ),
        (_("Preferences"), {"fields": ("time_zone", "theme", "week_start", "share_analytics")}),
        (
            _("Signing in"),
            {"fields": ("signup_method", "first_login", "last_login", "date_joined")},
        ),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": (
                    "username",
                    "email",
                    "role",
                    "usable_password",
                    "password1",
                    "password2",
                ),
            },
        ),
    )
    inlines: ClassVar = [OIDCIdentityInline]
