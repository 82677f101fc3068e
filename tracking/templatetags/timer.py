"""The timer bar, which stands on every page."""

from datetime import timedelta
from typing import Any

from django import template
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from tracking.forms import StartForm, TimerChangeForm
from tracking.models import Client, Project, Task, TimeEntry, local_day
from tracking.people import Person
from tracking.services import idle_since

register = template.Library()


LATEST, LOOKED_AT = 5, 50  # different work among the latest entries
SHOWN = (
    *("pk", "description", "project", "task"),
    *("project__name", "project__color", "project__client__name", "task__name"),
)


def latest_work(user: Person) -> list[TimeEntry]:
    """The latest finished entry of each of the person's latest pieces of work, latest first.

    They hold what the list of them shows, and no more: one query, for it is made on every page.
    """
    entries = TimeEntry.objects.of(user).filter(ended_at__isnull=False)
    works: dict[tuple[Any, ...], TimeEntry] = {}
    for pk, *work in entries.order_by("-day", "-started_at").values_list(*SHOWN)[:LOOKED_AT]:
        if len(works) == LATEST:
            break
        if tuple(work[:3]) not in works:
            works[tuple(work[:3])] = _entry(pk, *work)
    return list(works.values())


def _entry(
    pk: int,
    description: str,
    project: int | None,
    task: int | None,
    project_name: str,
    color: str,
    client: str | None,
    task_name: str,
) -> TimeEntry:
    entry = TimeEntry(pk=pk, description=description)
    if project is not None:
        of = Client(name=client) if client is not None else None
        entry.project = Project(pk=project, name=project_name, color=color, client=of)
    if task is not None:
        entry.task = Task(pk=task, name=task_name)
    return entry


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
