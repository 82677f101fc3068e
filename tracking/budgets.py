"""What was spent on projects, and how much of their budgets that is.

Ended entries count. A running timer counts once it is stopped: until then nobody knows how long it
was, and all sums of a page come from one index that holds no row of it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import F, Sum
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from tracking.models import Project, TimeEntry, in_money
from tracking.money import HOUR, money, worth_of
from tracking.people import Person
from tracking.templatetags.durations import hours


@dataclass(frozen=True)
class Spent:
    """The time of all entries of a project, and that of the billable ones, and their worth."""

    time: timedelta = timedelta()
    billable: timedelta = timedelta()
    cents: int = 0  # in the currency of the project

    def __add__(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(
            self.time + other.time, self.billable + other.billable, self.cents + other.cents
        )


def spent_on(projects: Collection[int], seen_by: Person) -> dict[int, Spent]:
    """What was spent on each project, by its key: what managers see is everybody's, else one's own.

    One query; that of managers is answered by an index alone.
    """
    mine = TimeEntry.objects.visible_to(seen_by)
    entries = mine.filter(project__in=projects, seconds__isnull=False)
    sums = (
        entries.order_by()
        .values_list("project", "billable")
        .annotate(Sum("seconds"), cents=Sum(worth_of(F("seconds"))))
    )
    spent = dict.fromkeys(projects, Spent())
    for project, billable, seconds, cents in sums:
        time = timedelta(seconds=seconds)
        assert project is not None
        spent[project] += Spent(time, time, int(cents or 0)) if billable else Spent(time)
    return spent


def budgets_from(percent: int) -> list[tuple[Project, "Budget"]]:
    """The budgets of active projects of which so much or more is spent, most of all first.

    Of all of them at once: what money is worth is counted only where the budget is in money.
    """
    projects = Project.objects.active().select_related("client")
    entries = TimeEntry.objects.filter(seconds__isnull=False).order_by().values_list("project")
    hours = list(projects.exclude(budget_hours=None))
    money = list(projects.exclude(budget_money=None))
    times = dict(entries.filter(project__in=[p.pk for p in hours]).annotate(Sum("seconds")))
    billable = entries.filter(project__in=[p.pk for p in money], billable=True)
    cents = dict(billable.annotate(cents=Sum(worth_of(F("seconds")))))
    spent = [(p, Spent(timedelta(seconds=times.get(p.pk) or 0))) for p in hours]
    spent += [(p, Spent(cents=int(cents.get(p.pk) or 0))) for p in money]
    found = [(p, budget) for p, of in spent if (budget := budget_of(p, of))]
    short = [(p, budget) for p, budget in found if budget.percent >= percent]
    return sorted(short, key=lambda each: (-each[1].percent, each[0].name.casefold()))


@dataclass(frozen=True)
class Budget:
    """A budget in hours (compared as seconds) or in money, and what of it is spent."""

    amount: Decimal
    spent: Decimal
    currency: str  # empty for hours

    @property
    def percent(self) -> int:
        """How much is spent, rounded down: 100 is only what is spent entirely."""
        return int(100 * self.spent / self.amount)

    @property
    def bar(self) -> int:
        """The length of the bar, of 100; what was begun can be seen."""
        return min(max(self.percent, 1 if self.spent else 0), 100)

    @property
    def over(self) -> bool:
        """Whether more is spent than there was."""
        return self.spent > self.amount

    def __str__(self) -> str:
        """`12:30 of 40:00 h (31 %)`."""
        words = {"spent": self._said(self.spent), "budget": self._said(self.amount)}
        percent = number_format(self.percent, 0, use_l10n=True, force_grouping=True)
        words["percent"] = f"{percent}\N{NO-BREAK SPACE}%"  # in a sentence xgettext reads no \N
        if not self.currency:
            words["budget"] += "\N{NO-BREAK SPACE}" + _("h")
        return _("%(spent)s of %(budget)s (%(percent)s)") % words

    @property
    def rest(self) -> str:
        """How much is left, or by how much it is over."""
        difference = self._said(abs(self.amount - self.spent))
        if not self.currency:
            difference += "\N{NO-BREAK SPACE}" + _("h")
        said = _("over budget by %(difference)s") if self.over else _("%(difference)s left")
        return said % {"difference": difference}

    def _said(self, amount: Decimal) -> str:
        return (
            money(amount, self.currency) if self.currency else hours(timedelta(seconds=int(amount)))
        )


def budget_of(project: Project, spent: Spent) -> Budget | None:
    """The project's budget and how much of it is spent; None where it has none.

    Hours count all time, money the billable time at the rates that are kept with it.
    """
    if project.budget_hours is not None:
        return Budget(project.budget_hours * HOUR, _seconds(spent.time), "")
    if project.budget_money is not None:
        return Budget(project.budget_money, in_money(spent.cents), project.currency)
    return None


def _seconds(time: timedelta) -> Decimal:
    return Decimal(time // timedelta(seconds=1))
