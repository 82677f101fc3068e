"""People and the identities under which they sign in."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.models import AbstractUser, UserManager as DjangoUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy as _

from accounts.names import former_number


class Role(models.TextChoices):
    """What a person may do; an admin also enters the Django admin."""

    ADMIN = "admin", _("Admin")
    MANAGER = "manager", _("Manager")
    USER = "user", _("User")


class Theme(models.TextChoices):
    """How the pages look."""

    SYSTEM = "system", _("As the system")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class SignupMethod(models.TextChoices):
    """How an account came to be."""

    LOCAL = "local", _("Password")
    OIDC = "oidc", _("OpenID Connect")


class WeekStart(models.IntegerChoices):
    """The first day of a week, counted as `date.weekday()` does."""

    MONDAY = 0, _("Monday")
    SATURDAY = 5, _("Saturday")
    SUNDAY = 6, _("Sunday")


CLOCKS = [(True, _("24 hours (17:30)")), (False, _("12 hours (5:30 pm)"))]


def language_choices() -> list[tuple[str, Any]]:
    """The site's languages, and none for that which the browser asks for."""
    return [("", _("As the browser")), *settings.LANGUAGES]


def validate_time_zone(name: str) -> None:
    """Refuse what is no name of the IANA time zone database."""
    if name not in available_timezones():
        raise ValidationError(
            _("“%(name)s” is no time zone; one is Europe/Berlin."), params={"name": name}
        )


def default_time_zone() -> str:
    """The installation's time zone."""
    return settings.TIME_ZONE


def default_share_analytics() -> bool:
    """What the operator chose for new accounts."""
    return bool(settings.SHARE_ANALYTICS_DEFAULT)


class UserManager(DjangoUserManager["User"]):
    """Makes accounts with roles: `createsuperuser` makes an admin."""

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **fields: Any
    ) -> "User":
        """Make an admin; the flags of Django's own user follow from the role."""
        fields = {**fields, "role": Role.ADMIN, "is_staff": True, "is_superuser": True}
        return super().create_superuser(username, email, password, **fields)


class User(AbstractUser):
    """A person. `is_staff` and `is_superuser` follow the role; a database constraint holds that."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.USER)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default=default_time_zone, validators=[validate_time_zone]
    )
    hours_24 = models.BooleanField(_("clock"), choices=CLOCKS, default=True)
    language = models.CharField(
        _("language"), max_length=10, choices=language_choices, blank=True, default=""
    )
    theme = models.CharField(_("theme"), max_length=6, choices=Theme, default=Theme.SYSTEM)
    week_start = models.PositiveSmallIntegerField(
        _("week starts on"), choices=WeekStart, default=WeekStart.MONDAY
    )
    share_analytics = models.BooleanField(
        _("share how I use the site"),
        default=default_share_analytics,
        help_text=_("Never names, projects or notes. Off: nothing about you is recorded."),
    )
    signup_method = models.CharField(
        _("signed up with"),
        max_length=5,
        choices=SignupMethod,
        default=SignupMethod.LOCAL,
        editable=False,
    )
    first_login = models.DateTimeField(_("first sign-in"), null=True, blank=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    class Meta(AbstractUser.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(
                name="accounts_user_flags_follow_role",
                condition=Q(role=Role.ADMIN, is_staff=True, is_superuser=True)
                | (~Q(role=Role.ADMIN) & Q(is_staff=False, is_superuser=False)),
            )
        ]

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """Save; `is_staff` and `is_superuser` follow the role."""
        self.is_staff = self.is_superuser = self.role == Role.ADMIN
        if update_fields is not None and "role" in update_fields:
            update_fields = {*update_fields, "is_staff", "is_superuser"}
        super().save(*args, update_fields=update_fields, **kwargs)

    def get_full_name(self) -> str:
        """First and last name; "Former member 7" of somebody whose account was erased."""
        return self.former_name or super().get_full_name()

    def get_short_name(self) -> str:
        """The first name; "Former member 7" of somebody whose account was erased."""
        return self.former_name or super().get_short_name()

    @property
    def former_name(self) -> str:
        """What an erased account is called; empty for all others."""
        number = former_number(self.username)
        return "" if number is None else gettext("Former member %(number)d") % {"number": number}

    signs_in_first = False
    """Whether the sign-in in hand is this person's first."""

    def record_first_login(self) -> datetime:
        """When this person first signed in (UTC), recorded now if never before.

        Idempotent and safe in a race: the database keeps the first value.
        """
        if self.first_login is None:
            now = timezone.now()
            unset = User.objects.filter(pk=self.pk, first_login=None)
            self.signs_in_first = bool(unset.update(first_login=now))
            self.refresh_from_db(fields=["first_login"])
        assert self.first_login is not None
        return self.first_login


class OIDCIdentity(models.Model):
    """A person at an OpenID Connect provider: (issuer, subject), which never changes."""

    user = models.ForeignKey(User, models.CASCADE, related_name="oidc_identities")
    issuer = models.CharField(_("issuer"), max_length=500)
    subject = models.CharField(_("subject"), max_length=255)
    created_at = models.DateTimeField(_("joined"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("OpenID Connect identity")
        verbose_name_plural = _("OpenID Connect identities")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["issuer", "subject"], name="accounts_one_account_per_oidc_identity"
            )
        ]

    def __str__(self) -> str:
        return f"{self.subject} ({self.issuer})"
