"""What happens around signing in, beside what `analytics` sees for itself."""

from typing import Any

from allauth.account.signals import user_signed_up
from django.contrib import messages
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import pre_delete
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

import analytics
from accounts import leaving
from accounts.models import User


def connect() -> None:
    """Listen to django-allauth and Django."""
    user_signed_up.connect(on_signed_up, dispatch_uid="accounts.on_signed_up")
    user_logged_in.connect(on_first_login, dispatch_uid="accounts.on_first_login")
    pre_delete.connect(on_deleting, sender=User, dispatch_uid="accounts.on_deleting")


def on_signed_up(user: User, **_kwargs: Any) -> None:
    """Record that somebody made an account with a password."""
    analytics.track_event(user.pk, "auth.signup", {"auth_method": user.signup_method})


def on_deleting(instance: User, **_kwargs: Any) -> None:
    """Have the admins' log, which outlives the account, name nobody."""
    leaving.forget_in_log(instance)


def on_first_login(request: HttpRequest, user: User, **_kwargs: Any) -> None:
    """Say at the first sign-in what is recorded, and where to switch that off."""
    user.record_first_login()
    if user.signs_in_first and user.share_analytics:
        sentence = _(
            "This site records how it is used: what is done and when, never names, projects or"
            ' notes. You can switch that off in <a href="{preferences}">your preferences</a>.'
        )
        notice = format_html(sentence, preferences=reverse("account_preferences"))
        messages.info(request, notice, fail_silently=True)
