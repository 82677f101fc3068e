"""Durations as people and as machines read them."""

from datetime import timedelta

from django import template

from tracking import clockface

register = template.Library()
register.filter("time_of_day", clockface.time_of_day)
register.filter("day_and_time", clockface.day_and_time)


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


@register.filter
def hours(duration: timedelta) -> str:
    """A duration as h:mm, for sums; seconds are cut off."""
    return clock(duration).rpartition(":")[0]
