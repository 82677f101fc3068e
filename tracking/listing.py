"""The list of somebody's entries: its filters, pages and totals."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from django import forms
from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _, gettext_lazy

from tracking.board import Row, row_of
from tracking.forms import MORE, OfferedField
from tracking.models import (
    DESCRIPTION_LENGTH,
    Project,
    Tag,
    Task,
    TimeEntry,
    TimeEntryQuerySet,
    local_day,
)
from tracking.offers import Offer, every_one, offer_of
from tracking.people import Person
from tracking.spans import week_of
from tracking.widgets import QuickSelect

PER_PAGE = 25  # entries
MOST_OFFERED = 100  # tags, and tasks of a project
FOUR_WEEKS = timedelta(days=27)  # before today

RANGES = {
    "": gettext_lazy("Last four weeks"),
    "this-week": gettext_lazy("This week"),
    "last-week": gettext_lazy("Last week"),
    "this-month": gettext_lazy("This month"),
    "last-month": gettext_lazy("Last month"),
    "all": gettext_lazy("All time"),
}
Range = tuple[date | None, date | None]


class FilterForm(forms.Form):
    """Which entries to list. What makes no sense is left out, and said (`notes`)."""

    range = forms.ChoiceField(
        label=gettext_lazy("Range"),
        choices=list(RANGES.items()),
        required=False,
        error_messages={"invalid_choice": gettext_lazy("There is no such range.")},
    )
    since = forms.DateField(
        label=gettext_lazy("From"),
        required=False,
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
    )
    until = forms.DateField(
        label=gettext_lazy("To"),
        required=False,
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
    )
    project = OfferedField(
        Project.objects.none(),
        label=gettext_lazy("Project"),
        required=False,
        widget=QuickSelect,
        empty_label=gettext_lazy("Every project"),
        error_messages={"invalid_choice": gettext_lazy("This project is not there any more.")},
    )
    task = OfferedField(
        Task.objects.none(),
        label=gettext_lazy("Task"),
        required=False,
        widget=QuickSelect,
        error_messages={"invalid_choice": gettext_lazy("This task is not there any more.")},
    )
    tag = forms.ModelChoiceField(
        Tag.objects.all(),
        label=gettext_lazy("Tag"),
        required=False,
        widget=QuickSelect,
        error_messages={"invalid_choice": gettext_lazy("This tag is not there any more.")},
    )
    billable = forms.ChoiceField(
        label=gettext_lazy("Billable"),
        choices=[
            ("", gettext_lazy("Billable or not")),
            ("yes", gettext_lazy("Billable")),
            ("no", gettext_lazy("Not billable")),
        ],
        required=False,
        error_messages={"invalid_choice": gettext_lazy("There is no such choice.")},
    )
    text = forms.CharField(
        label=gettext_lazy("Description"),
        required=False,
        max_length=DESCRIPTION_LENGTH,
        widget=forms.TextInput({"type": "search", "placeholder": gettext_lazy("Any words")}),
    )

    def __init__(self, user: Person, data: Mapping[str, Any], offer: Offer | None = None) -> None:
        """Filters of `data`; an `offer` may come from the page, whose forms share it."""
        super().__init__(data, auto_id="filter-%s")
        project, task = self.fields["project"], self.fields["task"]
        assert isinstance(project, OfferedField)
        assert isinstance(task, OfferedField)
        project.allowed = lambda: Project.objects.visible_to(user)
        task.allowed = lambda: Task.objects.filter(project__in=project.allowed()).select_related(
            "project__client"
        )
        self.chosen = self._chosen()
        if data.get("project") == MORE:
            project.offer(every_one(project.allowed()))
        else:
            self._offer_projects(project, offer or offer_of(user))
        self._offer()
        for field in self.fields.values():
            select = isinstance(field.widget, forms.Select)
            field.widget.attrs["class"] = "form-select" if select else "form-control"

    def _chosen(self) -> dict[str, Any]:
        """What makes sense of what is asked for."""
        self.full_clean()
        if self.data.get("project") == MORE:
            self.errors.pop("project", None)
        chosen = {name: value for name, value in self.cleaned_data.items() if value}
        since, until = chosen.get("since"), chosen.get("until")
        if since and until and until < since:
            chosen["since"], chosen["until"] = until, since
        task = chosen.get("task")
        if task is not None and chosen.setdefault("project", task.project) != task.project:
            del chosen["task"]  # another project was chosen since
        return chosen

    def _offer_projects(self, field: OfferedField, offer: Offer) -> None:
        """Those of the offer, above them the chosen one if it is none of them."""
        chosen = self.chosen.get("project")
        beside = []
        if chosen is not None and (chosen.pk, None) not in offer.works:
            beside = [(chosen.pk, str(chosen))]
        field.offer([*beside, *offer.projects], more=offer.more)

    def _offer(self) -> None:
        """Fill the other lists, none longer than people read."""
        chosen = self.chosen.get("project")
        tags = Tag.objects.filter(archived=False).values_list("pk", "name")[:MOST_OFFERED]
        self._choices("tag", _("Every tag"), tags)
        if chosen:
            tasks = chosen.tasks.values_list("pk", "name")[:MOST_OFFERED]
            self._choices("task", _("Every task"), tasks)
        else:
            del self.fields["task"]

    def _choices(self, name: str, empty: str, offered: Iterable[tuple[int, str]]) -> None:
        choices = dict(offered)
        if (chosen := self.chosen.get(name)) is not None:
            choices.setdefault(chosen.pk, chosen.name)
        self.fields[name].widget.choices = [("", empty), *choices.items()]

    @property
    def notes(self) -> list[str]:
        """A sentence for each filter that was left out."""
        return [
            _("%(sentence)s The filter “%(name)s” was left out.")
            % {"sentence": " ".join(map(str, errors)), "name": FilterForm.base_fields[name].label}
            for name, errors in self.errors.items()
        ]

    def days(self, today: date, week_start: int) -> Range:
        """First and last day that are asked for; None where there is no bound."""
        if self.chosen.keys() & {"since", "until"}:
            return self.chosen.get("since"), self.chosen.get("until")
        return range_of(self.chosen.get("range", ""), today, week_start)

    def words(self) -> list[str]:
        """What is filtered by, for the line into which the filters fold."""
        chosen = self.chosen
        words = [self._range_words()]
        words += [str(chosen[name]) for name in ("project", "task", "tag") if name in chosen]
        if "billable" in chosen:
            words.append(_("Billable") if chosen["billable"] == "yes" else _("Not billable"))
        if "text" in chosen:
            words.append(_("“%(text)s”") % {"text": chosen["text"]})
        return words

    def _range_words(self) -> str:
        since, until = (self.chosen.get(name) for name in ("since", "until"))
        if since and until:
            return f"{date_format(since)} – {date_format(until)}"
        if since:
            return _("since %(day)s") % {"day": date_format(since)}
        if until:
            return _("until %(day)s") % {"day": date_format(until)}
        return str(RANGES[self.chosen.get("range", "")])

    @property
    def narrows(self) -> bool:
        """Whether anything is chosen."""
        return bool(self.chosen)

    def narrow(self, entries: TimeEntryQuerySet) -> TimeEntryQuerySet:
        """The entries that are asked for, but for the range."""
        chosen, wanted = self.chosen, Q()
        for name, lookup in (("project", "project"), ("task", "task"), ("tag", "tags")):
            if name in chosen:
                wanted &= Q((lookup, chosen[name]))
        if "billable" in chosen:
            wanted &= Q(billable=chosen["billable"] == "yes")
        if "text" in chosen:
            wanted &= Q(description__icontains=chosen["text"])
        return entries.filter(wanted)


def range_of(name: str, today: date, week_start: int) -> Range:
    """First and last day of a range of `RANGES`; weeks start as `date.weekday()` counts."""
    if name == "all":
        return None, None
    if name in ("this-week", "last-week"):
        week = week_of(today - timedelta(days=7 * (name == "last-week")), week_start)
        return week[0], week[-1]
    first = today.replace(day=1)
    if name == "this-month":
        return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    if name == "last-month":
        last = first - timedelta(days=1)
        return last.replace(day=1), last
    return today - FOUR_WEEKS, None


@dataclass(frozen=True)
class Day:
    """The entries of a day that stand on a page, and the total of all that are filtered."""

    day: date
    rows: list[Row]
    total: timedelta
    grows: bool  # a timer runs


@dataclass(frozen=True)
class Listing:
    """A page of somebody's entries."""

    person: Any
    today: date
    filters: FilterForm
    days: list[Day]
    page: Page
    count: int
    total: timedelta
    grows: bool


