"""Time in zones: moments, spans and days on the clock of a person's wall.

All moments that come in are aware, all that go out are UTC: Python compares and subtracts two
moments of one zone by their clocks, which is wrong by an hour where the clock changes.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

DAY = timedelta(days=1)


def moment(day: date, at: time, zone: ZoneInfo, fold: int = 0) -> datetime:
    """The moment (UTC) at which clocks in a zone show a time on a day.

    Of a time that comes twice, as clocks go back, it is the first, with `fold=1` the second. Raises
    `ValidationError` for a time that clocks skip as they go forward, and for years without every
    moment in every zone.
    """
    _refuse_year(day)
    shown = datetime.combine(day, at.replace(fold=fold), zone)
    found = shown.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) != shown.replace(tzinfo=None):
        raise ValidationError(
            _(
                "%(time)s does not exist on %(day)s in %(zone)s: the clock goes forward then."
                " Choose an earlier or later time."
            ),
            code="invalid",
            params={
                "time": time_format(at, "H:i"),
                "day": date_format(day, "DATE_FORMAT"),
                "zone": str(zone),
            },
        )
    return found


def span(day: date, start: time, end: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Start and end (UTC) of what starts on a day; an end before the start is on the next day.

    Both as `moment` has it. Raises `ValidationError` for what that refuses, and for an end that is
    the start: neither no time nor a whole day is meant by it for sure.
    """
    if start == end:
        raise ValidationError(
            _("Start and end are the same, %(time)s; choose a later end."),
            code="invalid",
            params={"time": time_format(start, "H:i")},
        )
    return moment(day, start, zone), moment(day if start < end else day + DAY, end, zone)


def split(
    started_at: datetime, ended_at: datetime, at: datetime
) -> tuple[tuple[datetime, datetime], tuple[datetime, datetime]]:
    """The two parts (UTC) of a span that is cut at a moment; exactly, they sum to the whole.

    Raises `ValidationError` where the moment does not lie between start and end.
    """
    start, end, cut = (_utc(each) for each in (started_at, ended_at, at))
    if not start < cut < end:
        raise ValidationError(_("Choose a time between start and end of the entry."), "invalid")
    return (start, cut), (cut, end)


def split_at_midnights(
    started_at: datetime, ended_at: datetime, zone: ZoneInfo
) -> list[tuple[datetime, datetime, date]]:
    """The parts of a span (UTC) with the local day of each; exactly, they sum to the whole.

    Of no length there is none, of a day that the zone skipped neither. Cut the span to what is
    shown before: it makes a part of every day.
    """
    parts = []
    start, end = _utc(started_at), _utc(ended_at)
    while start < end:
        day = start.astimezone(zone).date()
        cut = min(_day_start(day + DAY, zone), end)
        parts.append((start, cut, day))
        start = cut
    return parts


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """First moment (UTC) of a local day and of the next: 24 hours, or 23 or 25 as clocks change.

    Where midnight is skipped, the day begins as clocks go forward; where it comes twice, with the
    first, unless clocks return to the day before. Of a day that a zone skipped, as Samoa did
    2011-12-30, both are the same. Raises `ValidationError` as `moment` does for the year.
    """
    _refuse_year(day)
    return _day_start(day, zone), _day_start(day + DAY, zone)


def week_of(day: date, week_start: int) -> list[date]:
    """The seven days of the week around a day; it starts as `date.weekday()` counts, 0 is Monday.

    Raises `ValidationError` as `moment` does for the year.
    """
    _refuse_year(day)
    first = day - timedelta((day.weekday() - week_start) % 7)
    return [first + timedelta(days) for days in range(7)]


# --- parts -------------------------------------------------------------------------------------


def _utc(aware: datetime) -> datetime:
    assert aware.tzinfo is not None, "a moment without its zone is none"
    return aware.astimezone(UTC)


def _refuse_year(day: date) -> None:
    if not date.min.year < day.year < date.max.year:
        raise ValidationError(_("Choose a year from 2 to 9998."), "invalid")


def _day_start(day: date, zone: ZoneInfo) -> datetime:
    """The moment from which a zone's date is this day or later for good.

    Of a skipped midnight the first reading (`fold=0`) is the very moment at which clocks go forward
    if they do so at midnight, as all zones that skip one since 1990 do.
    """
    midnight = datetime.combine(day, time(), zone)
    first, second = (midnight.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    before = (second - datetime.resolution).astimezone(zone).date()
    return second if second > first and before < day else first
