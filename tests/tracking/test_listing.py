from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.http import QueryDict

from tracking import services
from tracking.listing import RANGES, Listing, listing_of, range_of
from tracking.models import Membership, Project, Task, TimeEntry

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)  # a Wednesday
HOUR = timedelta(hours=1)


def made(user: Any, days_ago: float = 0, hours: float = 1, **fields: Any) -> TimeEntry:
    start = NOW - timedelta(days=days_ago) - 6 * HOUR
    return TimeEntry.objects.create(
        user=user, started_at=start, ended_at=start + hours * HOUR, **fields
    )


def listed(user: Any, query: str = "", person: Any = None) -> Listing:
    return listing_of(user, person or user, QueryDict(query), NOW)


def shown(listing: Listing) -> list[TimeEntry]:
    return [row.entry for day in listing.days for row in day.rows]


class TestRanges:
    @pytest.mark.parametrize(
        ("name", "first", "last"),
        [
            ("", date(2026, 2, 19), None),
            ("this-week", date(2026, 3, 16), date(2026, 3, 22)),
            ("last-week", date(2026, 3, 9), date(2026, 3, 15)),
            ("this-month", date(2026, 3, 1), date(2026, 3, 31)),
            ("last-month", date(2026, 2, 1), date(2026, 2, 28)),
            ("all", None, None),
        ],
    )
    def test_each_is_what_its_name_says(self, name, first, last):
        assert range_of(name, NOW.date(), 0) == (first, last)
        assert name in RANGES

    @pytest.mark.parametrize("today", [date(2026, 1, 31), date(2026, 12, 31), date(2028, 2, 29)])
    def test_months_hold_their_last_days(self, today):
        first, last = range_of("this-month", today, 0)
        assert first is not None
        assert last is not None
        assert first.day == 1
        assert (last + timedelta(days=1)).day == 1
        assert first <= today <= last
        assert range_of("last-month", today, 0)[1] == first - timedelta(days=1)

    def test_weeks_start_as_the_person_chose(self):
        assert range_of("this-week", NOW.date(), 6)[0] == date(2026, 3, 15)

    def test_the_list_begins_four_weeks_ago(self, bob):
        inside, _outside, ahead = made(bob, 27), made(bob, 28), made(bob, -3)
        assert shown(listed(bob)) == [ahead, inside]

    def test_from_and_to_win_over_a_range(self, bob):
        old = made(bob, 100)
        made(bob, 99), made(bob)

        day = old.day.isoformat()
        assert shown(listed(bob, f"range=this-week&since={day}&until={day}")) == [old]

    def test_either_is_enough(self, bob):
        old, new = made(bob, 100), made(bob)
        assert shown(listed(bob, f"until={old.day}")) == [old]
        assert shown(listed(bob, f"since={old.day}")) == [new, old]

    def test_the_wrong_way_round_they_are_turned(self, bob):
        entry = made(bob, 100)
        before, after = entry.day - timedelta(days=1), entry.day + timedelta(days=1)
        assert shown(listed(bob, f"since={after}&until={before}")) == [entry]

    def test_it_is_the_persons_day_that_counts(self, bob, dora):
        bob.time_zone = "Pacific/Auckland"  # 1:00 on the 19th
        bob.save()
        entry = TimeEntry.objects.create(user=bob, started_at=NOW, ended_at=NOW + HOUR)

        listing = listed(dora, "since=2026-03-19", bob)
        assert (listing.today, shown(listing)) == (date(2026, 3, 19), [entry])


