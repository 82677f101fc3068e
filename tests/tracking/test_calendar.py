import json
import re
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.models import Event
from tracking.models import Client as Customer, Project, Task, TimeEntry, local_day
from tracking.services import start_timer
from tracking.spans import moment

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/calendar/"}
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = date(2025, 3, 10)
SPRING, AUTUMN = date(2025, 3, 30), date(2025, 10, 26)
NOBODY = "00000000-0000-4000-8000-000000000000"
STYLES = Path("timetracker/static/timetracker/calendar.css")


@pytest.fixture(autouse=True)
def _in_berlin(bob):
    bob.time_zone = "Europe/Berlin"
    bob.save()


@pytest.fixture
def dora_in(client, dora):
    """A client of dora, who is signed in."""
    client.force_login(dora, backend="accounts.backends.LocalBackend")
    return client


def on(day: date, hour: int, minute: int = 0, fold: int = 0) -> datetime:
    return moment(day, time(hour, minute), BERLIN, fold)


def spend(user, start: datetime, end: datetime | None, what: str = "Review") -> TimeEntry:
    return TimeEntry.objects.create(user=user, started_at=start, ended_at=end, description=what)


def page_of(browser, address: str) -> str:
    response = browser.get(address)
    assert response.status_code == 200
    page: str = response.content.decode()
    return page


