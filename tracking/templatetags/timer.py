"""The timer bar, which stands on every page."""

from datetime import timedelta
from typing import Any

from django import template
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from tracking.forms import StartForm, TimerChangeForm
from tracking.models import TimeEntry, local_day
from tracking.people import Person
from tracking.services import idle_since

register = template.Library()


LATEST, LOOKED_AT = 5, 50  # different work among the latest entries


def latest_work(user: Person) -> list[TimeEntry]:
    """The latest finished entry of each of the person's latest pieces of work, latest first."""
    entries = TimeEntry.objects.of(user).filter(ended_at__isnull=False)
    works = entries.order_by("-day", "-started_at").values_list(
        "pk", "description", "project", "task"
    )
    found: dict[tuple[Any, ...], int] = {}
    for pk, *work in works[:LOOKED_AT]:
        found.setdefault(tuple(work), pk)
    latest = list(found.values())[:LATEST]
    rows = entries.shown().prefetch_related(None).in_bulk(latest)
    return [rows[pk] for pk in latest if pk in rows]


@register.inclusion_tag("tracking/timer.html", takes_context=True)
def timer_bar(context: dict[str, Any], *, oob: bool = False) -> dict[str, Any]:
    """The running timer, or the form that starts one; `oob` replaces it from any answer of htmx.

    `timer_forms` of the context holds forms as they were sent: `form` to start, `change` to change;
    `offer` what the page offers in its own forms.
    """
    request = context["request"]
    user, now = request.user, timezone.now()
    forms, offer = context.get("timer_forms", {}), context.get("offer")
    running = TimeEntry.objects.of(user).filter(ended_at=None).shown().first()
    shown = {
        "request": request,
        "csrf_token": context.get("csrf_token"),
        "oob": oob,
        # Where to go without a script: never to an address that takes only what a form sends.
        "here": request.get_full_path() if request.method == "GET" else "",
        # After an action of the bar's own, the next one is at hand; no other's focus is taken.
        "focus": oob and request.path.startswith(reverse("timer")),
    }
    if running is None or "form" in forms:
        form = forms.get("form") or StartForm(user, offer=offer)
        refused = running is not None and settings.SECOND_TIMER == "refuse"
        return {**shown, "form": form, "refused": refused, "latest": latest_work(user)}
    days = local_day(now, user.time_zone) - local_day(running.started_at, user.time_zone)
    return {
        **shown,
        "entry": running,
        "duration": running.duration_at(now),
        "days_later": max(days, timedelta()).days,
        "idle_since": idle_since(running, now),
        "change": forms.get("change") or TimerChangeForm(user, entry=running, offer=offer),
    }
