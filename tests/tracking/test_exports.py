"""The downloads: who gets which rows, what stands in them, and what makes no file."""

import asyncio
import csv
import io
import logging
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings as examples, strategies as st
from openpyxl import load_workbook

from analytics.models import Event
from tracking import exporting
from tracking.models import Client, Project, Tag, TimeEntry
from tracking.money import worth
from tracking.reports import Question, summary_of
from tracking.rounding import WAYS, Rounding
from tracking.spreadsheets import csv_parts, xlsx_parts

pytestmark = pytest.mark.django_db

BACKEND = "accounts.backends.LocalBackend"
MARCH = "since=2026-03-01&until=2026-03-31"
NINE = datetime(2026, 3, 4, 9, 0, 0, tzinfo=UTC)
PATHS = [
    f"/exports/{what}.{suffix}" for what in ("entries", "report") for suffix in ("csv", "xlsx")
]


def spend(user: Any, start: datetime = NINE, seconds: int = 3600, **fields: Any) -> TimeEntry:
    tags, rate = fields.pop("tags", ()), fields.pop("rate_cents", 9_000)
    entry = TimeEntry.objects.create(
        user=user, started_at=start, ended_at=start + timedelta(seconds=seconds), **fields
    )
    TimeEntry.objects.filter(pk=entry.pk).update(rate_cents=rate)
    entry.tags.add(*tags)
    return entry


def body(response: Any) -> bytes:
    assert response.status_code == 200
    assert response.streaming
    return b"".join(response.streaming_content)