class TestPage:
    def test_it_sends_strangers_to_the_sign_in_page(self, client):
        response = client.get("/calendar/?view=day")
        assert response["Location"] == "/accounts/login/?next=/calendar/%3Fview%3Dday"

    def test_it_shows_a_week_of_entries(self, bob_in, bob, work):
        entry = spend(bob, on(MONDAY, 9, 7), on(MONDAY, 10, 30), "Call <Mira>")
        TimeEntry.objects.update(project=work.shop, task=work.checkout)

        page = page_of(bob_in, "/calendar/?day=2025-03-12")

        assert "10 – 16 March 2025" in page
        assert page.count('class="cal-column"') == 7
        assert '<li class="cal-block at-h9 at-m7 for-h1 for-m23 lane-0 of-1 wide-1"' in page
        assert "Call &lt;Mira&gt;" in page
        assert '<span class="cal-clock">09:07<' in page
        assert '<span class="cal-duration">1:23</span>' in page
        assert "Online shop · Checkout · Aurora Coffee" in page
        assert 'fill="#2a7f9e"' in page
        assert f'href="/entries/{entry.pk}/?next=/calendar/%3Fday%3D2025-03-12"' in page
        assert 'href="/entries/new/?day=2025-03-10"' in page
        assert '<time datetime="PT4980S">1:23</time>' in page

    def test_each_day_is_a_section_with_a_heading_and_its_entries_in_order(self, bob_in, bob):
        spend(bob, on(MONDAY, 14), on(MONDAY, 15), "Second")
        spend(bob, on(MONDAY, 9), on(MONDAY, 10), "First")

        page = page_of(bob_in, "/calendar/?day=2025-03-10&view=day")

        assert 'aria-labelledby="day-2025-03-10"' in page
        assert '<h2 id="day-2025-03-10">' in page
        assert "Monday, 10 March</span>" in page
        blocks = page[page.index('<ol class="cal-blocks">') :]
        assert blocks.index("First") < blocks.index("Second")

    def test_it_shows_one_day(self, bob_in):
        page = page_of(bob_in, "/calendar/?view=day&day=2025-03-12")

        assert page.count('class="cal-column"') == 1
        assert "Wednesday, 12 March 2025" in page
        assert 'href="/calendar/?view=day&amp;day=2025-03-11"' in page
        assert 'href="/calendar/?view=day&amp;day=2025-03-13"' in page

    def test_it_turns_by_weeks_and_on_phones_by_days(self, bob_in):
        page = page_of(bob_in, "/calendar/?day=2025-03-12")

        for day in ("2025-03-05", "2025-03-19", "2025-03-11", "2025-03-13"):
            assert f'href="/calendar/?day={day}"' in page

    @pytest.mark.parametrize(
        "query",
        [
            "",
            *("day=", "day=yesterday", "day=2025-02-30", "day=0001-01-01", "day=9999-12-31"),
            *("view=year", "day=2025-03-10%00", "day=" + "9" * 5000, "view=%27--&day=%F0%9F%98%80"),
        ],
    )
    def test_nonsense_is_this_week(self, bob_in, bob, query):
        page = page_of(bob_in, f"/calendar/?{query}")

        today = local_day(timezone.now(), bob.time_zone)
        assert page.count('class="cal-column"') == 7
        assert f'data-day="{today:%Y-%m-%d}" data-now=' in page

    @pytest.mark.parametrize("day", ["1970-01-01", "2999-12-31"])
    def test_it_turns_to_the_ends_of_its_years(self, bob_in, day):
        assert f'data-day="{day}"' in page_of(bob_in, f"/calendar/?day={day}")

    @pytest.mark.parametrize(("start", "first"), [(0, "10"), (6, "9"), (5, "8")])
    def test_the_week_starts_as_the_person_wants(self, bob_in, bob, start, first):
        bob.week_start = start
        bob.save()

        page = page_of(bob_in, "/calendar/?day=2025-03-12")
        columns = re.findall(r'class="cal-column" data-day="([\d-]+)"', page)
        assert columns[0] == f"2025-03-{int(first):02}"

    def test_it_reads_the_clock_as_the_person_does(self, bob_in, bob):
        bob.hours_24 = False
        bob.save()
        spend(bob, on(MONDAY, 14), on(MONDAY, 15))

        page = page_of(bob_in, "/calendar/?day=2025-03-10")
        assert ">2 p.m.<" in page or ">2:00 p.m.<" in page
        assert 'data-hours-24="false"' in page

    def test_one_over_midnight_stands_on_both_days(self, bob_in, bob):
        entry = spend(bob, on(MONDAY, 23), on(MONDAY + timedelta(1), 1, 30))

        page = page_of(bob_in, "/calendar/?day=2025-03-10")

        assert page.count(f'data-entry="{entry.pk}"') == 2
        assert "at-h23 at-m0 for-h1 for-m0" in page
        assert "at-h0 at-m0 for-h1 for-m30" in page
        assert page.count('data-edge="start"') == page.count('data-edge="end"') == 1
        assert page.count('data-start="2025-03-10T23:00" data-end="2025-03-11T01:30"') == 2

    def test_it_says_what_the_clock_skips_and_repeats(self, bob_in, bob):
        spend(bob, on(SPRING, 1, 30), on(SPRING, 3, 30))

        spring = page_of(bob_in, "/calendar/?view=day&day=2025-03-30")
        assert 'class="cal-change at-h2 at-m0 for-h1 for-m0"' in spring
        assert 'data-skips="120 180"' in spring
        assert "at-h1 at-m30 for-h2 for-m0" in spring
        assert '<span class="cal-duration">1:00</span>' in spring
        autumn = page_of(bob_in, "/calendar/?view=day&day=2025-10-26")
        assert 'class="cal-change at-h2 at-m0 for-h1 for-m0 cal-twice"' in autumn
        assert "data-skips" not in autumn

    def test_the_running_timer_grows_and_is_not_moved(self, bob_in, bob):
        start_timer(bob, description="Write")

        page = page_of(bob_in, "/calendar/")

        assert "cal-running" in page
        assert "data-grows" in page
        assert "data-version" not in page
        assert 'href="#timer"' in page

    def test_an_empty_week_says_how_to_begin(self, bob_in):
        page = page_of(bob_in, "/calendar/?day=2025-03-10")

        assert "Nothing recorded here." in page
        assert "Drag over the hours" in page

    def test_it_keeps_the_content_security_policy(self, bob_in, bob, work):
        spend(bob, on(MONDAY, 9), on(MONDAY, 10))
        page = page_of(bob_in, "/calendar/?day=2025-03-10")

        for forbidden in ("<style", " style=", "<script>", " onclick", " hx-on", "javascript:"):
            assert forbidden not in page

    def test_every_place_is_in_the_style_sheet(self):
        rules = set(re.findall(r"\.([a-z]+-[hm]?\d+)\{(--\w+:\d+)\}", STYLES.read_text()))
        wanted = {(f"at-h{n}", f"--h:{n}") for n in range(25)}
        wanted |= {(f"for-h{n}", f"--lh:{n}") for n in range(25)}
        wanted |= {(f"at-m{n}", f"--m:{n}") for n in range(60)}
        wanted |= {(f"for-m{n}", f"--lm:{n}") for n in range(60)}
        wanted |= {(f"lane-{n}", f"--lane:{n}") for n in range(24)}
        wanted |= {(f"of-{n}", f"--lanes:{n}") for n in range(1, 25)}
        wanted |= {(f"wide-{n}", f"--wide:{n}") for n in range(1, 25)}
        assert rules == wanted

    def test_more_at_once_than_there_are_lanes_are_still_drawn(self, bob_in, bob):
        for _number in range(30):
            spend(bob, on(MONDAY, 9), on(MONDAY, 10))

        page = page_of(bob_in, "/calendar/?day=2025-03-10")
        assert page.count("data-entry=") == 30
        assert page.count("lane-23 of-24 wide-1") == 7
        assert "lane-24" not in page

    def test_no_name_in_an_entry_is_markup(self, bob_in, bob):
        customer = Customer.objects.create(name="<b>Customer")
        project = Project.objects.create(name="<b>Project", client=customer)
        task = Task.objects.create(name="<b>Task", project=project)
        spend(bob, on(MONDAY, 9), on(MONDAY, 10), "<b>Call")
        TimeEntry.objects.update(project=project, task=task)
        page = page_of(bob_in, "/calendar/?day=2025-03-10&x=%22%3E%3Cb%3E")
        blocks = page[page.index('<ol class="cal-blocks">') :].partition("</ol>")[0]
        assert "<b>" not in page
        assert "&lt;b&gt;Project · &lt;b&gt;Task · &lt;b&gt;Customer</span>" in blocks
        assert ">&lt;b&gt;Call</span>" in blocks

    def test_it_takes_as_many_queries_for_a_full_week_as_for_a_quiet_one(self, bob_in, bob):
        def add(number: int) -> None:
            customer = Customer.objects.create(name=f"Customer {number}")
            project = Project.objects.create(name=f"Project {number}", client=customer)
            task = Task.objects.create(name="Task", project=project)
            entry = spend(bob, on(MONDAY, number % 20), on(MONDAY, number % 20 + 2))
            TimeEntry.objects.filter(pk=entry.pk).update(project=project, task=task)

        def queries() -> int:
            with CaptureQueriesContext(
                connection,
            ) as captured:
                page_of(bob_in, "/calendar/?day=2025-03-10")
            return len(captured)

        for number in range(3):
            add(number)
        quiet = queries()
        for number in range(3, 30):
            add(number)
        assert queries() == quiet
        assert quiet <= 9  # session, person, entries, the lock, and up to five of the timer bar


