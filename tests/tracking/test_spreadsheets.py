"""The files themselves: what a spreadsheet or a program reads from them."""

import csv
import io
import re
import tracemalloc
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import chain, repeat
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings, strategies as st
from openpyxl import load_workbook

from tracking import spreadsheets
from tracking.spreadsheets import Cell, Table, csv_parts, xlsx_parts

MORNING = datetime(2026, 3, 4, 8, 5, 6, 999999, tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin"))


def table(*rows: list[Cell], name: str = "Table") -> Table:
    return Table(name, [f"column {n}" for n in range(len(rows[0]) if rows else 1)], rows)


def as_csv(*rows: list[Cell]) -> list[list[str]]:
    text = b"".join(csv_parts(table(*rows))).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))[1:]


def as_xlsx(*rows: list[Cell], name: str = "Table") -> Any:
    return load_workbook(io.BytesIO(b"".join(xlsx_parts(table(*rows, name=name)))))


def cells(*rows: list[Cell]) -> list[list[Any]]:
    """What openpyxl reads, with the escapes of characters that it leaves to others."""
    read = as_xlsx(*rows).active.iter_rows(min_row=2)
    return [[_unescaped(cell.value) for cell in row] for row in read]


def _unescaped(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), value)


# --- CSV ---


def test_it_begins_with_the_mark_by_which_excel_knows_utf_8():
    assert b"".join(csv_parts(table(["ä"]))) == b"\xef\xbb\xbfcolumn 0\r\n\xc3\xa4\r\n"


def test_csv_writes_each_type_so_that_people_and_programs_read_it():
    row: list[Cell] = [
        *("ä, “b”", 7, 1.25, Decimal("12.30"), True, False, None),
        *(date(2026, 3, 4), MORNING, timedelta(hours=30, seconds=1)),
    ]

    assert as_csv(row) == [
        [
            *("ä, “b”", "7", "1.2500", "12.30", "yes", "no", ""),
            *("2026-03-04", "2026-03-04 09:05:06", "30:00:01"),
        ]
    ]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("  =1+1", "'  =1+1"),
        ("＝1+1", "'＝1+1"),
        ('x;=cmd|" /C calc"!A0', 'x;\'=cmd|" /C calc"!A0'),  # where semicolons part cells
        ("x\n=1+1", "x\n'=1+1"),
        ("a-b; c, d@e = f", "a-b; c, d@e = f"),
        ('x;"=1+1;y', "x;'\"=1+1;y"),
        ("\N{NO-BREAK SPACE}=1+1", "'\N{NO-BREAK SPACE}=1+1"),
        ('"=1+1', "'\"=1+1"),
        ("", ""),
        (" plain", " plain"),
        ('"quoted" and; "so"', '"quoted" and; "so"'),
    ],
)
def test_no_text_of_a_csv_file_begins_a_formula(text, written):
    assert as_csv([text]) in ([[written]], [[]])  # a row of one empty cell is an empty line


def test_headings_are_guarded_like_cells():
    text = b"".join(csv_parts(Table("", ["=1+1"], []))).decode("utf-8-sig")

    assert text == "'=1+1\r\n"


def test_numbers_stay_numbers():
    assert as_csv([-1, Decimal("-2.50"), -0.5]) == [["-1", "-2.50", "-0.5000"]]


@given(
    st.lists(st.lists(st.text(alphabet="=+-@;,\"'\t\r\n ab", max_size=8), min_size=2, max_size=2))
)
def test_wherever_a_spreadsheet_parts_cells_none_begins_a_formula(rows):
    for read in as_csv(*rows):
        for cell in read:
            for part in re.split(r"[;\t\r\n]", cell):
                assert not re.match(r"\s*[=+\-@]", part)


# --- XLSX ---


def test_xlsx_keeps_dates_times_numbers_and_booleans_as_what_they_are():
    row: list[Cell] = [
        *("ä", 7, 1.25, Decimal("12.30"), True, None),
        *(date(2026, 3, 4), MORNING, timedelta(hours=30, seconds=1)),
    ]

    assert cells(row) == [
        [
            *("ä", 7, 1.25, 12.3, True, None),
            *(datetime(2026, 3, 4), datetime(2026, 3, 4, 9, 5, 6)),
            timedelta(hours=30, seconds=1),
        ]
    ]


def test_a_text_of_a_workbook_is_never_a_formula():
    (row,) = as_xlsx(["=1+1", "@x", "<b>&amp;"]).active.iter_rows(min_row=2)

    assert [(cell.value, cell.data_type) for cell in row] == [
        ("=1+1", "s"),
        ("@x", "s"),
        ("<b>&amp;", "s"),
    ]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.text(max_size=20), max_size=9))
@example(["", "\x1f", "_x0041_ \x01"])
def test_every_text_comes_back_but_for_what_xml_cannot_hold(texts):
    kept = [spreadsheets.FORBIDDEN.sub("", text) or None for text in texts]

    assert cells([1, *texts]) == [[1, *kept]]


def test_what_looks_like_an_escape_stays_as_it_is():
    assert cells(["_x0041_", "a\r\nb"]) == [["_x0041_", "a\r\nb"]]


def test_a_text_is_cut_to_what_a_cell_holds():
    ((cell,),) = cells(["x" * 40_000])

    assert len(cell) == 32_767


def test_the_headings_stay_in_sight():
    sheet = as_xlsx(["a"]).active

    assert sheet.freeze_panes == "A2"
    assert sheet["A1"].font.bold
    assert sheet["A1"].value == "column 0"


def test_a_workbook_without_rows_opens():
    assert [[cell.value for cell in row] for row in as_xlsx().active.iter_rows()] == [["column 0"]]


def test_a_name_that_no_sheet_may_have_is_made_one():
    assert as_xlsx(["a"], name="It's [a]/*: very long name indeed?").sheetnames == [
        "It s  a     very long nam"
    ]


def test_more_rows_than_a_sheet_holds_go_on_in_another(monkeypatch):
    monkeypatch.setattr(spreadsheets, "SHEET_ROWS", 1000)
    rows: list[list[Cell]] = [[n] for n in range(2500)]

    book = as_xlsx(*rows, name="Time")

    assert book.sheetnames == ["Time 1", "Time 2", "Time 3"]
    assert [sheet["A1"].value for sheet in book] == ["column 0"] * 3
    read = [row[0] for sheet in book for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert read == list(range(2500))


def test_a_workbook_that_breaks_off_does_not_open():
    def rows() -> Any:
        yield from ([n] for n in range(700))
        raise ValueError("no more")

    written = io.BytesIO()
    with pytest.raises(ValueError, match="no more"):
        written.writelines(xlsx_parts(Table("Time", ["n"], rows())))

    assert written.tell()
    with pytest.raises(zipfile.BadZipFile):
        load_workbook(written)


# --- both ---


@pytest.mark.parametrize("parts_of", [csv_parts, xlsx_parts])
def test_memory_does_not_grow_with_the_rows(parts_of):
    row: list[Cell] = ["Write the report", 3600, Decimal("80.00"), date(2026, 3, 4)]

    def peak(rows: int) -> int:
        tracemalloc.start()
        for _part in parts_of(Table("Time", ["a"], chain.from_iterable(repeat([row], rows)))):
            pass
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak(100)

    assert peak(5_000) < 1.2 * peak(1_000)
