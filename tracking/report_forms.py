"""What a report's address asks for: period, filters, groups and rounding."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.translation import gettext as _, gettext_lazy

from tracking.models import Project, ProjectQuerySet, TimeEntry, local_day
from tracking.people import Person, manages
from tracking.report_names import NONE, WITHOUT, Thing, every, things_of, without
from tracking.reports import Question
from tracking.rounding import LONGEST, Rounding
from tracking.spans import week_of

OFFERED = 50  # of each list, until all are asked for
MOST_CHOSEN = 100  # of each
LONGEST_REPORT = 3653  # days: ten years, three of them leap years at most
DATES = "dates"
DEFAULT_MINUTES = 15
Days = tuple[date, date]  # first and last

RANGES = {
    "today": gettext_lazy("Today"),
    "this-week": gettext_lazy("This week"),
    "last-week": gettext_lazy("Last week"),
    "this-month": gettext_lazy("This month"),
    "last-month": gettext_lazy("Last month"),
    "this-year": gettext_lazy("This year"),
    "last-year": gettext_lazy("Last year"),
    DATES: gettext_lazy("From … to …"),
}
DEFAULT_RANGE = "this-month"
GROUP_LABELS = {
    "client": gettext_lazy("Client"),
    "project": gettext_lazy("Project"),
    "task": gettext_lazy("Task"),
    "tag": gettext_lazy("Tag"),
    "person": gettext_lazy("Person"),
    "billable": gettext_lazy("Billable"),
    "day": gettext_lazy("Day"),
    "week": gettext_lazy("Week"),
    "month": gettext_lazy("Month"),
}
SECOND_GROUP_LABELS = {"": gettext_lazy("Nothing else"), **GROUP_LABELS}
DEFAULT_GROUP = "project"
ROUNDINGS = {
    "none": gettext_lazy("Not rounded"),
    "up": gettext_lazy("Up"),
    "down": gettext_lazy("Down"),
    "nearest": gettext_lazy("To the nearest"),
}
ORDERS = {
    "client": ("archived", "name"),
    "project": ("archived", "name"),
    "task": ("done", "name"),
    "tag": ("archived", "name"),
    "person": ("-is_active", "first_name", "last_name", "username"),
}
DAYS_WITH_WEEKS = (date(2, 1, 8), date(9998, 12, 31))


KINDS = {  # of what a report may be narrowed to several, and what stands there while it is not
    "client": (gettext_lazy("Client"), gettext_lazy("Every client")),
    "project": (gettext_lazy("Project"), gettext_lazy("Every project")),
    "task": (gettext_lazy("Task"), gettext_lazy("Every task")),
    "tag": (gettext_lazy("Tag"), gettext_lazy("Every tag")),
    "person": (gettext_lazy("Person"), gettext_lazy("Everybody")),
}


@dataclass(frozen=True)
class Choices:
    """What the form offers of a kind."""

    name: str
    label: Any
    every: Any  # what stands there while none is chosen
    chosen: list[Thing]
    others: list[Thing]
    more: bool  # there are others
    opens: bool  # somebody has just asked for all of them


class KeysField(forms.Field):
    """Several values of the address; cleans to a list of them, each once."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[str]:
        """The values that say anything."""
        return [*dict.fromkeys(str(one) for one in value or [] if one)]


def _day(label: Any) -> forms.DateField:
    sentence = gettext_lazy("Choose a year from 2 to 9998.")
    return forms.DateField(
        label=label,
        required=False,
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
        validators=[
            MinValueValidator(DAYS_WITH_WEEKS[0], sentence),
            MaxValueValidator(DAYS_WITH_WEEKS[1], sentence),
        ],
    )


def _choice(label: Any, choices: Mapping[str, Any], sentence: Any) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label,
        choices=list(choices.items()),
        required=False,
        error_messages={"invalid_choice": sentence},
    )


NO_GROUP = gettext_lazy("Reports are not grouped by this.")


