"""People in the admin: the role decides what they may do."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext, gettext_lazy as _, ngettext

from accounts.leaving import LastAdminError, erase, keep_an_admin
from accounts.models import OIDCIdentity, Role, User


class OIDCIdentityInline(admin.StackedInline):
    """Identities come from signing in; taking one away lets the account be joined anew.

    Stacked, since the boxes of Django's tables have no labels.
    """

    model = OIDCIdentity
    extra = 0
    readonly_fields = ("issuer", "subject", "created_at")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody writes an identity by hand: it would let its bearer in."""
        return False


class PersonForm(UserChangeForm):
    """An account. The last active admin stays one."""

    def clean(self) -> dict[str, Any]:
        """Say at the field why the last admin can neither be demoted nor switched off."""
        cleaned: dict[str, Any] = super().clean() or {}
        stays = {"role": cleaned.get("role") == Role.ADMIN, "is_active": cleaned.get("is_active")}
        lost = next((name for name, kept in stays.items() if not kept), None)
        try:
            if lost:
                keep_an_admin([self.instance.pk])
        except LastAdminError:
            sentence = _(
                "Nobody could administer the site afterwards. Make somebody else an admin first."
            )
            self.add_error(lost, sentence)
        return cleaned


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """Accounts. Groups and single permissions are left out: roles stand for them."""

    form = PersonForm
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
        (
            _("Preferences"),
            {
                "fields": (
                    "time_zone",
                    "week_start",
                    "hours_24",
                    "language",
                    "theme",
                    "share_analytics",
                )
            },
        ),
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
    actions = ("erase_people",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes themselves: somebody who administers the site stays."""
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (obj is None or obj.pk != request.user.pk)

    @admin.action(
        description=_("Erase what is known of the selected people"), permissions=["delete"]
    )
    def erase_people(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """Ask first, with the names; then erase, and log it without them."""
        people = list(queryset)
        if any(user.pk == request.user.pk for user in people):
            refusal = _("You cannot erase your own account. Nobody was erased.")
            self.message_user(request, refusal, messages.ERROR)
        elif "post" not in request.POST:
            return self._ask_before_erasing(request, people)
        else:
            self._erase(request, people)
        return None

    def _ask_before_erasing(self, request: HttpRequest, people: list[User]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Erase what is known of people"),
            "opts": self.opts,
            "people": people,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/accounts/user/erase_confirmation.html", context)

    def _erase(self, request: HttpRequest, people: list[User]) -> None:
        try:
            with transaction.atomic():
                erase(*people)
                for user in people:
                    self.log_change(request, user, gettext("Erased."))
        except LastAdminError:
            refusal = _("Nobody could administer the site afterwards. Nobody was erased.")
            self.message_user(request, refusal, messages.ERROR)
            return
        done = ngettext(
            "What was known of %(count)d person is erased.",
            "What was known of %(count)d people is erased.",
            len(people),
        )
        self.message_user(request, done % {"count": len(people)}, messages.SUCCESS)
