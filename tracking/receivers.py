"""What happens to a person's time when the person changes."""

from typing import Any

from django.conf import settings
from django.db.models.signals import post_save

from tracking.services import stop_timer


def connect() -> None:
    """Listen to accounts."""
    post_save.connect(
        on_user_saved, sender=settings.AUTH_USER_MODEL, dispatch_uid="tracking.on_user_saved"
    )


def on_user_saved(instance: Any, *, raw: bool = False, **_kwargs: object) -> None:
    """Stop the timer of a person who may not sign in any more: nobody else would."""
    if not raw and not instance.is_active:
        stop_timer(instance)
