"""What people type for durations, times and days, in the ways in which they write them.

Figures are ASCII, letters may be of either case, English and German words always work, those of the
active language too where Django knows them. What is not understood is refused with a
`ValidationError` whose sentence names what was typed and a way to write it.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date, time, timedelta
from decimal import Decimal
from itertools import product

from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext as _

LONGEST = timedelta(hours=24)  # of what is entered by hand
EARLIEST = date(2000, 1, 1)
AHEAD = timedelta(days=366)  # of today, at most
AHEAD_WITHOUT_YEAR = timedelta(days=92)  # who enters time means the past or what comes soon

TYPED_LENGTH = 60  # characters; nothing that is understood is longer
QUOTED_LENGTH = 40  # characters of it that a sentence shows

NUMBER = r"(?:[0-9]{1,9}(?:[.,][0-9]{1,9})?|[.,][0-9]{1,9})"
HOURS = r"\s?(?:h|hrs?|hours?|std\.?|stunden?)"
MINUTES = r"\s?(?:m|min\.?|mins|minutes?|minuten)"
SECONDS = r"\s?(?:s|sec\.?|secs|seconds?|sek\.?|sekunden?)"
DURATIONS = [
    re.compile(rf"(?P<hours>{NUMBER})"),
    re.compile(
        r"(?P<hours>[0-9]{0,9}):(?P<minutes>[0-5][0-9])(?::(?P<seconds>[0-5][0-9]))?"
        rf"(?:{HOURS})?"
    ),
    re.compile(rf"(?P<hours>[0-9]{{1,9}}){HOURS}\s?(?P<minutes>[0-5]?[0-9])"),
    re.compile(
        rf"(?:(?P<hours>{NUMBER}){HOURS})?\s?(?:(?P<minutes>{NUMBER}){MINUTES})?"
        rf"\s?(?:(?P<seconds>{NUMBER}){SECONDS})?"
    ),
]
IN_SECONDS = {"hours": 3600, "minutes": 60, "seconds": 1}

TIME = re.compile(
    r"(?P<hour>[0-9]{1,2})"
    r"(?:\s?(?:[:.h]|uhr)?\s?(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?)?"
    r"\s?(?:(?P<half>[ap])(?:\.?m)?\.?|h|uhr)?"
)
BETWEEN_TIMES = re.compile(r"\s?(?:[-‐‑‒–—−]|to|until|bis)\s?")

ISO_DAY = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})")
DOTTED_DAY = re.compile(
    r"(?P<day>[0-9]{1,2})\.\s?(?P<month>[0-9]{1,2})(?:\.\s?(?P<year>[0-9]{4}|[0-9]{2})?)?"
)
SLASHED_DAY = re.compile(r"(?P<one>[0-9]{1,2})/(?P<other>[0-9]{1,2})/(?P<year>[0-9]{4})")
DAYS_AWAY = re.compile(r"(?P<sign>[-−+])\s?(?P<days>[0-9]{1,4})")
DAY_WORDS = {"today": 0, "yesterday": -1, "tomorrow": 1} | {
    "heute": 0,
    "gestern": -1,
    "vorgestern": -2,
    "morgen": 1,
    "übermorgen": 2,
}
WEEKDAY_WORDS = {
    word: weekday
    for weekday, words in enumerate(
        (
            "monday mon montag mo",
            "tuesday tue tu dienstag di",
            "wednesday wed we mittwoch mi",
            "thursday thu th donnerstag do",
            "friday fri freitag fr",
            "saturday sat samstag sonnabend sa",
            "sunday sun su sonntag so",
        )
    )
    for word in words.split()
}


def parse_duration(text: str) -> timedelta:
    """A duration as people type it: `1:30`, `1:30:15`, `1.5`, `1,5 h`, `90m`, `1h30`, `1 h 30 min`.

    A number alone is hours: `2` is two hours, as is `2.0`. Returns whole seconds, rounded, more
    than zero and at most `LONGEST`. Raises `ValidationError`.
    """
    seconds = _seconds(_tidy(text))
    if seconds is None:
        raise _refused(_("“%(value)s” is no duration; write 1:30, 1.5h or 90m."), text)
    if seconds == 0:
        raise _refused(
            _("“%(value)s” is no time at all; write a duration such as 0:15 or 15m."), text
        )
    if seconds > LONGEST.total_seconds():
        raise _refused(
            _(
                "“%(value)s” is more than %(hours)d hours, the longest that can be entered."
                " Minutes are written 90m; make several entries of more."
            ),
            text,
            hours=LONGEST // timedelta(hours=1),
        )
    return timedelta(seconds=seconds)


def parse_time(text: str) -> time:
    """A time of day as people type it: `9`, `9:05`, `0905`, `905`, `9.30`, `9h30`, `9:30 pm`.

    Without `am` or `pm` the hours are 0 to 23; `12am` is midnight. Raises `ValidationError`.
    """
    return _time(_matched_time(text))


def parse_span(text: str) -> tuple[time, time]:
    """Start and end as people type them: `9-12`, `9:00–17:30`, `9am - 1 pm`, `9 to 12`, `9 bis 12`.

    Where only one of them says `am` or `pm`, the other is in that half of the day which makes the
    span the shorter: `1-3pm` starts at 13:00, `9-5pm` at 9:00. An end before the start is the next
    day's (`spans.span`). Raises `ValidationError`.
    """
    parts = BETWEEN_TIMES.split(_tidy(text))
    if len(parts) != 2 or not all(parts):
        raise _refused(
            _("“%(value)s” is no span of time; write start and end, such as 9:00–17:30."), text
        )
    start, end = (_matched_time(part) for part in parts)
    halves = bool(start["half"] or end["half"])
    return min(product(_readings(start, halves), _readings(end, halves)), key=_length)


def parse_day(text: str, today: date) -> date:
    """A day as people type it: `2026-11-22`, `22.11.2026`, `22.11.`, `yesterday`, `Monday`, `-1`.

    `today` is that of the person. Without a year it is the latest such day up to three months
    ahead; a weekday is the latest one, today included; `-1` and `+1` are days from today. With
    slashes the order must show (`11/22/2026`). Days from `EARLIEST` to `AHEAD` of today are taken;
    raises `ValidationError` for others.
    """
    typed = _tidy(text)
    day = _day_in_words(typed, today) or _day_away(typed, today) or _day_in_figures(typed, today)
    if day is None:
        raise _refused(
            _("“%(value)s” is no day; write it as %(today)s, or “yesterday”, or a weekday."),
            text,
            today=today.isoformat(),
        )
    if not EARLIEST <= day <= today + AHEAD:
        raise _refused(
            _("“%(value)s” is too far away; choose a day from %(earliest)s to %(latest)s."),
            text,
            earliest=EARLIEST.isoformat(),
            latest=(today + AHEAD).isoformat(),
        )
    return day


# --- parts -------------------------------------------------------------------------------------


def _tidy(text: str) -> str:
    """In lower case with single spaces; empty, which nothing matches, where it is too long."""
    text = text.strip()
    if len(text) > TYPED_LENGTH:
        return ""
    return " ".join(unicodedata.normalize("NFC", text).lower().split())


def _refused(sentence: str, text: str, **params: object) -> ValidationError:
    """The error for what was typed, which the sentence shows cut, and fit for every terminal."""
    text = text.strip()
    shown = text if len(text) <= QUOTED_LENGTH else f"{text[:QUOTED_LENGTH]}…"
    value = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)
    return ValidationError(sentence, code="invalid", params={"value": value, **params})


def _seconds(typed: str) -> int | None:
    """The seconds of a tidy duration, None where it is none."""
    found = next((m for pattern in DURATIONS if (m := pattern.fullmatch(typed))), None)
    if found is None or not any(found.groups()):
        return None
    amounts = found.groupdict().items()
    return round(sum(Decimal(n.replace(",", ".")) * IN_SECONDS[unit] for unit, n in amounts if n))


def _matched_time(text: str) -> re.Match[str]:
    """The parts of a time, which are those of one."""
    found = TIME.fullmatch(_tidy(text))
    if found and found["hour"] == "24" and not (found["half"] or int(found["minute"] or 0)):
        raise _refused(
            _("“%(value)s” belongs to the next day, whose first time is 0:00; write 0:00."), text
        )
    hours = range(1, 13) if found and found["half"] else range(24)
    if found is None or int(found["hour"]) not in hours or not _below_sixty(found):
        raise _refused(_("“%(value)s” is no time of day; write 9, 9:05, 905 or 9:05 pm."), text)
    return found


def _below_sixty(found: re.Match[str]) -> bool:
    return all(int(found[part] or 0) < 60 for part in ("minute", "second"))


def _time(found: re.Match[str], half: str | None = None) -> time:
    """The time of matched parts; in a half of the day, `a` or `p`, if they or the caller say so."""
    hour = int(found["hour"])
    if half := half or found["half"]:
        hour = hour % 12 + (12 if half == "p" else 0)
    return time(hour, int(found["minute"] or 0), int(found["second"] or 0))


def _readings(found: re.Match[str], halves: bool) -> Iterator[time]:
    """What the start or end of a span may mean, where one of the two says `am` or `pm`."""
    written_in_full = found["hour"].startswith("0") or int(found["hour"]) > 12
    if not halves or found["half"] or written_in_full:
        yield _time(found)
    else:
        yield from (_time(found, "a"), _time(found, "p"))


def _length(span: tuple[time, time]) -> int:
    """The seconds from start to end; from a time to the same one a whole day."""
    start, end = (at.hour * 3600 + at.minute * 60 + at.second for at in span)
    return (end - start) % 86400 or 86400


def _day_in_words(typed: str, today: date) -> date | None:
    """The day of “yesterday” or of a weekday, in English, German or the active language."""
    word = typed.removesuffix(".")
    here = {_tidy(_("today")): 0, _tidy(_("yesterday")): -1, _tidy(_("tomorrow")): 1}
    if (days := (DAY_WORDS | here).get(word)) is not None:
        return today + timedelta(days)
    if (weekday := (WEEKDAY_WORDS | _weekdays_here()).get(word)) is not None:
        return today - timedelta((today.weekday() - weekday) % 7)
    return None


def _weekdays_here() -> dict[str, int]:
    """The weekdays as Django names them in the active language, in full and short."""
    return {
        _tidy(str(name)).removesuffix("."): weekday
        for names in (WEEKDAYS_ABBR, WEEKDAYS)
        for weekday, name in names.items()
    }


def _day_away(typed: str, today: date) -> date | None:
    if not (found := DAYS_AWAY.fullmatch(typed)):
        return None
    days = timedelta(int(found["days"]))
    return today + days if found["sign"] == "+" else today - days


def _day_in_figures(typed: str, today: date) -> date | None:
    if found := SLASHED_DAY.fullmatch(typed):
        return _slashed_day(typed, int(found["year"]), int(found["one"]), int(found["other"]))
    if not (found := ISO_DAY.fullmatch(typed) or DOTTED_DAY.fullmatch(typed)):
        return None
    month, day = int(found["month"]), int(found["day"])
    if found["year"] is None:
        return _latest(month, day, today + AHEAD_WITHOUT_YEAR)
    return _date(int(f"20{found['year']}"[-4:]), month, day)


def _slashed_day(typed: str, year: int, one: int, other: int) -> date | None:
    """Month and day in the order that gives a day; refused where both do."""
    days = {_date(year, one, other), _date(year, other, one)} - {None}
    if len(days) > 1:
        raise _refused(
            _("“%(value)s” can mean two days; write %(one)s or %(other)s."),
            typed,
            one=f"{year:04}-{one:02}-{other:02}",
            other=f"{year:04}-{other:02}-{one:02}",
        )
    return days.pop() if days else None


def _latest(month: int, day: int, until: date) -> date | None:
    """The latest such day; a 29 February may be years ago."""
    days = (_date(until.year - years, month, day) for years in range(5))
    return next((found for found in days if found and found <= until), None)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
