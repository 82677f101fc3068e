"""The pages of reports: what they show to whom, and reports under a name."""

from html.parser import HTMLParser
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client as Browser

from analytics.testing import captured_events
from tests.tracking.test_reports import HOUR, spend
from tracking import reports
from tracking.models import Project, SavedReport, TimeEntry

MARCH = "since=2026-03-01&until=2026-03-31"


def signed_in(person: Any) -> Browser:
    browser = Browser()
    browser.force_login(person, backend="accounts.backends.LocalBackend")
    return browser


@pytest.fixture
def dora_in(dora):
    return signed_in(dora)


class Links(HTMLParser):
    """The addresses to which a page leads, by their words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "a" and (address := dict(attrs).get("href")):
            self.found.append(address)


def text(response: Any) -> str:
    return str(response.content.decode())


# --- the summary ---


def test_it_shows_rows_totals_money_and_charts(dora_in, dora, work):
    spend(dora, work.shop, billable=True, rate_cents=9000)
    spend(dora, work.garden, 2 * HOUR)

    page = text(dora_in.get(f"/reports/?{MARCH}"))

    for words in ("3:00:00", "1:00:00", "90.00\N{NO-BREAK SPACE}EUR", "Aurora Coffee", "66.7"):
        assert words in page
    assert "How much time was spent each day?" in page
    assert "On which projects was the time spent?" in page
    assert page.count("data-first-row") == 1


def test_every_figure_leads_to_its_entries(dora_in, dora, bob, work):
    spend(dora, work.shop)
    spend(bob, work.shop, 2 * HOUR)

    page = text(dora_in.get(f"/reports/?{MARCH}&by=client&then=person"))
    behind = [link for link in Links(page).found if link.startswith("/reports/entries/?since")]

    assert len(behind) == len({*behind}) + 1  # the total's is that of the tab, too
    (of_bob,) = [link for link in behind if f"person={bob.pk}" in link]
    shown = text(dora_in.get(of_bob))
    assert "2:00:00" in shown
    assert "1:00:00" not in shown


def test_a_user_gets_no_money_no_people_and_nobody_elses_time(bob_in, bob, dora, work):
    spend(bob, work.shop, billable=True, rate_cents=9000)
    spend(dora, work.shop, 5 * HOUR, billable=True, rate_cents=9000)

    for address in ("/reports/", "/reports/entries/"):
        page = text(bob_in.get(f"{address}?{MARCH}&by=person&person={dora.pk}"))
        assert "1:00:00" in page
        for hidden in ("5:00:00", "6:00:00", "EUR", "Money", "dora", "Everybody"):
            assert hidden not in page


@pytest.mark.parametrize("address", ["/reports/", "/reports/entries/"])
def test_a_century_is_refused_and_nothing_is_added_up(dora_in, dora, address):
    spend(dora)

    answer = dora_in.get(f"{address}?since=1926-01-01&until=2026-12-31")

    assert answer.status_code == 422
    assert "ten years at most" in text(answer)
    assert "1:00:00" not in text(answer)


@pytest.mark.parametrize("address", ["/reports/", "/reports/entries/"])
@pytest.mark.parametrize("page", ["0", "-1", "99", "9" * 5000, "%00", "²"])
def test_nonsense_pages_are_pages(dora_in, dora, address, page):
    spend(dora)

    answer = dora_in.get(f"{address}?{MARCH}&page={page}")

    assert answer.status_code == 200
    assert "1:00:00" in text(answer)


def test_what_was_left_out_is_said(dora_in, dora):
    spend(dora)

    page = text(dora_in.get(f"/reports/?{MARCH}&project=99&tag=%00"))

    assert page.count("was left out.") == 2
    assert "1:00:00" in page


def test_an_empty_report_says_how_to_begin(bob_in):
    assert "/entries/new/" in text(bob_in.get("/reports/"))
    assert "Clear the filters" in text(bob_in.get("/reports/?billable=yes"))


def test_it_says_how_it_rounds_and_that_tags_overlap(dora_in, dora):
    spend(dora, lasting=HOUR / 4)

    page = text(dora_in.get(f"/reports/?{MARCH}&by=tag&rounding=up&minutes=30"))

    assert "0:30:00" in page
    assert "Each entry is rounded by itself" in page
    assert "the total counts it once" in page


def test_exports_are_of_what_is_on_screen_where_they_are_open(dora_in, settings):
    links = Links(text(dora_in.get("/reports/?range=today&then=person"))).found
    asked = "range=today&then=person"

    for name in ("report.csv", "report.xlsx", "entries.csv", "entries.xlsx"):
        assert f"/exports/{name}?{asked}" in links

    settings.ENABLE_EXPORTS = False
    assert "/exports/" not in text(dora_in.get("/reports/"))


def test_the_way_in_is_shown_where_reports_are_open(bob_in, settings):
    assert "/reports/" in Links(text(bob_in.get("/"))).found

    settings.ENABLE_REPORTS = False
    assert "/reports/" not in Links(text(bob_in.get("/"))).found
    assert bob_in.get("/reports/").status_code == 403


# --- the entries behind a figure ---


def test_entries_are_paged_and_their_totals_are_of_all(dora_in, dora, work):
    for _number in range(53):
        spend(dora, work.shop, billable=True, rate_cents=6000)

    first = text(dora_in.get(f"/reports/entries/?{MARCH}&rounding=up&minutes=45"))
    second = text(dora_in.get(f"/reports/entries/?{MARCH}&rounding=up&minutes=45&page=2"))

    assert "1–50 of 53" in first
    assert "51–53 of 53" in second
    for page in (first, second):
        assert "53:00:00" in page
        assert "79:30:00" in page
        assert "4,770.00\N{NO-BREAK SPACE}EUR" in page


def test_entries_stand_on_the_clock_of_their_person(dora_in, bob):
    bob.time_zone = "Asia/Tokyo"
    bob.save()
    spend(bob)

    page = text(dora_in.get(f"/reports/entries/?{MARCH}"))

    assert "18:00 – 19:00" in page
    assert "Asia/Tokyo" in page


def test_queries_of_the_entries_do_not_grow(dora_in, dora, bob, work, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            dora_in.get(f"/reports/entries/?{MARCH}")
        return len(captured)

    spend(dora, work.shop, task=work.checkout)
    dora_in.get("/reports/")
    few = count()
    for person in (dora, bob):
        for project in (work.shop, work.garden):
            spend(person, project)

    assert count() == few


# --- what is recorded ---


def test_each_view_is_recorded_once_and_no_refresh_of_it(dora_in, dora):
    spend(dora)
    with captured_events() as events:
        dora_in.get(f"/reports/?{MARCH}")
        dora_in.get(f"/reports/entries/?{MARCH}")
        dora_in.get(f"/reports/?{MARCH}", headers={"HX-Request": "true"})
        dora_in.head(f"/reports/?{MARCH}")
        dora_in.get("/reports/?since=1926-01-01&until=2026-12-31")

    viewed = [event for event in events if event.name == "report.viewed"]
    assert [event.properties["days"] for event in viewed] == [31, 31]


# --- under a name ---


def test_a_report_is_saved_listed_and_opened(dora_in, dora):
    answer = dora_in.post(
        "/reports/saved/", {"name": "  Billing ", "query": "then=task&range=today"}
    )

    assert answer.url == "/reports/?range=today&then=task"
    assert SavedReport.objects.get(user=dora).name == "Billing"
    page = dora_in.get(answer.url)
    assert "<h1>Billing</h1>" in text(page)
    assert "Saved as “Billing”." in text(page)
    assert "/reports/?range=today&then=task" in Links(text(dora_in.get("/reports/"))).found


def test_htmx_is_led_to_what_was_saved(dora_in):
    answer = dora_in.post(
        "/reports/saved/", {"name": "A", "query": ""}, headers={"HX-Request": "true"}
    )

    assert answer["HX-Redirect"] == "/reports/?"


def test_the_same_name_replaces_once_that_is_said(dora_in, dora):
    old = SavedReport.objects.create(user=dora, name="Billing", query="range=today")
    data = {"name": "Billing", "query": "range=last-year"}

    refused = dora_in.post("/reports/saved/", data)

    assert refused.status_code == 422
    assert "Save again to replace it" in text(refused)
    assert 'name="replace" value="Billing"' in text(refused)
    old.refresh_from_db()
    assert old.query == "range=today"

    assert dora_in.post("/reports/saved/", {**data, "replace": "Billing"}).status_code == 302
    old.refresh_from_db()
    assert old.query == "range=last-year"


def test_the_word_to_replace_one_name_is_not_for_another(dora_in, dora):
    SavedReport.objects.create(user=dora, name="Two", query="range=today")

    data = {"name": "Two", "query": "", "replace": "One"}

    assert dora_in.post("/reports/saved/", data).status_code == 422


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\0b"])
def test_a_name_that_is_none_is_refused(dora_in, name):
    answer = dora_in.post("/reports/saved/", {"name": name, "query": "range=today"})

    assert answer.status_code == 422
    assert not SavedReport.objects.exists()


def test_what_is_saved_is_only_what_makes_sense(dora_in):
    dora_in.post(
        "/reports/saved/", {"name": "A", "query": "project=99&x=<b>&range=nonsense&then=day"}
    )

    assert SavedReport.objects.get().query == "then=day"


@pytest.mark.parametrize("query", ["a\0=b", "%00", "project=%00", "x" * 10_000])
def test_a_query_of_nonsense_never_fails(dora_in, query):
    assert dora_in.post("/reports/saved/", {"name": "A", "query": query}).status_code in (302, 422)


def test_nobody_has_more_than_so_many(dora_in, dora):
    SavedReport.objects.bulk_create(
        SavedReport(user=dora, name=f"R{number}", query="") for number in range(100)
    )

    assert dora_in.post("/reports/saved/", {"name": "More", "query": ""}).status_code == 422


def test_it_is_deleted_and_can_be_had_again(dora_in, dora):
    report = SavedReport.objects.create(user=dora, name="Billing", query="range=today")

    page = text(dora_in.post(f"/reports/saved/{report.pk}/delete/", follow=True))

    assert not SavedReport.objects.exists()
    assert "Report “Billing” deleted." in page
    assert 'name="query" value="range=today"' in page


def test_saved_reports_are_ones_own(dora_in, bob):
    report = SavedReport.objects.create(user=bob, name="Bob's", query="range=today")

    assert dora_in.post(f"/reports/saved/{report.pk}/delete/").status_code == 404
    assert "Bob" not in text(dora_in.get("/reports/?range=today"))
    assert dora_in.post("/reports/saved/", {"name": "Bob's", "query": ""}).status_code == 302
    assert SavedReport.objects.count() == 2


def test_a_saved_report_of_somebody_who_was_a_manager_shows_only_their_own(bob_in, bob, dora, work):
    spend(dora, work.shop, 5 * HOUR)
    saved = SavedReport.objects.create(user=bob, name="Team", query=f"{MARCH}&person={dora.pk}")

    page = text(bob_in.get("/reports/", QueryDict(saved.query).dict()))

    assert "5:00:00" not in page
    assert TimeEntry.objects.count() == 1


@pytest.mark.parametrize("path", ["/reports/", "/exports/report.csv"])
def test_a_report_of_too_many_rows_says_so(dora_in, dora, monkeypatch, path):
    monkeypatch.setattr(reports, "MOST_GROUPS", 3)
    for number in range(4):
        spend(dora, Project.objects.create(name=f"P{number}"))

    refused = dora_in.get(f"{path}?{MARCH}&by=project")
    assert refused.status_code == 422
    assert "too many rows" in refused.content.decode()
    assert dora_in.get(f"{path}?{MARCH}&by=billable").status_code == 200
