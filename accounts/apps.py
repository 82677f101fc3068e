"""Accounts: people, and how they sign in."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People, local sign-in (django-allauth) and OpenID Connect (mozilla-django-oidc)."""

    name = "accounts"
    verbose_name = _("People")  # "Accounts" is what django-allauth calls its e-mail addresses

    def ready(self) -> None:
        """Listen to people who make accounts and sign in."""
        from accounts import receivers

        receivers.connect()
