"""What this installation is: its version, its platform, its place in time."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone

from analytics import conf

if TYPE_CHECKING:
    from analytics.models import Installation


def context() -> dict[str, Any]:
    """What stands on every event."""
    config = conf.get()
    return {
        "app_version": config.APP_VERSION,
        "environment": config.ENVIRONMENT,
        "deployment_method": config.DEPLOYMENT_METHOD,
        "platform": platform.system(),
    }


def event_properties() -> dict[str, Any]:
    """What stands on every telemetry event beside what stands on all events."""
    return {"python_version": platform.python_version()}


def groups() -> dict[str, str]:
    """The groups that the installation belongs to: type → key."""
    return {"version": conf.get().APP_VERSION, "platform": platform.system()}


def group_properties() -> dict[str, dict[str, str]]:
    """What is known of those groups: type → properties."""
    return {
        "version": {"version_number": conf.get().APP_VERSION},
        "platform": {"platform_name": platform.system()},
    }


def describe(installation: Installation) -> dict[str, dict[str, Any]]:
    """The installation as PostHog's person."""
    config = conf.get()
    return {
        "$set": {
            "current_version": config.APP_VERSION,
            "current_platform": platform.system(),
            "environment": config.ENVIRONMENT,
            "deployment_method": config.DEPLOYMENT_METHOD,
            "timezone": settings.TIME_ZONE,
            "last_seen": timezone.now(),
        },
        "$set_once": {
            "first_seen_version": installation.first_seen_version,
            "first_seen_platform": installation.first_seen_platform,
        },
    }