class TestOthers:
    def test_a_manager_looks_at_somebody_elses_without_changing_it(self, dora_in, dora, bob):
        dora.time_zone = "Asia/Kathmandu"
        dora.save()
        entry = spend(bob, on(MONDAY, 9), on(MONDAY, 10))

        page = page_of(dora_in, f"/calendar/?person={bob.pk}&day=2025-03-10")

        assert "Calendar of bob" in page
        assert "(Europe/Berlin)" in page
        assert '<span class="cal-clock">09:00<' in page
        assert "at-h9 at-m0" in page
        for way_to_change in (
            *("data-version", "data-new", "data-edge", "calendar-entry"),
            *(f"/entries/{entry.pk}/", "/entries/new/"),
        ):
            assert way_to_change not in page
        assert f'href="/calendar/?person={bob.pk}&amp;day=2025-03-17"' in page

    @pytest.mark.parametrize("who", ["bob", "nobody", "nonsense", "number"])
    def test_it_is_not_there_for_others(self, client, charlie, bob, who):
        wanted = {"bob": bob.pk, "nobody": NOBODY, "nonsense": "%00'", "number": 1}[who]
        client.force_login(charlie, backend="accounts.backends.LocalBackend")

        assert client.get("/calendar/", {"person": str(wanted)}).status_code == 404

    @pytest.mark.parametrize(
        "wanted", ["00000000-0000-4000-8000-000000000000", "nonsense", "1", "\0", "9" * 500]
    )
    def test_whoever_does_not_exist_is_not_there_for_managers(self, dora_in, wanted):
        assert dora_in.get("/calendar/", {"person": wanted}).status_code == 404

    def test_ones_own_key_is_ones_own_calendar(self, bob_in, bob):
        assert "data-new" in page_of(bob_in, f"/calendar/?person={bob.pk}")
        assert "data-new" in page_of(bob_in, "/calendar/?person=")


