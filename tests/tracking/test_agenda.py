from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from tests.tracking.test_spans import ODD_DAYS, ZONES
from tracking.agenda import (
    FULL_DAY,
    LEAST,
    Block,
    Change,
    agenda_of,
    blocks_of,
    change_on,
    extent,
    in_lanes,
)
from tracking.models import TimeEntry
from tracking.spans import day_bounds, moment

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
MONDAY = date(2026, 11, 16)
WEEK = [MONDAY + timedelta(days) for days in range(7)]
NOW = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
generated = settings(max_examples=200, deadline=None)


def on(day: date, hour: int, minute: int = 0, fold: int = 0, zone: ZoneInfo = BERLIN) -> datetime:
    return moment(day, time(hour, minute), zone, fold)


class TestLanes:
    @staticmethod
    def block(start: int, length: int) -> Block:
        """A part of a day without changes, as it is drawn."""
        started_at = on(MONDAY, 0) + start * MINUTE
        ended_at = started_at + length * MINUTE
        drawn = max(length, LEAST)
        top = min(start, FULL_DAY - drawn)
        whole = timedelta(minutes=length)
        return Block(TimeEntry(), started_at, ended_at, top, drawn, whole, ended=True)

    spans = st.lists(
        st.tuples(st.integers(0, 1439), st.integers(0, 300)).map(
            lambda each: (each[0], min(each[1], FULL_DAY - each[0]))
        ),
        max_size=14,
    )

    @given(spans)
    @generated
    def test_no_two_that_overlap_lie_on_one_another(self, spans):
        placed = in_lanes(self.block(*each) for each in spans)

        assert len(placed) == len(spans)
        for one, other in combinations(placed, 2):
            apart = one.bottom <= other.top or other.bottom <= one.top
            beside = one.lane + one.width <= other.lane or other.lane + other.width <= one.lane
            assert apart or (beside and one.lanes == other.lanes)

    @given(spans)
    @generated
    def test_every_block_lies_within_its_day_in_the_order_of_time(self, spans):
        placed = in_lanes(self.block(*each) for each in spans)

        assert [each.top for each in placed] == sorted(each.top for each in placed)
        for each in placed:
            assert 0 <= each.lane < each.lane + each.width <= each.lanes
            assert each.lanes <= len(spans)
            assert 0 <= each.top < each.bottom <= FULL_DAY

    def test_what_follows_at_once_has_the_whole_width(self):
        placed = in_lanes([self.block(600, 60), self.block(540, 60)])

        assert [(each.top, each.lane, each.lanes) for each in placed] == [(540, 0, 1), (600, 0, 1)]

    def test_seconds_that_overlap_count(self):
        first = self.block(540, 60)
        second = Block(
            *(first.entry, first.ended_at - MINUTE / 2, first.ended_at + 60 * MINUTE, 600, 60),
            *(timedelta(minutes=60), True),
        )
        assert [each.lane for each in in_lanes([first, second])] == [0, 1]

    def test_a_lane_is_used_again(self):
        placed = in_lanes(
            [self.block(0, 300), self.block(0, 60), self.block(60, 60), self.block(240, 120)]
        )
        assert [(each.lane, each.lanes) for each in placed] == [(0, 2), (1, 2), (1, 2), (1, 2)]

    def test_free_lanes_beside_a_block_are_its_own(self):
        placed = in_lanes(
            [self.block(0, 120), self.block(0, 60), self.block(0, 60), self.block(70, 60)]
        )
        assert [(each.top, each.lane, each.width) for each in placed] == [
            (0, 0, 1),
            (0, 1, 1),
            (0, 2, 1),
            (70, 1, 2),
        ]


