import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tracking import services
from tracking.models import Client as Customer, Project, Task, TimeEntry

pytestmark = pytest.mark.django_db
URL = "/entries/"
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/entries/"}
HOUR = timedelta(hours=1)


def made(user: Any, days_ago: float = 1, hours: float = 1, **fields: Any) -> TimeEntry:
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    start = noon - timedelta(days=days_ago)
    return TimeEntry.objects.create(
        user=user, started_at=start, ended_at=start + hours * HOUR, **fields
    )


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user, backend="accounts.backends.LocalBackend")
    return client


def read(client: Client, query: str = "", **kwargs: Any) -> str:
    response = client.get(f"{URL}{query}", **kwargs)
    assert response.status_code == 200
    return response.content.decode()


def row_of(page: str, entry: TimeEntry) -> str:
    found = re.search(rf'<li class="entry[^>]*id="entry-{entry.pk}".*?</li>', page, re.DOTALL)
    assert found, "the entry has no row"
    return found[0]


class TestPage:
    def test_it_sends_strangers_to_the_sign_in_page(self, client):
        response = client.get(f"{URL}?text=x")
        assert response["Location"] == "/accounts/login/?next=/entries/%3Ftext%3Dx"

    def test_it_says_how_to_begin(self, bob_in):
        page = read(bob_in)
        assert "Nothing recorded in the last four weeks." in page
        assert "Start the timer, or enter time by hand above" in page
        assert 'action="/entries/new/"' in page

    def test_it_says_that_nothing_matches(self, bob_in, bob):
        made(bob)
        page = read(bob_in, "?text=nowhere")
        assert "No entry matches." in page
        assert '<a href="/entries/">Clear the filters</a>' in page

    def test_a_row_says_all_of_its_entry(self, bob_in, bob, work):
        entry = made(
            bob, description="Till <b>x</b> 🕰", project=work.shop, task=work.checkout, billable=True
        )
        entry.tags.set(services.tags_named(["on <i>site"]))

        row = row_of(read(bob_in), entry)

        for shown in (
            "Till &lt;b&gt;x&lt;/b&gt; 🕰",
            "Online shop",
            "Checkout",
            "Aurora Coffee",
            'fill="#2a7f9e"',
            "on &lt;i&gt;site",
            ">12:00</time>",
            ">13:00</time>",
            ">1:00:00</time>",
            'aria-label="Billable"',
            f'href="/entries/{entry.pk}/?next=/entries/"',
            f'hx-post="/timer/continue/{entry.pk}/"',
            f'hx-post="/entries/{entry.pk}/duplicate/"',
            f'hx-get="/entries/{entry.pk}/split/"',
            f'hx-post="/entries/{entry.pk}/delete/"',
            f'name="entry" value="{entry.pk}" form="bulk"',
            "Continue “Till",
        ):
            assert shown in row, shown
        assert "<b>" not in row
        assert "<i>" not in row

    def test_an_entry_that_is_not_billable_bears_no_mark(self, bob_in, bob):
        entry = made(bob)
        assert "Billable" not in row_of(read(bob_in), entry)

    def test_a_running_entry_is_shown_but_not_changed_here(self, bob_in, bob):
        running = services.start_timer(bob, description="Now")

        row = row_of(read(bob_in), running)
        assert "data-elapsed" in row
        assert "now" in row
        for way in ("checkbox", "/entries/", "/timer/continue/"):
            assert way not in row

    def test_its_first_row_is_marked(self, bob_in, bob):
        made(bob, 2)
        first = made(bob, 1)
        page = read(bob_in)
        assert page.count("data-first-row") == 1
        assert "data-first-row" in row_of(page, first)

    def test_totals_stand_with_days_and_above_the_list(self, bob_in, bob):
        made(bob, 1, 1.5)
        made(bob, 1, 2)
        made(bob, 2, 0.25)

        page = read(bob_in)
        totals = re.findall(r'-total">.*?<time datetime="PT(\d+)S">', page, re.DOTALL)
        assert [int(seconds) for seconds in totals] == [13500, 12600, 900]

    def test_duplicating_is_not_offered_where_it_is_always_refused(self, bob_in, bob, settings):
        entry = made(bob)
        settings.OVERLAPPING_ENTRIES = "refuse"
        assert "/duplicate/" not in row_of(read(bob_in), entry)

    def test_it_gives_htmx_only_the_list(self, bob_in, bob):
        response = bob_in.get(URL, headers=HTMX)
        page = response.content.decode()
        assert page.strip().startswith('<div id="entries"')
        assert "HX-Request" in response["Vary"]

    def test_it_keeps_the_content_security_policy(self, bob_in, bob, work):
        entry = made(bob, project=work.shop)
        for address in (URL, f"{URL}{entry.pk}/", f"{URL}{entry.pk}/split/", f"{URL}new/"):
            response = bob_in.get(address)
            page = response.content.decode()
            assert "unsafe" not in response["Content-Security-Policy"]
            for forbidden in ("<style", " style=", "<script>", " onclick", " hx-on", "javascript:"):
                assert forbidden not in page
            assert "https://" not in page