def read_csv(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def read_xlsx(data: bytes) -> list[dict[str, Any]]:
    sheet: Any = load_workbook(io.BytesIO(data)).active
    head, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.fixture
def manager(client: Any, dora: Any) -> Any:
    """A client of dora, a manager in Berlin."""
    dora.time_zone = "Europe/Berlin"
    dora.save()
    client.force_login(dora, backend=BACKEND)
    return client


@pytest.fixture
def entry(bob: Any, work: Any) -> TimeEntry:
    bob.first_name, bob.last_name = "Bob", "Builder"
    bob.save()
    tags = [Tag.objects.create(name=name) for name in ("travel", "night")]
    given = {"project": work.shop, "task": work.checkout, "billable": True, "tags": tags}
    return spend(bob, seconds=3725, description="Write", **given)


# --- entries ---


def test_a_manager_gets_every_column_of_an_entry(manager, entry):
    (row,) = read_csv(body(manager.get(f"/exports/entries.csv?{MARCH}&rounding=up&minutes=15")))

    assert row == {
        "ID": str(entry.pk),
        "Day": "2026-03-04",
        "Person": "Bob Builder",
        "Client": "Aurora Coffee",
        "Project": "Online shop",
        "Task": "Checkout",
        "Description": "Write",
        "Tags": "night, travel",
        "Billable": "yes",
        "Start (Europe/Berlin)": "2026-03-04 10:00:00",
        "End (Europe/Berlin)": "2026-03-04 11:02:05",
        "Start (ISO 8601)": "2026-03-04T10:00:00+01:00",
        "End (ISO 8601)": "2026-03-04T11:02:05+01:00",
        "Seconds": "3725",
        "Duration": "1:02:05",
        "Hours": "1.0347",
        "Rounded seconds": "4500",
        "Rounded hours": "1.2500",
        "Rounding": "up to 15 min",
        "Rate": "90.00",
        "Amount": "112.50",
        "Currency": "EUR",
    }


def test_the_workbook_holds_the_same_as_dates_and_numbers(manager, entry):
    (row,) = read_xlsx(body(manager.get(f"/exports/entries.xlsx?{MARCH}")))

    assert row["Day"] == datetime(2026, 3, 4)
    assert row["Start (Europe/Berlin)"] == datetime(2026, 3, 4, 10)
    assert row["End (ISO 8601)"] == "2026-03-04T11:02:05+01:00"
    assert row["Duration"] == timedelta(seconds=3725)
    assert row["Billable"] is True
    assert (row["Seconds"], row["Rounded seconds"], row["Rounding"]) == (3725, 3725, "not rounded")
    assert (row["Rate"], row["Amount"], row["Currency"]) == (90, 93.13, "EUR")


def test_a_user_gets_only_their_own_time_and_no_money(bob_in, bob, charlie, dora, entry):
    spend(charlie)
    spend(dora)

    for asked in (MARCH, f"{MARCH}&person={charlie.pk}"):
        rows = read_csv(body(bob_in.get(f"/exports/entries.csv?{asked}")))
        assert [row["ID"] for row in rows] == [str(entry.pk)]
        assert not {"Rate", "Amount", "Currency"} & rows[0].keys()

    (sheet_row,) = read_xlsx(body(bob_in.get(f"/exports/entries.xlsx?{MARCH}")))
    assert not {"Rate", "Amount", "Currency"} & sheet_row.keys()
    for row in read_csv(body(bob_in.get(f"/exports/report.csv?{MARCH}"))):
        assert not any("Amount" in heading for heading in row)


def test_it_exports_what_the_report_asks_for(manager, bob, charlie, work):
    wanted = spend(bob, project=work.shop)
    spend(bob, project=work.garden)
    spend(charlie, project=work.shop)
    spend(bob, NINE + timedelta(days=40), project=work.shop)

    query = f"{MARCH}&project={work.shop.pk}&person={bob.pk}"
    rows = read_csv(body(manager.get(f"/exports/entries.csv?{query}")))

    assert [row["ID"] for row in rows] == [str(wanted.pk)]


def test_a_running_timer_is_left_out(bob_in, bob):
    TimeEntry.objects.create(user=bob, started_at=NINE)

    assert read_csv(body(bob_in.get(f"/exports/entries.csv?{MARCH}"))) == []


def test_entries_come_by_day_each_once_however_many_chunks(manager, bob, charlie, monkeypatch):
    monkeypatch.setattr(exporting, "CHUNK", 3)
    made = [
        (entry.day, entry.pk)
        for n in range(20)
        for entry in [spend((bob, charlie)[n % 2], NINE + timedelta(days=n * 7 % 5))]
    ]

    rows = read_csv(body(manager.get(f"/exports/entries.csv?{MARCH}")))

    assert [(date.fromisoformat(row["Day"]), int(row["ID"])) for row in rows] == sorted(made)


def test_a_chunk_takes_two_queries_once_the_names_are_known(manager, bob, work, monkeypatch):
    monkeypatch.setattr(exporting, "CHUNK", 5)
    for n in range(14):
        entry = spend(bob, NINE + timedelta(hours=n), project=work.shop, task=work.checkout)
        entry.tags.add(Tag.objects.get_or_create(name="call")[0])
    response = manager.get(f"/exports/entries.csv?{MARCH}")

    with CaptureQueriesContext(
        connection,
    ) as asked:
        body(response)

    reads = [query["sql"] for query in asked if query["sql"].startswith("SELECT")]
    of_rows = [sql for sql in reads if "analytics_" not in sql]
    assert len(of_rows) == 3 * 2 + 3  # the names of people, projects and tasks


def test_what_clocks_do_twice_is_told_apart(manager, bob):
    spend(bob, datetime(2026, 10, 25, 0, 30, tzinfo=UTC))  # 2:30 in summer, 2:30 in winter

    (row,) = read_csv(body(manager.get("/exports/entries.csv?since=2026-10-01&until=2026-10-31")))

    assert row["Start (Europe/Berlin)"] == row["End (Europe/Berlin)"] == "2026-10-25 02:30:00"
    assert row["Start (ISO 8601)"] == "2026-10-25T02:30:00+02:00"
    assert row["End (ISO 8601)"] == "2026-10-25T02:30:00+01:00"


def test_what_people_wrote_begins_no_formula(bob_in, bob):
    project = Project.objects.create(name="@shop", client=Client.objects.create(name="=cmd()"))
    spend(bob, description="-1+1", project=project, tags=[Tag.objects.create(name="+tag")])

    (row,) = read_csv(body(bob_in.get(f"/exports/entries.csv?{MARCH}")))
    (cells,) = read_xlsx(body(bob_in.get(f"/exports/entries.xlsx?{MARCH}")))

    named = ("Description", "Project", "Client", "Tags")
    assert [row[name] for name in named] == ["'-1+1", "'@shop", "'=cmd()", "'+tag"]
    assert [cells[name] for name in named] == ["-1+1", "@shop", "=cmd()", "+tag"]


# --- the report's table ---


def test_the_table_of_a_report_has_its_rows_and_the_total(manager, bob, charlie, work):
    work.garden.client = Client.objects.create(name="Borealis", currency="USD")
    work.garden.save()
    spend(bob, project=work.shop, billable=True)
    spend(charlie, project=work.shop, seconds=1800)
    spend(bob, project=work.garden, seconds=600, billable=True, rate_cents=6_000)

    query = f"{MARCH}&by=project&then=person&rounding=up&minutes=60"
    rows = read_csv(body(manager.get(f"/exports/report.csv?{query}")))

    figures = ("Project", "Client", "Person", "Entries", "Seconds", "Duration", "Hours")
    assert [[row[name] for name in figures] for row in rows] == [
        ["Online shop", "Aurora Coffee", "bob", "1", "3600", "1:00:00", "1.0000"],
        ["Online shop", "Aurora Coffee", "charlie", "1", "1800", "0:30:00", "0.5000"],
        ["Garden", "Borealis", "bob", "1", "600", "0:10:00", "0.1667"],
        ["Total", "", "", "3", "6000", "1:40:00", "1.6667"],
    ]
    money = ("Rounded seconds", "Rounding", "Billable hours", "Amount (EUR)", "Amount (USD)")
    assert [[row[name] for name in money] for row in rows] == [
        ["3600", "up to 60 min", "1.0000", "90.00", "0.00"],
        ["3600", "up to 60 min", "0.0000", "0.00", "0.00"],
        ["3600", "up to 60 min", "1.0000", "0.00", "60.00"],
        ["10800", "up to 60 min", "2.0000", "90.00", "60.00"],
    ]


def test_the_times_of_a_table_are_days_to_sort_by(manager, bob):
    spend(bob)

    rows = read_xlsx(body(manager.get(f"/exports/report.xlsx?{MARCH}&by=week")))

    assert [row["Week"] for row in rows] == [datetime(2026, 3, 2), "Total"]


def test_the_table_has_all_rows_not_those_of_a_page(manager, bob):
    for n in range(130):
        spend(bob, project=Project.objects.create(name=f"Project {n}"))

    assert len(read_csv(body(manager.get(f"/exports/report.csv?{MARCH}")))) == 131


# --- file names, events ---


@pytest.mark.parametrize("path", PATHS)
def test_the_file_says_what_it_is_and_of_when(manager, path):
    response = manager.get(f"{path}?{MARCH}")
    what, _dot, suffix = path.removeprefix("/exports/").partition(".")
    name = {"entries": "time-entries"}.get(what, what)

    assert response["Content-Disposition"] == (
        f'attachment; filename="{name}_2026-03-01_2026-03-31.{suffix}"'
    )
    assert response["Cache-Control"] == "private, no-store"
    assert body(response)


@pytest.mark.parametrize("path", PATHS)
def test_the_event_is_recorded_with_the_last_byte(manager, bob, path):
    spend(bob)
    spend(bob, NINE + timedelta(days=1))

    response = manager.get(f"{path}?{MARCH}")
    assert not Event.objects.filter(event__startswith="export.").exists()
    body(response)

    event = Event.objects.get(event__startswith="export.")
    assert event.event == f"export.{path.rpartition('.')[2]}"
    assert {name: event.properties[name] for name in ("rows", "days")} == {"rows": 2, "days": 31}
    assert "/exports/" in event.properties["$current_url"]


# --- what makes no file ---


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("since=1900-01-01&until=1999-12-31", "ten years at most"),
        ("since=2026-03-31&until=2026-03-01", "before it begins"),
        ("since=nonsense", "The filter “From” was left out."),
        (f"{MARCH}&project=999999", "is not there"),
        (f"{MARCH}&rounding=sideways", "no such rounding"),
        (f"{MARCH}&rounding=up&minutes=61", "The filter “Minutes” was left out."),
    ],
)
def test_what_makes_no_sense_is_a_sentence_and_no_file(manager, path, query, sentence):
    response = manager.get(f"{path}?{query}")

    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert "Content-Disposition" not in response
    assert not Event.objects.filter(event__startswith="export.").exists()