class TestFilters:
    @pytest.fixture
    def entries(self, bob, work):
        shop = made(bob, 1, project=work.shop, task=work.checkout, description="Fix the TILL")
        garden = made(bob, 2, project=work.garden, billable=True, description="100% rose_s")
        garden.tags.set(services.tags_named(["on site", "wet"]))
        return shop, garden, made(bob, 3)

    def test_each_narrows_the_list(self, bob, work, entries):
        shop, garden, bare = entries
        tag = garden.tags.first()
        assert tag is not None
        for query, expected in {
            f"project={work.shop.pk}": [shop],
            f"task={work.checkout.pk}": [shop],
            f"project={work.shop.pk}&task={work.checkout.pk}": [shop],
            f"tag={tag.pk}": [garden],
            "billable=yes": [garden],
            "billable=no": [shop, bare],
            "text=till": [shop],
            "text=%25": [garden],
            "text=_": [garden],
            "text=nowhere": [],
            f"project={work.garden.pk}&text=fix": [],
        }.items():
            listing = listed(bob, query)
            assert shown(listing) == expected, query
            assert listing.total == len(expected) * HOUR
            assert listing.filters.notes == []

    def test_a_task_of_a_project_chosen_before_is_forgotten(self, bob, work, entries):
        assert shown(listed(bob, f"project={work.garden.pk}&task={work.checkout.pk}")) == [
            entries[1]
        ]

    def test_archived_ones_can_be_asked_for(self, bob, work, entries):
        Project.objects.update(archived=True)
        assert shown(listed(bob, f"project={work.shop.pk}")) == [entries[0]]

    @pytest.mark.parametrize(
        ("query", "name"),
        [
            ("project=999999", "Project"),
            ("project=x", "Project"),
            ("project=-1", "Project"),
            (f"project={'9' * 50}", "Project"),
            ("project=%00", "Project"),
            ("task=999999", "Task"),
            ("task=%F0%9F%95%B0", "Task"),
            ("tag=999999", "Tag"),
            (f"tag={'9' * 50}", "Tag"),
            ("tag=1%20OR%201=1", "Tag"),
            ("range=next-century", "Range"),
            ("since=2026-02-30", "From"),
            ("until=soon", "To"),
            ("until=99999-01-01", "To"),
            ("billable=perhaps", "Billable"),
            ("text=a%00b", "Description"),
            (f"text={'x' * 501}", "Description"),
        ],
    )
    def test_nonsense_is_said_and_left_out(self, bob, entries, query, name):
        listing = listed(bob, query)

        assert len(listing.filters.notes) == 1
        assert listing.filters.notes[0].endswith(f"The filter “{name}” was left out.")
        assert len(shown(listing)) == 3

    def test_the_rest_still_counts(self, bob, entries):
        assert shown(listed(bob, "project=999999&billable=yes")) == [entries[1]]

    def test_a_project_of_others_is_as_if_it_were_not_there(self, bob, charlie, work):
        Membership.objects.create(project=work.shop, user=charlie)

        notes = listed(bob, f"project={work.shop.pk}").filters.notes
        assert notes == ["This project is not there any more. The filter “Project” was left out."]
        assert listed(bob, f"task={work.checkout.pk}").filters.notes != []

    def test_it_says_in_words_what_is_filtered_by(self, bob, work, entries):
        tag = entries[1].tags.first()
        assert tag is not None
        query = f"range=last-week&project={work.shop.pk}&tag={tag.pk}&billable=no&text=x"

        assert listed(bob, query).filters.words() == [
            "Last week", "Online shop", str(tag), "Not billable", "“x”",
        ]  # fmt: skip
        assert listed(bob).filters.words() == ["Last four weeks"]
        assert listed(bob, "since=2026-03-01").filters.words() == ["since March 1, 2026"]

    def test_its_list_of_projects_stays_light(self, bob):
        Project.objects.bulk_create(Project(name=f"Project {n:03}") for n in range(120))
        last = Project.objects.get(name="Project 119")

        def offered(query: str) -> str:
            return str(listed(bob, query).filters["project"])

        assert offered("").count("<option") == 30 + 2  # every project, more of them
        assert "Project 119" in offered(f"project={last.pk}")
        assert offered("project=more").count("<option") == 120 + 1
        assert listed(bob, "project=more").filters.notes == []