class ReportForm(forms.Form):
    """What a report asks for. What makes no sense is left out, and said (`notes`).

    Only a period that cannot be added up is refused (`refusal`): `question` raises then.
    """

    range = _choice(gettext_lazy("Period"), RANGES, gettext_lazy("There is no such period."))
    since = _day(gettext_lazy("From"))
    until = _day(gettext_lazy("To"))
    by = _choice(gettext_lazy("Group by"), GROUP_LABELS, NO_GROUP)
    then = _choice(gettext_lazy("and by"), SECOND_GROUP_LABELS, NO_GROUP)
    client = KeysField(label=KINDS["client"][0], required=False)
    project = KeysField(label=KINDS["project"][0], required=False)
    task = KeysField(label=KINDS["task"][0], required=False)
    tag = KeysField(label=KINDS["tag"][0], required=False)
    person = KeysField(label=KINDS["person"][0], required=False)
    billable = _choice(
        gettext_lazy("Billable"),
        {
            "": gettext_lazy("Billable or not"),
            "yes": gettext_lazy("Billable"),
            "no": gettext_lazy("Not billable"),
        },
        gettext_lazy("There is no such choice."),
    )
    rounding = _choice(
        gettext_lazy("Rounding"), ROUNDINGS, gettext_lazy("There is no such rounding.")
    )
    minutes = forms.IntegerField(
        label=gettext_lazy("Minutes"), required=False, min_value=1, max_value=LONGEST
    )

    def __init__(
        self, user: Person, data: QueryDict | Mapping[str, Any], today: date | None = None
    ) -> None:
        """What `data`, the query of an address, asks of the reports of a user."""
        query = data if isinstance(data, QueryDict) else _query_of(data)
        super().__init__(query, auto_id="report-%s")
        for field in self.fields.values():
            select = isinstance(field.widget, forms.Select)
            field.widget.attrs["class"] = "form-select" if select else "form-control"
        self.user, self.query_data = user, query
        self.today = today or local_day(timezone.now(), user.time_zone)
        if not manages(user):
            self._keep_to_oneself()
        self._notes: list[str] = []
        self.range_chosen = DEFAULT_RANGE
        self.full_clean()
        self._note_errors()
        self.things = {name: self._things(name) for name in KINDS if name in self.fields}
        self.first, self.last = self._period()
        self.refusal = _refusal(self.first, self.last)
        self.query = urlencode(self._canonical())
        self._show_what_counts()

    def question(self) -> Question:
        """What is asked for. Raises `ValidationError` for a period that cannot be added up."""
        if self.refusal:
            raise ValidationError(self.refusal)
        keys = {name: tuple(one.key for one in things) for name, things in self.things.items()}
        told = self.cleaned_data.get("billable")
        return Question(
            viewer=self.user,
            first=self.first,
            last=self.last,
            clients=keys["client"],
            projects=keys["project"],
            tasks=keys["task"],
            tags=keys["tag"],
            people=keys.get("person", ()),
            billable=told == "yes" if told else None,
            groups=self.groups,
            rounding=self.rounding_chosen,
            query=self.query,
        )

    @property
    def notes(self) -> list[str]:
        """A sentence for each thing that was left out."""
        return self._notes

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """By what it is grouped, one or two."""
        by = self.cleaned_data.get("by") or DEFAULT_GROUP
        then = self.cleaned_data.get("then")
        return (by, then) if then and then != by else (by,)

    @cached_property
    def rounding_chosen(self) -> Rounding:
        """How time is rounded."""
        way = self.cleaned_data.get("rounding") or "none"
        return Rounding(way, self.cleaned_data.get("minutes") or DEFAULT_MINUTES)

    def words(self) -> list[str]:
        """What is asked for, for the line into which the filters fold."""
        things = [one.name for chosen in self.things.values() for one in chosen]
        told = self.cleaned_data.get("billable")
        return [
            self._period_words(),
            *things,
            *([_("Billable") if told == "yes" else _("Not billable")] if told else []),
            _("by %(groups)s")
            % {"groups": ", ".join(str(GROUP_LABELS[group]) for group in self.groups)},
            *self._rounding_words(),
        ]

    @cached_property
    def lists(self) -> list[Choices]:
        """What may be chosen of each kind; tasks once their projects are."""
        return [self._choices(name) for name in self.things if self._offers(name)]

    @property
    def fields_shown(self) -> list[forms.BoundField]:
        """Those of one answer each."""
        return [self[name] for name in self.fields if name not in KINDS]

    @property
    def opens(self) -> bool:
        """Whether somebody is still choosing."""
        return "more" in self.query_data

    @property
    def narrows(self) -> bool:
        """Whether anything is asked for but what goes without saying."""
        return bool(self.query)

    # --- parts ---

    def _period_words(self) -> str:
        first, last = date_format(self.first), date_format(self.last)
        days = first if self.first == self.last else f"{first} – {last}"
        return days if self.range_chosen == DATES else f"{RANGES[self.range_chosen]}: {days}"

    def _rounding_words(self) -> list[str]:
        rounding = self.rounding_chosen
        sentences = {
            "up": _("rounded up to %(minutes)d min"),
            "down": _("rounded down to %(minutes)d min"),
            "nearest": _("rounded to the nearest %(minutes)d min"),
        }
        if not rounding.rounds:
            return []
        return [sentences[rounding.way] % {"minutes": rounding.minutes}]

    def _offers(self, name: str) -> bool:
        return name != "task" or bool(self.things["task"] or self.things["project"])

    def _choices(self, name: str) -> Choices:
        """Those chosen first; of the others no more than people read, until they ask for all."""
        rows = _allowed(name, self.user).order_by(*ORDERS[name])
        if name == "task" and (projects := [one.key for one in self.things["project"]]):
            rows = rows.filter(project__in=projects)
        every_one = name in self.query_data.getlist("more")
        found = things_of(name, rows if every_one else rows[: OFFERED + 1])
        more = len(found) > OFFERED and not every_one
        chosen = self.things[name]
        others = [*([without(name)] if name in WITHOUT else []), *found[: -1 if more else None]]
        label, every_word = KINDS[name]
        others = [one for one in others if one not in chosen]
        return Choices(name, label, every_word, chosen, others, more, every_one)

    def _show_what_counts(self) -> None:
        """Let the fields show what is asked for, be it said or not."""
        shown = self.query_data.copy()
        by, then = (*self.groups, "")[:2]
        dates = self.range_chosen == DATES
        shown["range"], shown["by"], shown["then"] = self.range_chosen, by, then
        shown["since"] = self.first.isoformat() if dates else ""
        shown["until"] = self.last.isoformat() if dates else ""
        shown["billable"] = self.cleaned_data.get("billable") or ""
        shown["rounding"] = self.rounding_chosen.way
        shown["minutes"] = str(self.rounding_chosen.minutes)
        self.data = shown

    def _keep_to_oneself(self) -> None:
        """A user's report is of that user."""
        del self.fields["person"]
        for name, choices in (("by", GROUP_LABELS), ("then", SECOND_GROUP_LABELS)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [one for one in choices.items() if one[0] != "person"]

    def _note_errors(self) -> None:
        for name, errors in self.errors.items():
            self._note(" ".join(map(str, errors)), name)

    def _note(self, sentence: str, name: str) -> None:
        label = ReportForm.base_fields[name].label
        self._notes.append(
            _("%(sentence)s The filter “%(name)s” was left out.")
            % {"sentence": sentence, "name": label}
        )

    def _things(self, name: str) -> list[Thing]:
        """What is chosen of a kind, in the order of names; what is not there is left out."""
        values = self.cleaned_data.get(name, [])
        of_none = [without(name)] if NONE in values and name in WITHOUT else []
        wanted = [value for value in values if not (of_none and value == NONE)]
        keys = [key for key in map(_key_of(name), wanted[:MOST_CHOSEN]) if key is not None]
        found = things_of(name, _allowed(name, self.user).filter(pk__in=keys)) if keys else []
        if len(found) < len(wanted):
            self._note_missing(name, some=bool(of_none or found))
        return [*of_none, *found]

    def _note_missing(self, name: str, *, some: bool) -> None:
        if some:
            sentence = _(
                "Of the filter “%(name)s” a part is not there (any more): it was left out."
            )
            self._notes.append(sentence % {"name": KINDS[name][0]})
        else:
            self._note(_("What was chosen is not there any more."), name)

    def _period(self) -> Days:
        """First and last day. What is left open ends today, or begins with its month."""
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        wanted = self.cleaned_data.get("range") or ""
        if (since or until) and wanted in ("", DATES):
            self.range_chosen = DATES
            return _closed(since, until, self.today)
        if since or until:
            self._notes.append(
                _("“%(range)s” was chosen, so the dates were left out.") % {"range": RANGES[wanted]}
            )
        self.range_chosen = wanted if wanted and wanted != DATES else DEFAULT_RANGE
        return days_of(self.range_chosen, self.today, self.user.week_start)

    def _canonical(self) -> list[tuple[str, str]]:
        """What is asked for in one order, without what goes without saying."""
        period = [("range", self.range_chosen)]
        if self.range_chosen == DATES:
            period = [("since", self.first.isoformat()), ("until", self.last.isoformat())]
        told = self.cleaned_data.get("billable") or ""
        by, then = (*self.groups, "")[:2]
        things = [(name, one.value) for name, chosen in self.things.items() for one in chosen]
        rounding = [("rounding", ""), ("minutes", "")]
        if self.rounding_chosen.rounds:
            rounding = [
                ("rounding", self.rounding_chosen.way),
                ("minutes", str(self.rounding_chosen.minutes)),
            ]
        said = [*period, *things, ("billable", told), ("by", by), ("then", then), *rounding]
        unsaid = {("range", DEFAULT_RANGE), ("by", DEFAULT_GROUP)}
        return [one for one in said if one[1] and one not in unsaid]


def days_of(name: str, today: date, week_start: int) -> Days:
    """First and last day of one of RANGES; weeks start as `date.weekday()` counts."""
    match name:
        case "today":
            return today, today
        case "this-week" | "last-week":
            week = week_of(today - timedelta(7 * (name == "last-week")), week_start)
            return week[0], week[-1]
        case "this-month" | "last-month":
            first = today.replace(day=1)
            if name == "last-month":
                first = (first - timedelta(1)).replace(day=1)
            return first, (first + timedelta(31)).replace(day=1) - timedelta(1)
    year = today.year - (name == "last-year")
    return date(year, 1, 1), date(year, 12, 31)


# --- parts ---------------------------------------------------------------------------------------


def _closed(since: date | None, until: date | None, today: date) -> Days:
    """First and last day where one of them may be open: it ends today, or begins with its month."""
    if since is None:
        until = until or today
        return until.replace(day=1), until
    return since, until or max(since, today)


def _query_of(data: Mapping[str, Any]) -> QueryDict:
    query = QueryDict(mutable=True)
    for name, value in data.items():
        query.setlist(name, value if isinstance(value, list | tuple) else [value])
    return query


def _refusal(first: date, last: date) -> str:
    """Why a period cannot be added up; empty where it can."""
    if last < first:
        return _("The report would end (%(last)s) before it begins (%(first)s).") % {
            "first": date_format(first),
            "last": date_format(last),
        }
    if (last - first).days >= LONGEST_REPORT:
        return _("A report adds up ten years at most. Choose a shorter period.")
    return ""


def _key_of(name: str) -> Callable[[str], Any]:
    return _person_key if name == "person" else _number


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _person_key(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _allowed(kind: str, user: Person) -> QuerySet[Any]:
    """What of a kind a person may ask for: what they may see, and what their own time is of."""
    if manages(user) or kind == "tag":
        return every(kind)
    projects = _projects(user)
    if kind == "project":
        return projects
    if kind == "task":
        return every(kind).filter(project__in=projects)
    return every(kind).filter(pk__in=projects.values("client"))


def _projects(user: Person) -> ProjectQuerySet:
    """Projects that a user may see or has spent time on, as before their members were others."""
    own = TimeEntry.objects.of(user).filter(project__isnull=False)
    visible = Project.objects.visible_to(user)
    return Project.objects.filter(Q(pk__in=visible.values("pk")) | Q(pk__in=own.values("project")))