class TestClock:
    @pytest.mark.parametrize(
        ("start", "end", "minutes"),
        [
            (on(SPRING, 1, 30), on(SPRING, 3, 30), (90, 210)),  # one hour, over the skipped one
            (on(SPRING, 1), on(SPRING, 3), (60, 120)),  # ends as the clock goes forward
            (on(SPRING, 3), on(SPRING, 4), (180, 240)),
            (on(AUTUMN, 1, 30), on(AUTUMN, 3, 30), (90, 210)),  # three hours
            (on(AUTUMN, 2, 30), on(AUTUMN, 2, 15, 1), (120, 180)),  # 45 minutes: 2:30–3:00–2:15
            (on(AUTUMN, 2, 0), on(AUTUMN, 2, 0, 1), (120, 180)),
            (on(AUTUMN, 2, 10, 1), on(AUTUMN, 2, 40, 1), (130, 160)),
            (on(MONDAY, 22), on(MONDAY + timedelta(1), 0), (1320, 1440)),
        ],
    )
    def test_a_part_covers_what_the_clock_showed(self, start, end, minutes):
        assert extent(start, end, start.astimezone(BERLIN).date(), BERLIN) == minutes

    @pytest.mark.parametrize(
        ("zone", "day", "change"),
        [
            ("Europe/Berlin", SPRING, Change(120, 60, forward=True)),
            ("Europe/Berlin", AUTUMN, Change(120, 60, forward=False)),
            ("Europe/Berlin", MONDAY, None),
            ("Australia/Lord_Howe", date(2026, 10, 4), Change(120, 30, forward=True)),
            ("America/Sao_Paulo", date(2018, 11, 4), Change(0, 60, forward=True)),
            ("America/Sao_Paulo", date(2018, 2, 17), Change(1380, 60, forward=False)),
            ("America/Havana", date(2025, 11, 2), Change(0, 60, forward=False)),
            ("Pacific/Apia", date(2011, 12, 30), Change(0, FULL_DAY, forward=True)),
        ],
    )
    def test_it_knows_what_the_clock_skips_and_repeats(self, zone, day, change):
        assert change_on(day, ZoneInfo(zone)) == change

    @given(
        st.sampled_from([odd for odd in ODD_DAYS if odd[0] in ZONES]),
        st.integers(-40 * 3600, 40 * 3600),
        st.integers(1, 30 * 3600),
    )
    @generated
    def test_the_parts_of_an_entry_sum_to_the_whole(self, odd, offset, seconds):
        zone, middle, _hours = odd
        tz = ZoneInfo(zone)
        days = [middle + timedelta(days) for days in range(-4, 5)]
        start = day_bounds(middle, tz)[0] + timedelta(seconds=offset)
        whole = timedelta(seconds=seconds)
        entry = TimeEntry(started_at=start, ended_at=start + whole)

        parts = list(blocks_of(entry, days, tz, NOW))

        assert sum((part.ended_at - part.started_at for _, part in parts), timedelta()) == whole
        assert [part.begins for _, part in parts] == [True] + [False] * (len(parts) - 1)
        assert [part.ends for _, part in parts] == [False] * (len(parts) - 1) + [True]
        for day, part in parts:
            first, last = day_bounds(day, tz)
            assert first <= part.started_at < part.ended_at <= last
            assert 0 <= part.top < part.bottom <= FULL_DAY
            assert part.length >= LEAST
            assert part.duration == whole

    def test_only_what_lies_within_the_days_is_cut(self):
        entry = TimeEntry(started_at=on(MONDAY, 0), ended_at=on(MONDAY + timedelta(3), 12))

        parts = list(blocks_of(entry, WEEK[1:3], BERLIN, NOW))

        assert [(day, part.top, part.length) for day, part in parts] == [
            (WEEK[1], 0, FULL_DAY),
            (WEEK[2], 0, FULL_DAY),
        ]
        assert not any(part.begins or part.ends for _, part in parts)