class TestMaking:
    URL = "/calendar/new/"

    def test_a_stretch_of_a_day_becomes_an_entry(self, bob_in, bob):
        data = {"day": "2025-03-10", "start": 540, "end": 645}

        response = bob_in.post(self.URL, data, headers=HTMX)

        entry = TimeEntry.objects.get()
        assert (entry.started_at, entry.ended_at) == (on(MONDAY, 9), on(MONDAY, 10, 45))
        assert entry.user == bob
        assert response.status_code == 200
        assert response["HX-Reswap"] == "none"
        assert json.loads(response["HX-Trigger"]) == {
            "entries-changed": None,
            "calendar-made": {"address": f"/entries/{entry.pk}/"},
        }
        assert Event.objects.filter(event="time_entry.created").count() == 1

    def test_it_leads_other_browsers_to_its_form(self, bob_in):
        response = bob_in.post(self.URL, {"day": "2025-03-10", "start": 0, "end": 1440})

        entry = TimeEntry.objects.get()
        assert response["Location"] == f"/entries/{entry.pk}/"
        assert entry.duration == timedelta(hours=24)

    @pytest.mark.parametrize(
        ("day", "start", "end"),
        [
            ("2025-03-10", 600, 600),
            ("2025-03-10", 660, 600),
            ("2025-03-10", -15, 60),
            ("2025-03-10", 0, 1441),
            ("2025-03-10", "nine", "ten"),
            ("2025-03-10", "", ""),
            ("2025-02-30", 0, 60),
            ("9999-12-31", 0, 1440),
            ("0001-01-01", 0, 60),
            ("1999-12-31", 0, 60),
            ("2025-03-30", 120, 180),  # skipped in Berlin
            ("\0", "9" * 6000, "\0"),
        ],
    )
    def test_nonsense_is_refused(self, bob_in, day, start, end):
        data = {"day": day, "start": start, "end": end}

        response = bob_in.post(self.URL, data, headers=HTMX)

        assert response.status_code == 422
        assert "toast-error" in response.content.decode()
        assert response["HX-Reswap"] == "none"
        assert not TimeEntry.objects.exists()
        assert bob_in.post(self.URL, data).status_code == 422

    def test_it_takes_no_get(self, bob_in):
        assert bob_in.get(self.URL).status_code == 405


