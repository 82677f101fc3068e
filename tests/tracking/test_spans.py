from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation
from hypothesis import assume, given, settings, strategies as st

from tracking.models import local_day
from tracking.spans import day_bounds, moment, span, split, split_at_midnights, week_of

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)

# Days whose length, in hours, is not (or only nearly not) the 24 of all others.
ODD_DAYS = [
    ("Europe/Berlin", date(2026, 3, 29), 23),
    ("Europe/Berlin", date(2026, 10, 25), 25),
    ("America/New_York", date(2026, 3, 8), 23),
    ("America/New_York", date(2026, 11, 1), 25),
    ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
    ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
    ("Asia/Kathmandu", date(2026, 3, 29), 24),
    ("Pacific/Apia", date(2011, 12, 29), 24),
    ("Pacific/Apia", date(2011, 12, 30), 0),  # skipped
    ("Pacific/Apia", date(2011, 12, 31), 24),
    ("America/Sao_Paulo", date(2018, 11, 4), 23),  # without midnight
    ("America/Sao_Paulo", date(2018, 2, 17), 25),  # with 23:00 to 24:00 twice
    ("Asia/Beirut", date(2025, 3, 30), 23),  # without midnight
    ("America/Havana", date(2025, 11, 2), 25),  # with midnight twice
    ("America/St_Johns", date(2010, 11, 6), 25),  # comes back after a minute of the next day
    ("America/St_Johns", date(2010, 11, 7), 24),
]
# St John's until 2011 had a minute of tomorrow before an hour of today: tested by itself.
ZONES = sorted({zone for zone, _, _ in ODD_DAYS} - {"America/St_Johns"})

zones = st.sampled_from(ZONES).map(ZoneInfo)
days = st.one_of(
    st.sampled_from([day for _, day, _ in ODD_DAYS]).flatmap(
        lambda day: st.dates(day - timedelta(2), day + timedelta(2))
    ),
    st.dates(date(2000, 1, 1), date(2040, 1, 1)),
)
clocks = st.times()
moments = st.builds(datetime.combine, days, clocks, st.just(UTC))
lengths = st.one_of(
    st.timedeltas(timedelta(microseconds=1), timedelta(hours=30)),
    st.timedeltas(timedelta(microseconds=1), timedelta(days=9)),
)
generated = settings(max_examples=300, deadline=None)


def sentence(call, *given):
    with pytest.raises(ValidationError) as refused:
        call(*given)
    [told] = refused.value.messages
    return told


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


class TestMoment:
    def test_it_is_the_time_on_the_wall(self):
        assert moment(date(2026, 1, 5), time(9), BERLIN) == utc(2026, 1, 5, 8)
        assert moment(date(2026, 7, 5), time(9, 0, 30), BERLIN) == utc(2026, 7, 5, 7, 0, 30)
        assert moment(date(2026, 7, 5), time(9), BERLIN).tzinfo is UTC

    def test_it_refuses_a_time_that_clocks_skip(self):
        assert sentence(moment, date(2026, 3, 29), time(2, 30), BERLIN) == (
            "02:30 does not exist on March 29, 2026 in Europe/Berlin: the clock goes forward then."
            " Choose an earlier or later time."
        )
        with translation.override("de"):
            assert "29. März 2026" in sentence(moment, date(2026, 3, 29), time(2), BERLIN)
        assert moment(date(2026, 3, 29), time(1, 59), BERLIN) == utc(2026, 3, 29, 0, 59)
        assert moment(date(2026, 3, 29), time(3), BERLIN) == utc(2026, 3, 29, 1)

    def test_it_refuses_a_midnight_and_a_day_that_clocks_skip(self):
        sao_paulo, apia = ZoneInfo("America/Sao_Paulo"), ZoneInfo("Pacific/Apia")
        assert sentence(moment, date(2018, 11, 4), time(0), sao_paulo).startswith("00:00 does not")
        assert sentence(moment, date(2011, 12, 30), time(12), apia).startswith("12:00 does not")

    def test_it_is_the_first_of_two_or_the_second_where_asked(self):
        day, at = date(2026, 10, 25), time(2, 30)
        assert moment(day, at, BERLIN) == utc(2026, 10, 25, 0, 30)
        assert moment(day, at.replace(fold=1), BERLIN) == utc(2026, 10, 25, 0, 30)
        assert moment(day, at, BERLIN, fold=1) == utc(2026, 10, 25, 1, 30)

    @pytest.mark.parametrize("day", [date.min, date(1, 12, 31), date(9999, 1, 1), date.max])
    def test_it_refuses_years_without_every_moment(self, day):
        for call, *rest in ((moment, time(12), BERLIN), (day_bounds, BERLIN), (week_of, 0)):
            assert sentence(call, day, *rest) == "Choose a year from 2 to 9998."

    @generated
    @given(days, clocks, zones, st.sampled_from([0, 1]))
    def test_it_shows_the_same_on_the_wall_again_or_refuses(self, day, at, zone, fold):
        try:
            found = moment(day, at, zone, fold)
        except ValidationError:
            before, after = (datetime.combine(day, at.replace(fold=f), zone) for f in (0, 1))
            assert before.utcoffset() < after.utcoffset()  # clocks go forward
        else:
            assert found.astimezone(zone).replace(tzinfo=None) == datetime.combine(day, at)


