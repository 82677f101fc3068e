"""The forms of entries: one by hand, the change of one, its splitting, the change of many."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy as _

from tracking.clockface import as_typed
from tracking.forms import WorkForm, read
from tracking.models import TimeEntry
from tracking.offers import Offer
from tracking.people import Person
from tracking.spans import day_bounds, moment, span
from tracking.templatetags.durations import hours
from tracking.typed import BETWEEN_TIMES, parse_day, parse_duration, parse_span, parse_time

Value = TypeVar("Value")
Span = tuple[datetime, datetime]

DAY_BEGINS = time(9)  # of work whose length alone was typed, on a day without other entries
ANSWERS = {"started_at": "start", "ended_at": "end"}  # fields of the services by another name


class AddForm(WorkForm):
    """Time entered by hand: what it was about, and when or how long.

    Cleans to `started_at` and `ended_at` (UTC). A length alone ends now; on another day it follows
    the last entry of that day, or begins at `DAY_BEGINS`.
    """

    time = forms.CharField(
        label=_("Time"),
        error_messages={"required": _("Write from when to when, 9:00–17:30, or how long, 1:30.")},
        widget=forms.TextInput(attrs={"placeholder": "9:00–17:30", "autocomplete": "off"}),
        help_text=_(
            "9:00–17:30, or how long: 1:30, 1.5, 90m. That ends now; on another day it follows the"
            " day’s last entry, or begins at 9:00."
        ),
    )
    day = forms.CharField(
        label=_("Day"), required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    answers: Mapping[str, str] = {"started_at": "time", "ended_at": "time"}
    use_required_attribute = False

    def __init__(
        self, user: Person, data: Any = None, *, initial: Any = None, offer: Offer | None = None
    ) -> None:
        self.user, self.zone = user, ZoneInfo(user.time_zone)
        start = {"day": gettext("today"), **(initial or {})}
        super().__init__(user, data, initial=start, offer=offer, prefix_of_ids="add")
        self.fields["description"].widget.attrs["placeholder"] = _("What did you do?")
        self.fields["tags"].widget.attrs["placeholder"] = _("Tags")

    def clean(self) -> dict[str, Any]:
        """Make start and end of day and time."""
        cleaned = super().clean() or {}
        typed, on = cleaned.pop("time", None), cleaned.pop("day", "")
        now = timezone.now().replace(microsecond=0)
        today = now.astimezone(self.zone).date()
        day = read(self, "day", lambda: parse_day(on or "today", today))
        if day is not None and typed is not None:
            times = read(self, "time", lambda: self._times(typed, day, now))
            cleaned["started_at"], cleaned["ended_at"] = times or (None, None)
        return cleaned

    def _times(self, typed: str, day: date, now: datetime) -> Span:
        if BETWEEN_TIMES.search(typed.strip().lower()):
            return span(day, *parse_span(typed), self.zone)
        length = parse_duration(typed)
        if day == now.astimezone(self.zone).date():
            # Shortly after midnight it would begin yesterday, which is not what the day says.
            started_at = max(now.astimezone(UTC) - length, day_bounds(day, self.zone)[0])
        else:
            started_at = self._after_the_last(day)
        return started_at, started_at + length

    def _after_the_last(self, day: date) -> datetime:
        entries = TimeEntry.objects.of(self.user).filter(day=day)
        last: datetime | None = entries.aggregate(last=Max("ended_at"))["last"]
        if last is None or last.astimezone(self.zone).date() != day:
            return moment(day, DAY_BEGINS, self.zone)
        return last


class EntryForm(WorkForm):
    """The change of a finished entry: what it was about, and its times in its person's zone.

    Cleans to `started_at` and `ended_at` (UTC), None where nobody touched them: the seconds that
    a field does not show are not lost by changing the description.
    """

    day = forms.CharField(label=_("Day"))
    start = forms.CharField(label=_("From"))
    end = forms.CharField(label=_("To"))
    duration = forms.CharField(label=_("Duration"))
    billable = forms.BooleanField(
        label=_("Billable"),
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )
    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    answers: Mapping[str, str] = ANSWERS
    use_required_attribute = False

    def __init__(self, user: Person, data: Any = None, *, entry: TimeEntry) -> None:
        self.entry, self.zone = entry, ZoneInfo(entry.user.time_zone)
        assert entry.ended_at is not None
        self.start_was, self.end_was = (
            at.astimezone(self.zone) for at in (entry.started_at, entry.ended_at)
        )
        initial = {
            "day": self.start_was.date().isoformat(),
            "start": as_typed(self.start_was, user),
            "end": as_typed(self.end_was, user),
            "duration": hours(entry.duration),
            "billable": entry.billable,
            "version": entry.version,
        }
        prefix = f"entry-{entry.pk}"
        super().__init__(user, data, entry=entry, initial=initial, prefix_of_ids=prefix)
        for name in ("day", "start", "end", "duration"):
            self.fields[name].widget.attrs["autocomplete"] = "off"
        focus_first(self)

    def clean(self) -> dict[str, Any]:
        """Make start and end of what was changed of day, start, end and duration."""
        cleaned = super().clean() or {}
        typed = {name: cleaned.pop(name, "") for name in ("day", "start", "end", "duration")}
        cleaned["started_at"] = cleaned["ended_at"] = None
        changed = typed.keys() & set(self.changed_data)
        if changed and not self.errors:
            times = self._times({name: typed[name] for name in changed})
            cleaned["started_at"], cleaned["ended_at"] = times
        return cleaned

    def _times(self, typed: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
        """Start and end as typed; what nobody typed stays as it was, to the microsecond."""
        today = timezone.localtime(None, self.zone).date()
        day = self._typed(typed, "day", lambda text: parse_day(text, today), self.start_was.date())
        at = self._typed(typed, "start", parse_time, self.start_was.time())
        end = self._typed(typed, "end", parse_time, self.end_was.time())
        length = self._typed(typed, "duration", parse_duration, timedelta())
        if day is None or at is None or end is None or length is None:
            return None, None
        started_at: datetime | None = self.start_was.astimezone(UTC)
        if typed.keys() & {"day", "start"}:
            started_at = read(self, "start", lambda: moment(day, at, self.zone))
        if started_at is None:
            return None, None
        if "duration" in typed and "end" not in typed:
            return started_at, started_at + length
        ended_at = read(self, "end", lambda: self._end(typed, day, at, end))
        if ended_at and "duration" in typed and abs(ended_at - started_at - length) >= MINUTE:
            self.add_error("duration", _("This is not the time from start to end. Change one."))
        return started_at, ended_at

    def _typed(
        self, typed: Mapping[str, str], name: str, parse: Callable[[str], Value], was: Value
    ) -> Value | None:
        return read(self, name, lambda: parse(typed[name])) if name in typed else was

    def _end(self, typed: Mapping[str, str], day: date, at: time, end: time) -> datetime:
        """The end: typed, it comes within a day; else as many days after the start as it was."""
        if "end" in typed:
            # What nobody typed are the seconds of the start: from 9:00:23 to 9:00 is no time.
            return span(day, at.replace(second=0, microsecond=0), end, self.zone)[1]
        if "day" not in typed:
            return self.end_was.astimezone(UTC)
        return moment(day + (self.end_was.date() - self.start_was.date()), end, self.zone)


MINUTE = timedelta(minutes=1)


class SplitForm(forms.Form):
    """Where to cut an entry in two. Cleans to `at` (UTC)."""

    at = forms.CharField(
        label=_("Split at"),
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
        error_messages={"required": _("Write a time between start and end of the entry.")},
    )
    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    answers: Mapping[str, str] = {}
    use_required_attribute = False

    def __init__(self, user: Person, data: Any = None, *, entry: TimeEntry) -> None:
        self.entry, self.zone = entry, ZoneInfo(entry.user.time_zone)
        middle = (entry.started_at + entry.duration / 2).astimezone(self.zone)
        initial = {"at": as_typed(middle, user), "version": entry.version}
        super().__init__(data, initial=initial, auto_id=f"split-{entry.pk}-%s")
        self.fields["at"].widget.attrs["autofocus"] = True

    def clean_at(self) -> datetime:
        """The first moment within the entry at which clocks show this time."""
        typed = parse_time(self.cleaned_data["at"])
        assert self.entry.ended_at is not None
        start, end = (
            at.astimezone(self.zone) for at in (self.entry.started_at, self.entry.ended_at)
        )
        days = (end.date() - start.date()).days
        for number in range(min(days, MOST_DAYS) + 1):
            for fold in (0, 1):
                try:
                    at = moment(start.date() + timedelta(number), typed, self.zone, fold)
                except ValidationError:  # clocks skip it on this day
                    continue
                if start.astimezone(UTC) < at < end.astimezone(UTC):
                    return at
        raise ValidationError(_("Choose a time between start and end of the entry."))


MOST_DAYS = 366  # of a timer that was forgotten


class BulkForm(WorkForm):
    """What several entries become: another project and task, or more tags."""

    answers: Mapping[str, str] = {}

    def __init__(self, user: Person, data: Any = None, *, offer: Offer | None = None) -> None:
        super().__init__(user, data, offer=offer, prefix_of_ids="bulk")
        del self.fields["description"]


def focus_first(form: forms.Form) -> None:
    """The cursor goes to the first field with an error, if there is one, else to the first."""
    names = [name for name in form.fields if form.is_bound and name in form.errors]
    first = next(iter(names), next(iter(form.fields)))
    form.fields[first].widget.attrs["autofocus"] = True