def test_a_file_that_breaks_off_says_so_to_nobody_but_the_log(manager, bob, monkeypatch, caplog):
    def broken(keys: Any) -> Any:
        raise ValueError("secret words")

    spend(bob, description="secret words")
    monkeypatch.setattr(exporting, "_tags", broken)
    response = manager.get(f"/exports/entries.csv?{MARCH}")

    with caplog.at_level(logging.ERROR), pytest.raises(ConnectionResetError) as raised:
        body(response)

    assert raised.value.__suppress_context__
    assert "An export broke off: ValueError" in caplog.text
    assert "secret" not in caplog.text
    assert not Event.objects.filter(event__startswith="export.").exists()


@pytest.mark.django_db(transaction=True)
def test_an_asynchronous_server_streams_it_too(bob):
    spend(bob)
    browser = AsyncClient()

    async def download() -> tuple[bytes, bool]:
        await browser.aforce_login(bob, backend=BACKEND)
        response = await browser.get(f"/exports/entries.csv?{MARCH}")
        parts = [part async for part in response.streaming_content]
        await sync_to_async(connections.close_all)()  # that of the thread
        return b"".join(parts), isinstance(response.streaming_content, AsyncIterator)

    data, apart = asyncio.run(download())

    assert len(read_csv(data)) == 1
    assert apart