class TestSpan:
    def test_it_ends_on_the_same_day_or_the_next(self):
        day = date(2026, 1, 5)
        assert span(day, time(9), time(17), BERLIN) == (utc(2026, 1, 5, 8), utc(2026, 1, 5, 16))
        assert span(day, time(22), time(2), BERLIN) == (utc(2026, 1, 5, 21), utc(2026, 1, 6, 1))
        assert span(day, time(22), time(0), BERLIN) == (utc(2026, 1, 5, 21), utc(2026, 1, 5, 23))

    @pytest.mark.parametrize(
        ("day", "hours"), [(date(2026, 3, 28), 7), (date(2026, 10, 24), 9), (date(2026, 5, 1), 8)]
    )
    def test_it_counts_a_night_in_which_clocks_change_right(self, day, hours):
        start, end = span(day, time(22), time(6), BERLIN)
        assert end - start == hours * HOUR

    def test_it_refuses_an_end_that_is_the_start(self):
        assert sentence(span, date(2026, 1, 5), time(9), time(9), BERLIN) == (
            "Start and end are the same, 09:00; choose a later end."
        )

    def test_it_refuses_an_end_that_clocks_skip(self):
        told = sentence(span, date(2026, 3, 28), time(22), time(2, 30), BERLIN)
        assert told.startswith("02:30 does not exist on March 29, 2026")

    def test_it_refuses_an_end_after_the_last_day(self):
        assert "9998" in sentence(span, date(9998, 12, 31), time(22), time(2), BERLIN)

    @generated
    @given(days, clocks, clocks, zones)
    def test_it_never_ends_before_it_starts(self, day, start, end, zone):
        try:
            started_at, ended_at = span(day, start, end, zone)
        except ValidationError:
            assume(False)
        assert timedelta() < ended_at - started_at <= timedelta(hours=25)


class TestSplit:
    @generated
    @given(moments, lengths, st.floats(0, 1, exclude_min=True), zones)
    def test_its_parts_sum_to_the_whole(self, start, length, share, zone):
        end, at = start + length, start + length * share
        assume(start < at < end)
        first, second = split(*(each.astimezone(zone) for each in (start, end, at)))
        assert (first[0], first[1], second[1]) == (start, at, end)
        assert first[1] == second[0]
        assert (first[1] - first[0]) + (second[1] - second[0]) == length

    def test_it_counts_in_the_hour_that_comes_twice(self):
        start = datetime(2026, 10, 25, 2, 50, tzinfo=BERLIN)
        end = datetime(2026, 10, 25, 2, 40, fold=1, tzinfo=BERLIN)  # earlier on the wall
        at = datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=BERLIN)
        first, second = split(start, end, at)
        assert first[1] - first[0] == timedelta(minutes=20)
        assert second[1] - second[0] == timedelta(minutes=30)

    @pytest.mark.parametrize("at", [utc(2026, 1, 5, 8), utc(2026, 1, 5, 9), utc(2026, 1, 5, 12)])
    def test_it_refuses_a_moment_that_is_not_inside(self, at):
        assert sentence(split, utc(2026, 1, 5, 9), utc(2026, 1, 5, 12), at) == (
            "Choose a time between start and end of the entry."
        )
        assert sentence(split, utc(2026, 1, 5, 6), utc(2026, 1, 5, 8), at)