class TestMoving:
    @pytest.fixture
    def entry(self, bob):
        return spend(bob, on(MONDAY, 9), on(MONDAY, 10, 30))

    @staticmethod
    def move(browser, entry, day: date, minute: int, part: str = "entry", **headers):
        data = {"day": f"{day}", "minute": minute, "part": part, "version": entry.version}
        return browser.post(f"/calendar/{entry.pk}/move/", data, headers={**HTMX, **headers})

    @staticmethod
    def times(entry):
        entry.refresh_from_db()
        return entry.started_at, entry.ended_at

    def test_it_goes_to_another_day_and_time(self, bob_in, entry):
        response = self.move(bob_in, entry, MONDAY + timedelta(2), 14 * 60 + 15)

        wednesday = MONDAY + timedelta(2)
        assert self.times(entry) == (on(wednesday, 14, 15), on(wednesday, 15, 45))
        assert entry.day == wednesday
        assert response.status_code == 200
        assert response["HX-Trigger"] == "entries-changed"
        assert "Saved: “Review” (12 March, 14:15–15:45), 1:30." in response.content.decode()
        assert Event.objects.filter(event="time_entry.updated").count() == 1

    def test_one_over_midnight_goes_as_a_whole(self, bob_in, bob):
        entry = spend(bob, on(MONDAY, 23), on(MONDAY + timedelta(1), 1))

        self.move(bob_in, entry, MONDAY + timedelta(1), 23 * 60 + 30)

        assert self.times(entry) == (
            on(MONDAY + timedelta(1), 23, 30),
            on(MONDAY + timedelta(2), 1, 30),
        )

    @pytest.mark.parametrize(
        ("part", "minute", "start", "end"),
        [
            ("end", 12 * 60, (9, 0), (12, 0)),
            ("end", 9 * 60 + 15, (9, 0), (9, 15)),
            ("start", 8 * 60 + 45, (8, 45), (10, 30)),
        ],
    )
    def test_an_end_goes_alone(self, bob_in, entry, part, minute, start, end):
        self.move(bob_in, entry, MONDAY, minute, part)

        assert self.times(entry) == (on(MONDAY, *start), on(MONDAY, *end))

    def test_an_end_may_be_midnight(self, bob_in, entry):
        self.move(bob_in, entry, MONDAY, 1440, "end")
        assert self.times(entry)[1] == on(MONDAY + timedelta(1), 0)

    def test_seconds_are_kept(self, bob_in, bob):
        odd = timedelta(seconds=13, microseconds=7)
        entry = spend(bob, on(MONDAY, 9) + odd, on(MONDAY, 10))
        whole = entry.ended_at - entry.started_at

        self.move(bob_in, entry, MONDAY + timedelta(1), 540)
        assert self.times(entry)[0] == on(MONDAY + timedelta(1), 9) + odd

        self.move(bob_in, entry, MONDAY, 600)
        start, end = self.times(entry)
        assert start == on(MONDAY, 10)
        assert end - start == whole

        self.move(bob_in, entry, MONDAY, 540, "start")
        assert self.times(entry) == (on(MONDAY, 9), end)

    @pytest.mark.parametrize(("day", "length"), [(SPRING, 1), (AUTUMN, 3)])
    def test_what_is_moved_over_a_change_of_clock_takes_as_long(self, bob_in, bob, day, length):
        """From 1:30 to 3:30 by the clock; one hour in spring, three in autumn."""
        entry = spend(bob, on(day, 1, 30), on(day, 3, 30))
        assert entry.duration == timedelta(hours=length)

        self.move(bob_in, entry, day + timedelta(1), 90)
        there = self.times(entry)
        self.move(bob_in, entry, day, 90)

        assert there[1] - there[0] == timedelta(hours=length)
        assert there[0] == on(day + timedelta(1), 1, 30)
        assert self.times(entry) == (on(day, 1, 30), on(day, 3, 30))

    def test_what_is_stretched_over_a_change_of_clock_ends_as_the_clock_shows(self, bob_in, bob):
        entry = spend(bob, on(AUTUMN, 1), on(AUTUMN, 1, 30))

        self.move(bob_in, entry, AUTUMN, 180, "end")

        assert self.times(entry) == (on(AUTUMN, 1), on(AUTUMN, 3))
        assert entry.duration == timedelta(hours=3)

    def test_of_a_time_that_comes_twice_it_is_the_nearer_one(self, bob_in, bob):
        second = spend(bob, on(AUTUMN, 2, 15, 1), on(AUTUMN, 4))
        first = spend(bob, on(AUTUMN, 1), on(AUTUMN, 1, 30))

        self.move(bob_in, second, AUTUMN, 150)
        assert self.times(second)[0] == on(AUTUMN, 2, 30, 1)
        self.move(bob_in, second, AUTUMN, 165, "end")
        assert self.times(second)[1] == on(AUTUMN, 2, 45, 1)
        self.move(bob_in, first, AUTUMN, 150, "end")
        assert self.times(first)[1] == on(AUTUMN, 2, 30)

    def test_a_time_that_is_skipped_is_refused_by_name(self, bob_in, bob):
        entry = spend(bob, on(SPRING, 1), on(SPRING, 1, 30))

        response = self.move(bob_in, entry, SPRING, 150)

        assert response.status_code == 422
        assert "02:30 does not exist on" in response.content.decode()
        assert self.times(entry) == (on(SPRING, 1), on(SPRING, 1, 30))

    def test_what_was_changed_elsewhere_is_not_moved(self, bob_in, entry):
        TimeEntry.objects.get(pk=entry.pk).save()

        response = self.move(bob_in, entry, MONDAY, 0)

        assert response.status_code == 422
        assert "This entry was changed elsewhere." in response.content.decode()
        assert response["HX-Trigger"] == "entries-changed"
        assert self.times(entry) == (on(MONDAY, 9), on(MONDAY, 10, 30))

    def test_a_running_timer_is_not_moved(self, bob_in, bob):
        entry = start_timer(bob)
        started_at = entry.started_at

        for part in ("entry", "start", "end"):
            response = self.move(bob_in, entry, MONDAY, 0, part)
            assert response.status_code == 422
            assert "This timer is running." in response.content.decode()
        assert self.times(entry) == (started_at, None)

    def test_clashing_entries_are_named(self, bob_in, bob, entry, settings):
        settings.OVERLAPPING_ENTRIES = "refuse"
        spend(bob, on(MONDAY, 12), on(MONDAY, 13), "Lunch")

        response = self.move(bob_in, entry, MONDAY, 12 * 60)

        assert response.status_code == 422
        assert "This overlaps with “Lunch”" in response.content.decode()
        assert self.times(entry) == (on(MONDAY, 9), on(MONDAY, 10, 30))

    @pytest.mark.parametrize(
        ("day", "minute", "part"),
        [
            (MONDAY + timedelta(2), 600, "end"),  # more than a day
            (MONDAY, 540, "end"),
            (MONDAY, 480, "end"),
            (MONDAY, 660, "start"),
            (MONDAY, 1441, "entry"),
            (MONDAY, -1, "entry"),
            (MONDAY, "", "entry"),
            (MONDAY, 0, "middle"),
            (MONDAY, 0, ""),
            ("9999-12-31", 1440, "entry"),
            ("1999-01-01", 0, "entry"),
            ("tomorrow", 0, "entry"),
        ],
    )
    def test_nonsense_is_refused(self, bob_in, entry, day, minute, part):
        assert self.move(bob_in, entry, day, minute, part).status_code == 422
        assert self.times(entry) == (on(MONDAY, 9), on(MONDAY, 10, 30))
        assert not Event.objects.filter(event__startswith="time_entry").exists()

    def test_a_refusal_is_a_page_for_other_browsers(self, bob_in, entry):
        response = bob_in.post(f"/calendar/{entry.pk}/move/", {"day": "never"})

        page = response.content.decode()
        assert response.status_code == 422
        assert "The page is out of date. Reload it and try again." in page
        assert 'hx-get="/calendar/"' in page

    def test_it_leads_other_browsers_back_to_the_calendar(self, bob_in, entry):
        data = {"day": "2025-03-11", "minute": 540, "part": "entry", "version": entry.version}
        assert bob_in.post(f"/calendar/{entry.pk}/move/", data)["Location"] == "/calendar/"

    @pytest.mark.parametrize("who", ["charlie", "dora", "alice"])
    def test_other_peoples_entries_are_not_there(self, client, entry, who, request):
        person = request.getfixturevalue(who)
        client.force_login(person, backend="accounts.backends.LocalBackend")

        assert self.move(client, entry, MONDAY, 0).status_code == 404
        assert self.times(entry) == (on(MONDAY, 9), on(MONDAY, 10, 30))

    def test_it_takes_no_get_and_no_strangers(self, client, entry):
        assert client.get(f"/calendar/{entry.pk}/move/").status_code == 405
        assert client.post(f"/calendar/{entry.pk}/move/").status_code == 302
        assert client.post("/calendar/99999999999999999999/move/").status_code in (302, 404)
