import time as stopwatch
from datetime import date, time, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation
from hypothesis import example, given, settings, strategies as st

from tracking.templatetags.durations import clock
from tracking.typed import (
    AHEAD,
    EARLIEST,
    LONGEST,
    parse_day,
    parse_duration,
    parse_span,
    parse_time,
)

SUNDAY = date(2026, 11, 22)

# Text that looks like what is understood, and text of any kind.
look_alike = st.text("0123456789:.,/-–+ hmsapuobit")
text = st.one_of(look_alike, st.text())
generated = settings(max_examples=500, deadline=None)


def h(hours=0, minutes=0, seconds=0):
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def sentence(parse, *typed):
    with pytest.raises(ValidationError) as refused:
        parse(*typed)
    [told] = refused.value.messages
    return told


@pytest.mark.parametrize(
    ("typed", "duration"),
    [
        ("1:30", h(1, 30)),
        ("01:05", h(1, 5)),
        (":30", h(0, 30)),
        ("1:30:15", h(1, 30, 15)),
        ("1:30 h", h(1, 30)),
        ("2", h(2)),
        ("1.5", h(1, 30)),
        ("1,5", h(1, 30)),
        (".25", h(0, 15)),
        ("0.333", h(0, 19, 59)),
        ("1.5h", h(1, 30)),
        ("1,5 h", h(1, 30)),
        ("2h", h(2)),
        ("2 hrs", h(2)),
        ("1 hour", h(1)),
        ("2 Std.", h(2)),
        ("2 Stunden", h(2)),
        ("90m", h(1, 30)),
        ("90 min", h(1, 30)),
        ("7,5 Min.", h(0, 7, 30)),
        ("45s", h(0, 0, 45)),
        ("1h30", h(1, 30)),
        ("1h5", h(1, 5)),
        ("1 Std. 30", h(1, 30)),
        ("1h 30m", h(1, 30)),
        ("1 h 30 min", h(1, 30)),
        ("1H 90M 5S", h(2, 30, 5)),
        ("  2\u00a0h ", h(2)),
        ("24", h(24)),
        ("24:00:00", h(24)),
        ("1440m", h(24)),
    ],
)
def test_it_understands_durations(typed, duration):
    assert parse_duration(typed) == duration


@pytest.mark.parametrize(
    "typed",
    [
        *("", " ", ":", ".", "h", "1:", "1:5", "1:60", "1:75", "1:30:60", "1h75", "1.5.", "1.5h30"),
        *("-1", "+1", "-1:30", "−1", "1e5", "NaN", "inf", "0x10", "1_000", "1.000,5", "1 2", "٣"),
        *("1٫5", "１", "²", "½", "1:3٠", "two", "m90", "90 months", "1\u200b", "1\x00", "<b>1</b>"),
    ],
)
def test_it_refuses_what_is_no_duration(typed):
    assert sentence(parse_duration, typed).endswith("is no duration; write 1:30, 1.5h or 90m.")


@pytest.mark.parametrize("typed", ["0", "0:00", "0h 0m", "0.0001", "00,0 h", "0s"])
def test_it_refuses_no_time_at_all(typed):
    assert sentence(parse_duration, typed) == (
        f"“{typed}” is no time at all; write a duration such as 0:15 or 15m."
    )


@pytest.mark.parametrize("typed", ["24:00:01", "24.001", "90", "900", "1441m", "999999999 h"])
def test_it_refuses_more_than_a_day_and_says_how_minutes_are_written(typed):
    assert sentence(parse_duration, typed) == (
        f"“{typed}” is more than 24 hours, the longest that can be entered."
        " Minutes are written 90m; make several entries of more."
    )


@generated
@given(st.integers(1, int(LONGEST.total_seconds())))
def test_it_reads_back_every_duration_that_is_shown(seconds):
    duration = timedelta(seconds=seconds)
    assert parse_duration(clock(duration)) == duration
    assert parse_duration(f"{seconds // 3600}h {seconds // 60 % 60}m {seconds % 60}s") == duration
    assert parse_duration(f"{seconds / 3600:.6f}") == duration