def listing_of(
    user: Person,
    person: Person,
    query: Mapping[str, Any],
    now: datetime | None = None,
    *,
    offer: Offer | None = None,
) -> Listing:
    """What a user sees of a person's entries, as the query of the address asks for.

    Whether they may is for the caller. Totals are over all that is filtered, at an aware moment
    (now, unless told); a running timer counts. An `offer` of the user's may come from the page.
    """
    now = now or timezone.now()
    filters, today = FilterForm(user, query, offer), local_day(now, person.time_zone)
    entries = _within(TimeEntry.objects.of(person), filters, user, today)
    sums = _sums(entries)
    runs = _running(
        entries.filter(ended_at=None).first()
        if any(each.running for each in sums.values())
        else None,
        now,
    )
    paginator = Paginator(entries.shown().order_by("-day", "-started_at", "-pk"), PER_PAGE)
    paginator.count = sum(each.count for each in sums.values())
    page = paginator.get_page(query.get("page"))
    rows = [row_of(entry, now, person.time_zone) for entry in page]
    return Listing(
        person=person,
        today=today,
        filters=filters,
        days=_days(rows, sums, runs),
        page=page,
        count=paginator.count,
        total=sum((each.total for each in sums.values()), sum(runs.values(), timedelta())),
        grows=bool(runs),
    )