# --- everything agrees ---


SPENT = st.tuples(
    st.integers(0, 7200),  # seconds
    st.one_of(st.none(), st.integers(0, 20_000)),  # cents per hour
    st.booleans(),  # billable
    st.integers(0, 2),  # project
    st.integers(0, 27),  # day
)
ROUNDINGS = st.builds(Rounding, st.sampled_from(WAYS), st.integers(1, 60))


@examples(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(SPENT, max_size=12), ROUNDINGS)
def test_csv_workbook_report_and_plain_python_agree(bob, dora, spent, rounding):
    TimeEntry.objects.all().delete()
    Project.objects.all().delete()
    Client.objects.all().delete()
    clients = [Client.objects.create(name=name, currency=name) for name in ("EUR", "USD")]
    projects = [None, *(Project.objects.create(name="P", client=client) for client in clients)]
    expected = {"EUR": 0, "USD": 0}
    for seconds, rate, billable, project, day in spent:
        start = NINE + timedelta(days=day - 3)
        fields = {"project": projects[project], "billable": billable, "rate_cents": rate}
        spend(bob, start, seconds, **fields)
        cents = worth(rounding.seconds(seconds), rate) if billable else 0
        expected["USD" if project == 2 else "EUR"] += cents
    question = Question(dora, date(2026, 3, 1), date(2026, 3, 31), rounding=rounding)

    totals = summary_of(question).totals
    told = exporting.entries_table(question)
    of_csv = read_csv(b"".join(csv_parts(told)))
    told = exporting.entries_table(question)
    of_xlsx = read_xlsx(b"".join(xlsx_parts(told)))

    raw = sum(seconds for seconds, *_ in spent)
    rounded = sum(rounding.seconds(seconds) for seconds, *_ in spent)
    assert (totals.entries, totals.raw, totals.seconds) == (len(spent), raw, rounded)
    assert {"EUR": 0, "USD": 0, **totals.cents} == expected
    for rows in (of_csv, of_xlsx):
        assert sum(int(row["Seconds"]) for row in rows) == raw
        assert sum(int(row["Rounded seconds"]) for row in rows) == rounded
        for currency, cents in expected.items():
            amounts = [row["Amount"] for row in rows if row["Currency"] == currency]
            assert sum(round(float(amount) * 100) for amount in amounts) == cents
    assert sum(_seconds(row["Duration"]) for row in of_csv) == raw
    assert sum((row["Duration"] for row in of_xlsx), timedelta()) == timedelta(seconds=raw)
    table = exporting.report_table(summary_of(question))
    *_rows, total = read_csv(b"".join(csv_parts(table)))
    assert (int(total["Seconds"]), int(total["Rounded seconds"])) == (raw, rounded)
    for currency, cents in totals.cents.items():
        assert round(float(total[f"Amount ({currency})"]) * 100) == cents


def _seconds(duration: str) -> int:
    hours, minutes, seconds = map(int, re.split(":", duration))
    return hours * 3600 + minutes * 60 + seconds