@pytest.mark.parametrize(
    ("typed", "at"),
    [
        ("9", time(9)),
        ("0", time(0)),
        ("23", time(23)),
        ("9:05", time(9, 5)),
        ("09:05", time(9, 5)),
        ("9:05:30", time(9, 5, 30)),
        ("0905", time(9, 5)),
        ("905", time(9, 5)),
        ("1730", time(17, 30)),
        ("9.30", time(9, 30)),
        ("9h30", time(9, 30)),
        ("9h", time(9)),
        ("9 Uhr", time(9)),
        ("9:30 Uhr", time(9, 30)),
        ("9 Uhr 30", time(9, 30)),
        ("9am", time(9)),
        ("9 a.m.", time(9)),
        ("9:30 pm", time(21, 30)),
        ("930P", time(21, 30)),
        ("12am", time(0)),
        ("12:30 AM", time(0, 30)),
        ("12pm", time(12)),
    ],
)
def test_it_understands_times(typed, at):
    assert parse_time(typed) == at


@pytest.mark.parametrize(
    "typed",
    [
        *("", "25", "9:5", "9:60", "9:00:60", "9.5", "90", "9360", "12345", "-9", "9:", ":30"),
        *("0am", "13pm", "24pm", "24:01", "9xm", "noon", "٩", "９", "9\x00", "1e1", "🕘"),
    ],
)
def test_it_refuses_what_is_no_time(typed):
    told = sentence(parse_time, typed)
    assert told.endswith("is no time of day; write 9, 9:05, 905 or 9:05 pm.")


@pytest.mark.parametrize("typed", ["24", "24:00", "2400", "24:00:00", "24 Uhr"])
def test_it_says_how_the_end_of_a_day_is_written(typed):
    assert sentence(parse_time, typed) == (
        f"“{typed}” belongs to the next day, whose first time is 0:00; write 0:00."
    )


@generated
@given(st.times().map(lambda at: at.replace(microsecond=0)))
def test_it_reads_back_every_time_that_is_shown(at):
    assert parse_time(f"{at:%H:%M:%S}") == at
    assert parse_time(f"{at:%H%M}") == parse_time(f"{at:%I:%M %p}") == at.replace(second=0)


@pytest.mark.parametrize(
    ("typed", "start", "end"),
    [
        ("9-12", time(9), time(12)),
        ("9:00–17:30", time(9), time(17, 30)),
        ("0900 - 1730", time(9), time(17, 30)),
        ("9.15 — 12", time(9, 15), time(12)),
        ("9 to 12", time(9), time(12)),
        ("9to12", time(9), time(12)),
        ("9 bis 12 Uhr", time(9), time(12)),
        ("9 Until 12", time(9), time(12)),
        ("22-2", time(22), time(2)),
        ("9am - 1 pm", time(9), time(13)),
        ("1-3pm", time(13), time(15)),
        ("9-5pm", time(9), time(17)),
        ("12-1pm", time(12), time(13)),
        ("10-2am", time(22), time(2)),
        ("9am-5", time(9), time(17)),
        ("9am-14", time(9), time(14)),
        ("08:00-9pm", time(8), time(21)),
        ("9-9pm", time(9), time(21)),
    ],
)
def test_it_understands_spans(typed, start, end):
    assert parse_span(typed) == (start, end)


@pytest.mark.parametrize("typed", ["", "9", "-", "9-", "-9", "9-12-13", "9--12", "9/12", "from 9"])
def test_it_refuses_what_is_no_span(typed):
    assert sentence(parse_span, typed) == (
        f"“{typed}” is no span of time; write start and end, such as 9:00–17:30."
    )


def test_it_names_the_part_of_a_span_that_is_no_time():
    assert sentence(parse_span, "9-25").startswith("“25” is no time of day")
    assert sentence(parse_span, "nine-10").startswith("“nine” is no time of day")
    assert sentence(parse_span, "22-24").startswith("“24” belongs to the next day")


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("2026-11-22", SUNDAY),
        ("2026-1-2", date(2026, 1, 2)),
        ("22.11.2026", SUNDAY),
        ("2.1.2026", date(2026, 1, 2)),
        ("22. 11. 2026", SUNDAY),
        ("22.11.26", SUNDAY),
        ("22.11.", SUNDAY),
        ("22.11", SUNDAY),
        ("11/22/2026", SUNDAY),
        ("22/11/2026", SUNDAY),
        ("5/5/2026", date(2026, 5, 5)),
        ("today", SUNDAY),
        ("Yesterday", date(2026, 11, 21)),
        ("tomorrow", date(2026, 11, 23)),
        ("heute", SUNDAY),
        ("gestern", date(2026, 11, 21)),
        ("VORGESTERN", date(2026, 11, 20)),
        ("morgen", date(2026, 11, 23)),
        ("u\u0308bermorgen", date(2026, 11, 24)),
        ("Sunday", SUNDAY),
        ("monday", date(2026, 11, 16)),
        ("Mo.", date(2026, 11, 16)),
        ("thu", date(2026, 11, 19)),
        ("Samstag", date(2026, 11, 21)),
        ("-1", date(2026, 11, 21)),
        ("−7", date(2026, 11, 15)),
        ("+1", date(2026, 11, 23)),
        ("2000-01-01", EARLIEST),
        ("23.11.2027", SUNDAY + AHEAD),
    ],
)
def test_it_understands_days(typed, day):
    assert parse_day(typed, SUNDAY) == day


