"""Lines of imports: one spelling, dates that are decided, and times on the clocks of a zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from tracking.importing.layouts import layout_of
from tracking.importing.lines import Reader, Row, billable_of, key_of, span_of

BERLIN = ZoneInfo("Europe/Berlin")
HEADER = ["Start date", "Start time", "End date", "End time", "Duration", "Description", "Tags"]


def reader() -> Reader:
    layout = layout_of(HEADER)
    return Reader(layout.columns, layout.width)


def row(start: str, end: str = "", duration: str = "", *more: str) -> Row:
    """The row of a start and an end, each a date and a time."""
    times = [*start.split(" ", 1), *(end.split(" ", 1) if end else ("", ""))]
    return reader().row(2, [*times, duration, *(more or ("", ""))])


def refusal(row: Row, zone: ZoneInfo = BERLIN) -> str:
    with pytest.raises(ValidationError) as refused:
        span_of(row, zone, month_first=False)
    return " ".join(refused.value.messages)


NINE = datetime(2025, 3, 24, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "start",
    [
        *("2025-03-24 09:00:00", "24/03/2025 9:00", "24.03.2025 09:00 AM", "2025/03/24 9:00 am"),
        *("24-3-2025 09:00", "2025.03.24 9:00:00\u202fa.m."),
    ],
)
def test_it_reads_dates_and_times_of_both_vendors(start):
    lasting_an_hour = row(start, duration="1:00:00")

    assert span_of(lasting_an_hour, BERLIN, month_first=False)[0] == NINE


@pytest.mark.parametrize(("typed", "hour"), [("12:05 AM", 0), ("12:05 PM", 12), ("11:05 PM", 23)])
def test_it_reads_hours_up_to_twelve(typed, hour):
    start, _end = span_of(row(f"2025-01-05 {typed}", duration="1"), ZoneInfo("UTC"), False)

    assert start == datetime(2025, 1, 5, hour, 5, tzinfo=UTC)


@pytest.mark.parametrize("duration", ["1:30:00", "1:30", "1.50", "1,5", "01:30:00"])
def test_it_reads_durations(duration):
    start, end = span_of(row("2025-03-24 09:00", duration=duration), BERLIN, False)

    assert (end - start).total_seconds() == 5400


@pytest.mark.parametrize(
    ("start", "end", "duration", "sentence"),
    [
        ("2025-02-30 09:00", "2025-03-01 10:00", "", "“2025-02-30” is no date"),
        ("soon 09:00", "2025-03-01 10:00", "", "“soon” is no date"),
        ("2025-03-01 25:00", "2025-03-01 10:00", "", "“25:00:00” is no time of day"),
        ("2025-03-01 13:00 PM", "2025-03-01 10:00", "", "“13:00 PM” is no time of day"),
        ("2025-03-01 noon", "2025-03-01 10:00", "", "“noon” is no time of day"),
        ("2025-03-01 09:00", "", "", "It has no end"),
        ("2025-03-01 09:00", "", "-1:00", "“-1:00” is no duration"),
        ("2025-03-01 09:00", "2025-03-01 10:00", "3:00:00", "Is Europe/Berlin the file’s time"),
        ("2025-03-30 02:30", "2025-03-30 04:00", "", "does not exist"),
        ("9998-12-31 10:00", "", "9999:00:00", "Choose a year"),
    ],
)
def test_it_says_what_is_wrong_with_times(start, end, duration, sentence):
    assert sentence in refusal(row(start, end, duration))


def test_the_duration_tells_which_of_two_hours_is_meant():
    """On 26 October 2025 the clocks of Berlin show 2:30 twice."""
    lasting = {
        hours: span_of(row("2025-10-26 02:30", "2025-10-26 03:00", hours), BERLIN, False)
        for hours in ("0:30:00", "1:30:00")
    }

    assert lasting["0:30:00"][0] == datetime(2025, 10, 26, 1, 30, tzinfo=UTC)
    assert lasting["1:30:00"][0] == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)


def test_it_reads_yes_and_no_in_two_languages():
    says = {text: billable_of(Row(1, 1, billable=text)) for text in ("yes", "no", "ja", "nein", "")}

    assert says == {"yes": True, "no": False, "ja": True, "nein": False, "": None}
    with pytest.raises(ValidationError, match="neither Yes nor No"):
        billable_of(Row(1, 1, billable="perhaps"))


def test_a_text_of_several_lines_becomes_one():
    says = row("2025-03-24 09:00", "2025-03-24 10:00", "", " two\r\n lines ", "b, A,,a ")

    assert says.description == "two lines"
    assert says.tags == ["b", "a"]


# --- the order of day and month ---


@pytest.mark.parametrize(
    ("dates", "order"),
    [
        (["2025-03-04"], "day"),
        (["03.04.2025"], "day"),
        (["03/04/2025", "13/04/2025"], "day"),
        (["03/04/2025", "04/13/2025"], "month"),
        (["03/04/2025", "05/06/2025"], "ask"),
        (["03/03/2025", "05/05/2025"], "day"),
        (["03/04/0000"], "day"),  # it is no date at all
    ],
)
def test_it_decides_on_the_order_of_dates_where_one_shows_it(dates, order):
    read = reader()
    for number, date in enumerate(dates, 2):
        read.row(number, [date, "09:00", date, "10:00", "", "", ""])

    assert read.order() == order


def test_it_refuses_dates_that_contradict_each_other():
    read = reader()
    for number, date in enumerate(["13/04/2025", "04/13/2025"], 2):
        read.row(number, [date, "09:00", date, "10:00", "", "", ""])

    with pytest.raises(
        ValidationError, match="in line 2 the day stands first, in line 3 the month"
    ):
        read.order()


# --- keys ---


def test_the_same_line_twice_has_two_keys_and_again_the_same_two():
    def keys() -> list[object]:
        read = reader()
        values = ["2025-03-24", "09:00", "2025-03-24", "10:00", "", "Call", "a"]
        return [key_of(read.row(number, values), "bob", False) for number in (2, 3)]

    assert len(set(keys())) == 2
    assert keys() == keys()


def test_another_person_or_meaning_has_another_key():
    says = row("03/04/2025 09:00", "03/04/2025 10:00")

    keys = {key_of(says, person, first) for person in ("bob", "charlie") for first in (True, False)}

    assert len(keys) == 4