@pytest.mark.django_db
class TestAgenda:
    @pytest.fixture(autouse=True)
    def _in_berlin(self, bob):
        bob.time_zone = "Europe/Berlin"
        bob.save()

    @staticmethod
    def add(user, start: datetime, end: datetime | None, what: str = "") -> TimeEntry:
        return TimeEntry.objects.create(user=user, started_at=start, ended_at=end, description=what)

    @staticmethod
    def drawn(agenda) -> dict[str, list[tuple[int, int, str]]]:
        """(top, length, description) of the blocks by weekday."""
        return {
            f"{day.day:%a}": [(b.top, b.length, b.entry.description) for b in day.blocks]
            for day in agenda.days
            if day.blocks
        }

    def test_it_draws_entries_at_their_times(self, bob):
        self.add(bob, on(MONDAY, 13), on(MONDAY, 14, 20), "late")
        self.add(bob, on(MONDAY, 9, 7), on(MONDAY, 10), "early")

        agenda = agenda_of(bob, WEEK, NOW)

        assert self.drawn(agenda) == {"Mon": [(547, 53, "early"), (780, 80, "late")]}
        assert agenda.days[0].total == agenda.total == timedelta(hours=2, minutes=13)

    def test_one_over_midnight_is_drawn_on_both_days_and_counts_once(self, bob):
        self.add(bob, on(MONDAY, 22, 30), on(WEEK[1], 1), "night")

        agenda = agenda_of(bob, WEEK, NOW)

        assert self.drawn(agenda) == {"Mon": [(1350, 90, "night")], "Tue": [(0, 60, "night")]}
        assert [day.total for day in agenda.days[:2]] == [timedelta(hours=2.5), timedelta()]

    def test_it_takes_what_reaches_into_the_days_and_no_more(self, bob):
        self.add(bob, on(MONDAY - timedelta(1), 23), on(MONDAY, 0, 30), "reaches in")
        self.add(bob, on(WEEK[6], 23), on(WEEK[6] + timedelta(1), 1), "reaches out")
        self.add(bob, on(MONDAY - timedelta(1), 22), on(MONDAY, 0), "before")
        self.add(bob, on(WEEK[6] + timedelta(1), 0), on(WEEK[6] + timedelta(1), 1), "after")

        agenda = agenda_of(bob, WEEK, NOW)

        assert self.drawn(agenda) == {
            "Mon": [(0, 30, "reaches in")],
            "Sun": [(1380, 60, "reaches out")],
        }
        assert agenda.total == timedelta(hours=2)

    def test_a_forgotten_timer_is_drawn_on_all_its_days(self, bob):
        self.add(bob, on(MONDAY - timedelta(9), 8), on(WEEK[1], 8), "forgotten")

        agenda = agenda_of(bob, WEEK, NOW)

        assert self.drawn(agenda) == {
            "Mon": [(0, FULL_DAY, "forgotten")],
            "Tue": [(0, 480, "forgotten")],
        }

    def test_the_running_timer_lasts_until_now(self, bob):
        self.add(bob, NOW - timedelta(minutes=50), None, "runs")

        day = agenda_of(bob, WEEK, NOW).days[2]

        [block] = day.blocks
        assert (block.top, block.bottom, day.now) == (14 * 60 + 40, 15 * 60 + 30, 15 * 60 + 30)
        assert not block.ended
        assert day.total == timedelta(minutes=50)

    def test_a_timer_that_started_this_very_moment_is_there(self, bob):
        self.add(bob, NOW, None, "runs")
        self.add(bob, on(MONDAY, 23, 59), on(MONDAY, 23, 59), "of no length")

        assert self.drawn(agenda_of(bob, WEEK, NOW)) == {
            "Mon": [(FULL_DAY - LEAST, LEAST, "of no length")],
            "Wed": [(15 * 60 + 30, LEAST, "runs")],
        }

    def test_the_two_hours_that_look_the_same_stand_side_by_side(self, bob):
        self.add(bob, on(AUTUMN, 2), on(AUTUMN, 2, 50), "first")
        self.add(bob, on(AUTUMN, 2, 0, 1), on(AUTUMN, 2, 50, 1), "second")

        [day] = agenda_of(bob, [AUTUMN], NOW).days

        assert [(b.top, b.length, b.lane, b.lanes) for b in day.blocks] == [
            (120, 50, 0, 2),
            (120, 50, 1, 2),
        ]
        assert day.total == timedelta(minutes=100)

    def test_an_entry_counts_for_the_day_that_it_keeps(self, bob):
        entry = self.add(bob, on(MONDAY, 1), on(MONDAY, 2), "moved with its person")
        TimeEntry.objects.filter(pk=entry.pk).update(day=MONDAY - timedelta(1))
        before = [day - timedelta(7) for day in WEEK]

        assert self.drawn(agenda_of(bob, WEEK, NOW)) == {"Mon": [(60, 60, entry.description)]}
        assert agenda_of(bob, WEEK, NOW).total == timedelta()
        assert agenda_of(bob, before, NOW).days[-1].total == timedelta(hours=1)

    def test_it_never_has_the_entries_of_others(self, bob, charlie):
        self.add(charlie, on(MONDAY, 9), on(MONDAY, 10))

        assert agenda_of(bob, WEEK, NOW).empty

    @pytest.mark.parametrize(
        ("hour", "minute", "opens_at"), [(9, 0, 420), (7, 0, 420), (5, 50, 300), (0, 10, 0)]
    )
    def test_it_opens_where_the_day_begins(self, bob, hour, minute, opens_at):
        self.add(bob, on(MONDAY, hour, minute), on(MONDAY, hour, minute) + timedelta(minutes=5))

        assert agenda_of(bob, WEEK, NOW).opens_at == opens_at

    def test_a_night_that_only_ends_here_does_not_count_for_that(self, bob):
        self.add(bob, on(MONDAY - timedelta(1), 23), on(MONDAY, 2))

        assert agenda_of(bob, WEEK, NOW).opens_at == 420

    def test_it_reads_everything_in_one_query(self, bob, work, django_assert_num_queries):
        for hour in range(20):
            entry = self.add(bob, on(MONDAY, hour), on(MONDAY, hour + 1))
            TimeEntry.objects.filter(pk=entry.pk).update(project=work.shop, task=work.checkout)

        with django_assert_num_queries(1):
            agenda = agenda_of(bob, WEEK, NOW)
            for block in agenda.days[0].blocks:
                assert block.entry.project.client.name
                assert block.entry.task.name