@pytest.mark.parametrize(
    ("today", "typed", "day"),
    [
        (date(2027, 1, 5), "22.12.", date(2026, 12, 22)),
        (date(2026, 12, 29), "3.1.", date(2027, 1, 3)),
        (SUNDAY, "1.5.", date(2026, 5, 1)),
        (SUNDAY, "22.2.", date(2027, 2, 22)),
        (SUNDAY, "23.2.", date(2026, 2, 23)),
        (date(2027, 6, 1), "29.2.", date(2024, 2, 29)),
        (date(2027, 12, 1), "29.2.", date(2028, 2, 29)),
    ],
)
def test_it_takes_the_past_or_what_comes_soon_where_no_year_is_written(today, typed, day):
    assert parse_day(typed, today) == day


def test_it_knows_the_weekdays_of_the_active_language():
    told = sentence(parse_day, "lundi", SUNDAY)
    assert told.startswith("“lundi” is no day")
    with translation.override("fr"):
        assert parse_day("Lundi", SUNDAY) == date(2026, 11, 16)
        assert parse_day("monday", SUNDAY) == parse_day("Montag", SUNDAY) == date(2026, 11, 16)


@pytest.mark.parametrize(
    "typed",
    [
        *("", "someday", "mon day", "31.2.2026", "2026-13-01", "2026-02-30", "13/13/2026"),
        *("0000-1-1", "22", "22.11.226", "20261122", "1..5", "--1", "+", "-12345", "٢٢.١١."),
        *("２２.11.", "\x00", "1/2/26", "tomorrow!", "<b>today</b>", "today\u200b"),
    ],
)
def test_it_refuses_what_is_no_day(typed):
    told = sentence(parse_day, typed, SUNDAY)
    assert told.endswith("is no day; write it as 2026-11-22, or “yesterday”, or a weekday.")


def test_it_refuses_a_day_whose_order_does_not_show():
    assert sentence(parse_day, "5/6/2026", SUNDAY) == (
        "“5/6/2026” can mean two days; write 2026-05-06 or 2026-06-05."
    )


@pytest.mark.parametrize("typed", ["1999-12-31", "31.12.0999", "2027-11-24", "+367", "-9999"])
def test_it_refuses_days_that_are_too_far_away(typed):
    assert sentence(parse_day, typed, SUNDAY) == (
        f"“{typed}” is too far away; choose a day from 2000-01-01 to 2027-11-23."
    )


@generated
@given(st.dates(EARLIEST, SUNDAY + AHEAD))
def test_it_reads_back_every_day_that_is_shown(day):
    assert parse_day(day.isoformat(), SUNDAY) == day
    assert parse_day(f"{day:%d.%m.%Y}", SUNDAY) == day


@generated
@given(st.dates(date(2000, 1, 7), date(2099, 1, 1)), st.sampled_from(["Monday", "Fr", "sonntag"]))
def test_it_takes_a_weekday_of_the_last_seven_days(today, typed):
    assert 0 <= (today - parse_day(typed, today)).days < 7


@generated
@given(text)
@example("\ud800")
@example("%s %(value)d {0}")
@example("9" * 59)
def test_it_refuses_by_a_sentence_or_understands(typed):
    for parse in (parse_duration, parse_time, parse_span, lambda each: parse_day(each, SUNDAY)):
        try:
            understood = parse(typed)
        except ValidationError as error:
            [told] = error.messages
            assert told.encode()
        else:
            assert understood


@pytest.mark.parametrize(
    "typed",
    ["9" * 2_000_000, " " * 2_000_000 + "x", "1 " * 1_000_000, "h" * 59, f"1{' ' * 60}h"],
    ids=["figures", "spaces", "words", "letters", "gap"],
)
def test_it_is_quick_and_brief_whatever_the_length(typed):
    started = stopwatch.perf_counter()
    for parse in (parse_duration, parse_time, parse_span, lambda each: parse_day(each, SUNDAY)):
        assert len(sentence(parse, typed)) < 200
    assert stopwatch.perf_counter() - started < 0.5