class TestTotals:
    def test_days_come_newest_first_with_their_totals(self, bob):
        early = made(bob, 1, 0.5)
        late = made(bob, 0.9, 0.25)
        other = made(bob, 2, 2)

        listing = listed(bob)

        assert [(day.day, day.total) for day in listing.days] == [
            (late.day, 0.75 * HOUR),
            (other.day, 2 * HOUR),
        ]
        assert shown(listing) == [late, early, other]
        assert listing.total == 2.75 * HOUR
        assert not listing.grows

    def test_they_are_over_all_that_is_filtered_not_the_page(self, bob):
        for number in range(40):
            made(bob, 1 + number / 1e4)
        for _number in range(5):
            made(bob, 2)

        first, second = listed(bob), listed(bob, "page=2")

        assert (len(shown(first)), len(shown(second))) == (25, 20)
        assert [day.total for day in first.days] == [40 * HOUR]
        assert [day.total for day in second.days] == [40 * HOUR, 5 * HOUR]  # the day goes on
        assert first.total == second.total == 45 * HOUR
        assert first.count == 45

    def test_they_leave_out_what_is_filtered_out(self, bob, work):
        made(bob, 1, project=work.shop)
        made(bob, 1, 5)

        listing = listed(bob, f"project={work.shop.pk}")
        assert (listing.total, listing.days[0].total) == (HOUR, HOUR)

    def test_a_running_timer_counts_and_lets_them_grow(self, bob):
        made(bob)
        TimeEntry.objects.create(user=bob, started_at=NOW - HOUR / 2, description="Runs")

        listing = listed(bob)
        assert listing.total == listing.days[0].total == 1.5 * HOUR
        assert listing.grows
        assert listing.days[0].grows
        assert not listed(bob, "text=nothing").grows

    def test_an_entry_of_several_tags_counts_once(self, bob):
        entry = made(bob)
        tags = services.tags_named(["a", "b", "c"])
        entry.tags.set(tags)

        assert listed(bob, f"tag={tags[1].pk}").total == HOUR

    def test_a_day_is_shown_once_though_the_person_travelled(self, bob):
        """The day is kept on the row: it does not follow from the start alone."""
        bob.time_zone = "Asia/Tokyo"
        bob.save()
        tokyo = TimeEntry.objects.create(
            user=bob, started_at=NOW - 20 * HOUR, ended_at=NOW - 19 * HOUR
        )  # 17 March, 16:00 UTC: the 18th in Tokyo
        bob.time_zone = "UTC"
        bob.save()
        home = TimeEntry.objects.create(
            user=bob, started_at=NOW - 15 * HOUR, ended_at=NOW - 14 * HOUR
        )  # the 17th

        assert [day.day.day for day in listed(bob).days] == [18, 17]
        assert shown(listed(bob)) == [tokyo, home]


class TestPages:
    @pytest.mark.parametrize(
        ("page", "number"), [("x", 1), ("0", 2), ("-3", 2), ("99", 2), ("2", 2), ("", 1)]
    )
    def test_nonsense_is_a_page_that_there_is(self, bob, page, number):
        for _number in range(26):
            made(bob)
        assert listed(bob, f"page={page}").page.number == number

    def test_others_entries_never_stand_on_it(self, bob, charlie):
        made(charlie)
        listing = listed(bob)
        assert (shown(listing), listing.count, listing.total) == ([], 0, timedelta())


def test_it_takes_as_many_queries_for_many_rows_as_for_few(bob, django_assert_num_queries):
    def add(number: int) -> None:
        project = Project.objects.create(name=f"Project {number}")
        task = Task.objects.create(name="Task", project=project)
        made(bob, number / 10, project=project, task=task).tags.set(services.tags_named(["a"]))

    for number in range(3):
        add(number)
    with django_assert_num_queries(6):
        listed(bob).filters.as_p()
    for number in range(3, 29):  # 30 projects are offered without a closer look
        add(number)
    with django_assert_num_queries(6):
        listed(bob).filters.as_p()
