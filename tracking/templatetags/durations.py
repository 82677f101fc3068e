"""Durations as people and as machines read them."""

from datetime import timedelta

from django import template

register = template.Library()


@register.filter
def clock(duration: timedelta) -> str:
    """A duration as h:mm:ss; hours go on beyond a day."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


@register.filter
def seconds(duration: timedelta) -> int:
    """A duration in whole seconds."""
    return int(duration.total_seconds())


@register.filter
def iso(duration: timedelta) -> str:
    """A duration as `<time datetime>` takes it."""
    return f"PT{int(duration.total_seconds())}S"
