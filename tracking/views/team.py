"""What the team is working on, for managers."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Q, Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from tracking import services, spans
from tracking.budgets import budgets_from
from tracking.decorators import PersonRequest, manager_required
from tracking.models import TimeEntry, local_day
from tracking.people import Person, administers
from tracking.project_forms import name_of, people

NEAR = 90  # percent of a budget
SHOWN = 20  # budgets


@dataclass(frozen=True)
class Row:
    """A person's time; a running timer counts."""

    person: Any
    name: str
    today: timedelta
    week: timedelta
    running: TimeEntry | None
    duration: timedelta  # of the running timer


@require_safe
@manager_required
def team(request: PersonRequest) -> HttpResponse:
    """Everybody with today's and this week's time, and what they are working on."""
    now = timezone.now()
    everybody = sorted(people(), key=lambda person: name_of(person).casefold())
    rows = _rows([person for person in everybody if person.is_active], request.user, now)
    context = {
        "rows": sorted(rows, key=lambda row: row.running is None),
        "gone": [(person, name_of(person)) for person in everybody if not person.is_active],
        "today": sum((row.today for row in rows), timedelta()),
        "week": sum((row.week for row in rows), timedelta()),
        "running": sum(row.running is not None for row in rows),
        "administers": administers(request.user),
        "locked": services.locked_until(),
        **_budgets(),
    }
    return render(request, "tracking/team.html", context)


def _budgets() -> dict[str, Any]:
    """The budgets of active projects that run over or nearly do, most of all first."""
    short = budgets_from(NEAR)
    over = sum(budget.over for _project, budget in short)
    return {
        "budgets": short[:SHOWN],
        "over": over,
        "near": len(short) - over,
        "unshown": len(short[SHOWN:]),
    }


def _rows(team: list[Any], user: Person, now: datetime) -> list[Row]:
    """A row for each person; two queries. The days are those of `user`, who looks at them.

    An entry counts for the day that it keeps, that of its own person's zone.
    """
    keys = [person.pk for person in team]
    today = local_day(now, user.time_zone)
    days = spans.week_of(today, user.week_start)
    sums = _sums(keys, today, days)
    running = TimeEntry.objects.filter(user__in=keys, ended_at=None)
    timers = {entry.user_id: entry for entry in running.select_related("project__client", "task")}
    rows = []
    for person in team:
        timer = timers.get(person.pk)
        duration = timer.duration_at(now) if timer else timedelta()
        day, week = sums.get(person.pk, (timedelta(), timedelta()))
        if timer and timer.day == today:
            day += duration
        if timer and timer.day in days:
            week += duration
        rows.append(Row(person, name_of(person), day, week, timer, duration))
    return rows


def _sums(keys: list[Any], today: date, days: Any) -> dict[Any, tuple[timedelta, timedelta]]:
    """By person's key: the ended time of today and of the week."""
    week = TimeEntry.objects.filter(user__in=keys, day__range=(days[0], days[-1]))
    sums = (
        week.order_by()
        .values_list("user")
        .annotate(today=Sum("seconds", filter=Q(day=today)), week=Sum("seconds"))
    )
    return {
        user: (timedelta(seconds=day or 0), timedelta(seconds=total or 0))
        for user, day, total in sums
    }