def _within(
    entries: TimeEntryQuerySet, filters: FilterForm, user: Person, today: date
) -> TimeEntryQuerySet:
    first, last = filters.days(today, user.week_start)
    if first is not None:
        entries = entries.filter(day__gte=first)
    if last is not None:
        entries = entries.filter(day__lte=last)
    return filters.narrow(entries)


@dataclass(frozen=True)
class Totals:
    """What is filtered of a day, on whatever page it stands; the running timer has no length."""

    count: int
    total: timedelta
    running: int


NOTHING = Totals(0, timedelta(), 0)


def _sums(entries: TimeEntryQuerySet) -> dict[date, Totals]:
    """By day, in one query for the list's totals and for those of its days."""
    told = entries.order_by().values_list("day")
    return {
        day: Totals(count, timedelta(seconds=seconds or 0), running=count - ended)
        for day, count, ended, seconds in told.annotate(
            Count("pk"), Count("seconds"), Sum("seconds")
        )
    }


def _running(entry: TimeEntry | None, now: datetime) -> dict[date, timedelta]:
    """How long the running timer has taken, by its day; sums of the database leave it out."""
    return {} if entry is None else {entry.day: entry.duration_at(now)}


def _days(
    rows: list[Row], sums: Mapping[date, Totals], runs: Mapping[date, timedelta]
) -> list[Day]:
    """The rows by day; a day's total also counts what stands on other pages."""
    return [
        Day(
            day,
            list(of_day),
            sums.get(day, NOTHING).total + runs.get(day, timedelta()),
            day in runs,
        )
        for day, of_day in groupby(rows, lambda row: row.entry.day)
    ]