class TestSplitAtMidnights:
    @generated
    @given(moments, lengths, zones)
    def test_its_parts_sum_to_the_whole(self, start, length, zone):
        end = start + length
        parts = split_at_midnights(start.astimezone(zone), end.astimezone(zone), zone)
        assert sum((ended - started for started, ended, _ in parts), timedelta()) == length
        assert (parts[0][0], parts[-1][1]) == (start, end)
        assert all(one[1] == next_[0] and one[2] < next_[2] for one, next_ in pairwise(parts))
        for started, ended, day in parts:
            assert started < ended
            assert local_day(started, zone.key) == day
            assert local_day(ended - datetime.resolution, zone.key) == day

    def test_it_cuts_a_night_in_two(self):
        start, end = utc(2026, 1, 5, 21), utc(2026, 1, 6, 1)
        assert split_at_midnights(start, end, BERLIN) == [
            (start, utc(2026, 1, 5, 23), date(2026, 1, 5)),
            (utc(2026, 1, 5, 23), end, date(2026, 1, 6)),
        ]

    def test_it_leaves_out_the_day_that_was_skipped(self):
        apia = ZoneInfo("Pacific/Apia")
        midnight = utc(2011, 12, 30, 10)
        assert split_at_midnights(midnight - HOUR, midnight + HOUR, apia) == [
            (midnight - HOUR, midnight, date(2011, 12, 29)),
            (midnight, midnight + HOUR, date(2011, 12, 31)),
        ]

    def test_it_goes_on_where_the_date_goes_back(self):
        st_johns = ZoneInfo("America/St_Johns")
        start, end = utc(2010, 11, 7, 2, 30, 30), utc(2010, 11, 7, 4)  # 00:00:30, 00:30 on the 7th
        parts = split_at_midnights(start, end, st_johns)
        assert sum((ended - started for started, ended, _ in parts), timedelta()) == end - start

    @pytest.mark.parametrize("length", [timedelta(), -HOUR])
    def test_it_has_no_part_of_no_time(self, length):
        start = utc(2026, 1, 5, 22, 30)
        assert split_at_midnights(start, start + length, BERLIN) == []


class TestDayBounds:
    @pytest.mark.parametrize(("zone", "day", "hours"), ODD_DAYS)
    def test_it_is_as_long_as_the_day(self, zone, day, hours):
        start, end = day_bounds(day, ZoneInfo(zone))
        assert end - start == hours * HOUR
        assert start.tzinfo is end.tzinfo is UTC

    def test_it_begins_as_clocks_skip_midnight(self):
        sao_paulo = ZoneInfo("America/Sao_Paulo")
        start, _end = day_bounds(date(2018, 11, 4), sao_paulo)
        assert start == utc(2018, 11, 4, 3)
        assert start.astimezone(sao_paulo).time() == time(1)

    def test_it_begins_with_the_first_of_two_midnights(self):
        start, _end = day_bounds(date(2025, 11, 2), ZoneInfo("America/Havana"))
        assert start == utc(2025, 11, 2, 4)

    @generated
    @given(days, zones)
    def test_days_follow_each_other_without_gap(self, day, zone):
        start, end = day_bounds(day, zone)
        assert start <= end == day_bounds(day + timedelta(1), zone)[0]
        assert local_day(start - datetime.resolution, zone.key) < day <= local_day(start, zone.key)

    def test_a_year_has_all_its_days_wherever_one_is(self):
        for zone in map(ZoneInfo, sorted(available_timezones())[::20]):
            start, end = (
                day_bounds(date(2026, 1, 1), zone)[0],
                day_bounds(date(2027, 1, 1), zone)[0],
            )
            parts = split_at_midnights(start, end, zone)
            assert len(parts) == 365
            assert all(local_day(started, zone.key) == day for started, _, day in parts)


class TestWeekOf:
    @pytest.mark.parametrize(
        ("week_start", "first"),
        [(0, date(2026, 11, 16)), (5, date(2026, 11, 21)), (6, date(2026, 11, 22))],
    )
    def test_it_starts_as_the_person_likes(self, week_start, first):
        week = week_of(date(2026, 11, 22), week_start)
        assert week == [first + timedelta(days) for days in range(7)]

    @generated
    @given(st.dates(date(2, 1, 1), date(9998, 12, 31)), st.integers(0, 6))
    def test_it_has_the_day_and_its_week_is_the_week_of_all_its_days(self, day, week_start):
        week = week_of(day, week_start)
        assert day in week
        assert len(week) == 7
        assert week[0].weekday() == week_start
        assert week_of(week[-1] if week[-1].year < 9999 else day, week_start) == week
