"""A line of a file: first in one spelling, then as start and end in a time zone."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from tracking.spans import moment

DATE = re.compile(r"([0-9]{1,4})([-/.])\s?([0-9]{1,2})[-/.]\s?([0-9]{1,4})")
UNDECIDED = re.compile(r"([0-9]+)/([0-9]+)/([0-9]{4})")
TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?(?:\s*([ap])\.?\s?m\.?)?", re.IGNORECASE)
CLOCK = re.compile(r"([0-9]{1,4}):([0-5][0-9])(?::([0-5][0-9]))?")
NUMBER = re.compile(r"[0-9]{1,4}(?:[.,][0-9]{1,4})?")
BILLABLE = {
    **dict.fromkeys(("yes", "y", "true", "1", "ja"), True),
    **dict.fromkeys(("no", "n", "false", "0", "nein"), False),
}
WORK = ("", "regular")  # of Clockify's types; the others are breaks and days off
CLOSE = 60  # seconds by which a duration may differ: times without seconds, hundredths of hours
SHOWN = 40  # characters that a sentence shows


class Row(NamedTuple):
    """What a line says, in one spelling whatever the vendor's; as a list it is JSON.

    Dates are ISO, or `3/4/2024` as long as their order is undecided; times are `09:00:00`, a
    duration is seconds. What is not understood stays as it was.
    """

    line: int
    nth: int  # of the file's lines that say the same, from 1
    email: str = ""
    client: str = ""
    project: str = ""
    task: str = ""
    description: str = ""
    billable: str = ""
    start_date: str = ""
    start_time: str = ""
    end_date: str = ""
    end_time: str = ""
    duration: str = ""
    tags: Sequence[str] = ()
    type: str = ""


class Reader:
    """Makes rows of records, and keeps what can be known only of all of them."""

    def __init__(self, columns: Mapping[str, int], width: int, member: int | None = None) -> None:
        self.columns, self.width, self.member = columns, width, member
        self.members: set[str] = set()  # as they are called where no e-mail address tells them
        self.seen: dict[bytes, int] = {}  # how often the same was said
        self.day_first = self.month_first = 0  # a line that shows it, 0: none does
        self.undecided = False

    def row(self, line: int, record: Sequence[str]) -> Row:
        """The row of a record, which has as many values as the header, or is empty."""
        if len(record) != self.width:
            return Row(line, 1)
        says = {name: SPELLINGS[name](record[at]) for name, at in self.columns.items()}
        self._learn(line, says["start_date"])
        if self.member is not None and not says.get("email"):
            self.members.add(_folded(record[self.member]))
        row = Row(line, 1, **says)
        content = _digest(row[2:])
        self.seen[content] = nth = self.seen.get(content, 0) + 1
        return row._replace(nth=nth)

    def _learn(self, line: int, day: str) -> None:
        if not (found := UNDECIDED.fullmatch(day)):
            return
        one, other = int(found[1]), int(found[2])
        if one > 12:
            self.day_first = self.day_first or line
        elif other > 12:
            self.month_first = self.month_first or line
        elif one != other and min(one, other, int(found[3])) > 0:
            self.undecided = True

    def refuse_several(self) -> None:
        """Raise `ValidationError` where lines without an address are of several people."""
        if len(self.members - {""}) > 1:
            raise ValidationError(
                _(
                    "This file has time of several people, but does not give their e-mail"
                    " addresses. Export it with the column “Email”."
                )
            )

    def order(self) -> str:
        """`day`, `month`, or `ask` where no date shows which of them stands first.

        Raises `ValidationError` where dates contradict each other.
        """
        if self.day_first and self.month_first:
            raise ValidationError(
                _(
                    "The dates of this file contradict each other: in line %(day)d the day stands"
                    " first, in line %(month)d the month. Export the report once more."
                )
                % {"day": self.day_first, "month": self.month_first}
            )
        if self.month_first:
            return "month"
        return "ask" if self.undecided and not self.day_first else "day"


def span_of(row: Row, zone: ZoneInfo, month_first: bool) -> tuple[datetime, datetime]:
    """Start and end (UTC) of a row whose times are on the clocks of a zone.

    Of a time that comes twice, as clocks go back, it is the one that fits the duration. Raises
    `ValidationError` with a sentence.
    """
    day, at = _date(row.start_date, month_first), _time(row.start_time)
    lasts = _seconds(row.duration) if row.duration else None
    if not (row.end_date and row.end_time):
        if lasts is None:
            raise ValidationError(_("It has no end. A timer that runs cannot be imported."))
        start = moment(day, at, zone)
        try:
            return start, start + timedelta(seconds=lasts)
        except OverflowError:
            raise ValidationError(_("Choose a year from 2 to 9998.")) from None
    end_day, end_at = _date(row.end_date, month_first), _time(row.end_time)
    start, end = moment(day, at, zone), moment(end_day, end_at, zone)
    if lasts is None or _fits(start, end, lasts):
        return start, end
    for fold, end_fold in product((0, 1), repeat=2):
        start, end = moment(day, at, zone, fold), moment(end_day, end_at, zone, end_fold)
        if _fits(start, end, lasts):
            return start, end
    raise ValidationError(
        _("Its duration is not the time from start to end. Is %(zone)s the file’s time zone?")
        % {"zone": zone}
    )


def both_days(row: Row) -> tuple[date, date] | None:
    """What its date means with the day first and with the month first, where these differ."""
    found = UNDECIDED.fullmatch(row.start_date)
    if found is None or found[1] == found[2]:
        return None
    try:
        return _date(row.start_date, False), _date(row.start_date, True)
    except ValidationError:
        return None


def billable_of(row: Row) -> bool | None:
    """Whether it is billable; None where the file does not say. Raises `ValidationError`."""
    if not row.billable:
        return None
    try:
        return BILLABLE[row.billable]
    except KeyError:
        sentence = _("“%(value)s” is neither Yes nor No.")
        raise ValidationError(sentence % {"value": shown(row.billable)}) from None


def key_of(row: Row, person: Any, month_first: bool) -> UUID:
    """Stands for what a line says of whom; the same line twice in a file has two of them.

    So the file may be imported again, sorted otherwise, in another time zone, or overlap with
    another one. Raises `ValidationError` for a start that is no date.
    """
    day = _date(row.start_date, month_first)
    return UUID(bytes=_digest((str(person), day.isoformat(), *row[1:])))


def shown(text: str) -> str:
    """What a sentence shows of a text."""
    short = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in short)


# --- one spelling ------------------------------------------------------------------------------


def tidy(text: str) -> str:
    """With single spaces, also for the ends of lines within a text."""
    return " ".join(text.split())


def _folded(text: str) -> str:
    return tidy(text).lower()


@lru_cache(maxsize=2_048)
def _spelt_date(text: str) -> str:
    text = tidy(text)
    if not (found := DATE.fullmatch(text)):
        return text
    first, mark, second, last = found.groups()
    if len(first) == 4 and len(last) <= 2:
        return f"{first}-{int(second):02}-{int(last):02}"
    if len(last) != 4 or len(first) > 2:
        return text
    if mark == ".":  # nobody writes the month first with dots
        return f"{last}-{int(second):02}-{int(first):02}"
    return f"{int(first)}/{int(second)}/{last}"


@lru_cache(maxsize=8_192)
def _spelt_time(text: str) -> str:
    text = tidy(text)
    if not (found := TIME.fullmatch(text)):
        return text
    hour, half = int(found[1]), (found[4] or "").lower()
    if half and not 1 <= hour <= 12:
        return text
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return f"{hour:02}:{found[2]}:{found[3] or '00'}"


@lru_cache(maxsize=8_192)
def _spelt_duration(text: str) -> str:
    text = tidy(text)
    if found := CLOCK.fullmatch(text):
        return str(int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3] or 0))
    if NUMBER.fullmatch(text):
        return str(round(float(text.replace(",", ".")) * 3600))
    return text and f"“{text}”"  # no number that somebody could take for seconds


def _spelt_tags(text: str) -> list[str]:
    return list({tag.lower(): tag for tag in map(tidy, text.split(",")) if tag}.values())


SPELLINGS: Mapping[str, Any] = {
    **dict.fromkeys(("client", "project", "task", "description"), tidy),
    **dict.fromkeys(("email", "billable", "type"), _folded),
    **dict.fromkeys(("start_date", "end_date"), _spelt_date),
    **dict.fromkeys(("start_time", "end_time"), _spelt_time),
    "duration": _spelt_duration,
    "tags": _spelt_tags,
}


# --- parts -------------------------------------------------------------------------------------


def _digest(says: Sequence[Any]) -> bytes:
    return hashlib.blake2b(repr(tuple(says)).encode(), digest_size=16).digest()


def _date(text: str, month_first: bool) -> date:
    try:
        if found := UNDECIDED.fullmatch(text):
            one, other, year = map(int, found.groups())
            return date(year, one, other) if month_first else date(year, other, one)
        return date.fromisoformat(text)
    except ValueError:
        pass
    sentence = _("“%(value)s” is no date; write it as 2026-11-22.")
    raise ValidationError(sentence % {"value": shown(text)})


def _time(text: str) -> time:
    try:
        if len(text) == len("09:00:00"):
            hour, minute, second = map(int, text.split(":"))
            return time(hour, minute, second)
    except ValueError:
        pass
    sentence = _("“%(value)s” is no time of day; write it as 9:05 or 9:05 PM.")
    raise ValidationError(sentence % {"value": shown(text)})


def _seconds(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        sentence = _("“%(value)s” is no duration; write it as 1:30:00.")
        raise ValidationError(sentence % {"value": shown(text.strip("“”"))}) from None


def _fits(start: datetime, end: datetime, lasts: int) -> bool:
    return abs((end - start).total_seconds() - lasts) <= CLOSE