class TestFilters:
    def test_they_fold_into_one_line_that_says_them(self, bob_in, bob, work):
        made(bob, project=work.shop)
        page = read(bob_in, f"?range=all&project={work.shop.pk}&billable=no")
        assert '<span class="filters-words">All time · Online shop · Not billable</span>' in page
        assert f'<option value="{work.shop.pk}" selected>' in page

    def test_pages_keep_them(self, bob_in, bob):
        for number in range(26):
            made(bob, 1 + number / 1e4, description="same & more")
        page = read(bob_in, "?text=same+%26+more&range=all")
        assert 'rel="next" href="/entries/?text=same+%26+more&amp;range=all&amp;page=2"' in page
        assert "1–25 of 26" in page
        second = read(bob_in, "?text=same+%26+more&range=all&page=2")
        assert "26–26 of 26" in second
        assert 'rel="prev"' in second

    def test_one_that_makes_no_sense_is_said_with_the_rest_of_the_list(self, bob_in, bob):
        entry = made(bob)
        page = read(bob_in, "?project=999&tag=x&page=x&since=never&text=%00")
        assert page.count('class="list-note"') == 4
        assert "This project is not there any more. The filter “Project” was left out." in page
        row_of(page, entry)

    @pytest.mark.parametrize("query", ["?%00=%00", "?page=%F0", "?range[]=1", "?" + "x=1&" * 900])
    def test_no_query_is_too_strange(self, bob_in, query):
        read(bob_in, query)

    def test_no_name_in_a_row_is_markup(self, bob_in, bob):
        customer = Customer.objects.create(name="<b>Customer")
        project = Project.objects.create(name="<b>Project", client=customer)
        task = Task.objects.create(name="<b>Task", project=project)
        entry = made(bob, project=project, task=task, description="\"><b>'Call'")
        entry.tags.set(services.tags_named(["<b>tag"]))
        for address in ("?text=%22%3E%3Cb%3E", "?range=all"):
            row = row_of(read(bob_in, address), entry)
            assert "<b>" not in row
            for name in ("Customer", "Project", "Task", "tag", "&#x27;Call&#x27;"):
                assert f"&lt;b&gt;{name}" in row
            assert 'aria-label="Continue “&quot;&gt;&lt;b&gt;' in row

    def test_what_is_searched_for_is_escaped(self, bob_in):
        page = read(bob_in, "?text=%3Cscript%3Ealert(1)%3C/script%3E%22'")
        assert "<script>" not in page


class TestOfOthers:
    def test_others_entries_never_stand_in_ones_own_list(self, bob_in, charlie):
        made(charlie, description="Of charlie")
        assert "Of charlie" not in read(bob_in)

    def test_a_user_sees_nobody_elses(self, bob_in, charlie):
        assert bob_in.get(f"{URL}?person={charlie.pk}").status_code == 404

    def test_but_may_name_themselves(self, bob_in, bob):
        entry = made(bob)
        page = read(bob_in, f"?person={bob.pk}")
        row_of(page, entry)
        assert 'action="/entries/new/"' in page

    @pytest.mark.parametrize("key", ["x", "1", "00000000-0000-0000-0000-000000000000", "%00"])
    def test_who_is_not_there_is_not_found(self, dora, bob_in, key):
        for client in (bob_in, signed_in(dora)):
            assert client.get(f"{URL}?person={key}").status_code == 404

    def test_a_manager_sees_them_and_changes_nothing(self, dora, bob):
        entry = made(bob, description="Of bob")
        page = read(signed_in(dora), f"?person={bob.pk}")

        row = row_of(page, entry)
        assert "Of bob" in row
        assert "Entries of bob" in page
        for way in ("<form", "<button", "<a ", "checkbox"):
            assert way not in row
        assert 'action="/entries/new/"' not in page
        assert 'id="bulk"' not in page

    def test_an_admin_may_change_them(self, alice, bob):
        entry = made(bob)
        page = read(signed_in(alice), f"?person={bob.pk}")

        row = row_of(page, entry)
        assert f'hx-get="/entries/{entry.pk}/"' in row
        assert "/timer/continue/" not in row  # a timer is one's own
        assert 'id="bulk"' in page

    def test_times_are_those_of_their_zone(self, dora, bob):
        bob.time_zone = "Asia/Kathmandu"
        bob.save()
        start = timezone.now().replace(hour=20, minute=0, second=0, microsecond=0)
        start -= timedelta(days=2)
        entry = TimeEntry.objects.create(user=bob, started_at=start, ended_at=start + HOUR)

        page = read(signed_in(dora), f"?person={bob.pk}")
        assert ">01:45</time>" in row_of(page, entry)
        assert "Times in Asia/Kathmandu" in page

    def test_filters_and_pages_stay_with_the_person(self, dora, bob):
        for _number in range(51):
            made(bob)
        page = read(signed_in(dora), f"?person={bob.pk}")
        assert f'<input type="hidden" name="person" value="{bob.pk}">' in page
        assert f"/entries/?person={bob.pk}&amp;page=2" in page


def test_it_takes_as_many_queries_for_many_entries_as_for_few(bob_in, bob):
    def add(number: int) -> None:
        customer = Customer.objects.create(name=f"Customer {number}")
        project = Project.objects.create(name=f"Project {number}", client=customer)
        task = Task.objects.create(name="Task", project=project)
        entry = made(bob, number / 10, project=project, task=task)
        entry.tags.set(services.tags_named(["a", f"tag {number}"]))

    def queries(query: str = "") -> int:
        with CaptureQueriesContext(connection) as captured:
            read(bob_in, query)
        return len(captured)

    for number in range(3):
        add(number)
    few = queries()
    for number in range(3, 29):
        add(number)
    assert queries() == queries("?range=all&text=") == few
    assert few < 25


def test_an_entry_of_another_year_says_so(bob_in, bob):
    start = datetime(2020, 2, 29, 12, tzinfo=UTC)
    TimeEntry.objects.create(user=bob, started_at=start, ended_at=start + HOUR)
    page = read(bob_in, "?range=all")
    assert 'Saturday, 29 February <span class="day-date">2020</span>' in page
