"""Files of imports: what they are, and what they are not, is said in a sentence."""

import io
import zipfile

import pytest
from django.core.exceptions import ValidationError

from tests.tracking.importing import HEADER, fixture, toggl
from tracking.importing.files import MOST_LINES, records, text_of
from tracking.importing.layouts import known, layout_of


def read(content: bytes) -> tuple[str, list[tuple[int, list[str]]]]:
    with text_of(io.BytesIO(content)) as (text, encoding):
        return encoding, list(records(text, known))


def refusal(content: bytes) -> str:
    with pytest.raises(ValidationError) as refused:
        read(content)
    return " ".join(refused.value.messages)


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "cp1252"),
    ],
)
def test_it_reads_the_encodings_in_which_people_save(codec, encoding):
    text = f"{HEADER}\nBob,,,,,Äpfel für Zoë,,,,,,,,\n"

    found, lines = read(text.encode(codec))

    assert found == encoding
    assert lines[0] == (1, HEADER.split(","))
    assert lines[1][1][5] == "Äpfel für Zoë"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_it_finds_what_stands_between_the_values(delimiter, end):
    text = end.join((HEADER, 'Bob,,,,,"a, b; c",,,,,,,,')).replace(",", delimiter)

    lines = read(text.encode())[1]

    assert [len(values) for _number, values in lines] == [14, 14]
    assert lines[1][1][5] == "a, b; c".replace(",", delimiter)


def test_it_numbers_lines_as_an_editor_does():
    text = f'sep=,\n{HEADER}\n\nBob,,,,,"two\nlines",,,,,,,,\n,,,\nBob,,,,,last,,,,,,,,\n'

    assert [number for number, _values in read(text.encode())[1]] == [2, 4, 7]


def test_it_refuses_an_empty_file():
    assert refusal(b"") == refusal(b" \n\n") == "This file is empty."


def test_it_refuses_a_workbook_whatever_its_name():
    workbook = io.BytesIO()
    with zipfile.ZipFile(workbook, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")

    assert "This is a spreadsheet or an archive" in refusal(workbook.getvalue())
    assert "This is a PDF" in refusal(b"%PDF-1.7 ...")


def test_it_refuses_zero_bytes_and_says_where():
    assert "Line 2 holds a zero byte" in refusal(toggl("Bob,\0,,,,,,,,,,,,"))


def test_it_refuses_what_is_no_text():
    assert "no text in UTF-8, UTF-16 or Windows-1252" in refusal(b"\x81\x8d\x8f\x90" * 100)


def test_it_refuses_quotation_marks_that_do_not_close():
    assert "in line 3 a quotation mark" in refusal(toggl("Bob,,,,,,,,,,,,,", 'Bob,"open,,,'))


def test_it_refuses_a_field_without_end():
    assert "longer than any of a report" in refusal(toggl('"' + "x" * 200_000))


def test_it_refuses_more_lines_than_it_reads():
    content = toggl(*["x,,,,,,,,,,,,,"] * (MOST_LINES + 1))

    assert refusal(content) == (
        "This file has more than 100000 lines. Export shorter periods, one by one."
    )


# --- layouts ---


@pytest.mark.parametrize(
    ("name", "source", "money"),
    [
        ("toggl.csv", "toggl", True),
        ("toggl_member.csv", "toggl", False),
        ("toggl_short.csv", "toggl", False),
        ("toggl_utf16.csv", "toggl", True),
        ("clockify.csv", "clockify", True),
        ("clockify_types.csv", "clockify", True),
        ("clockify_template.csv", "clockify", False),
        ("clockify_undecided.csv", "clockify", False),
        ("clockify_semicolons.csv", "clockify", False),
    ],
)
def test_it_knows_the_layouts_of_both_vendors(name, source, money):
    layout = layout_of(read(fixture(name))[1][0][1])

    assert (layout.source, layout.money, layout.left_out) == (source, money, [])
    assert {"project", "start_date", "start_time", "duration"} <= layout.columns.keys()


def header_refusal(header: str) -> str:
    with pytest.raises(ValidationError) as refused:
        layout_of(header.split(","))
    return " ".join(refused.value.messages)


def test_it_names_columns_that_it_leaves_out():
    layout = layout_of(f"{HEADER},Cost centre,Weather".split(","))

    assert layout.left_out == ["Cost centre", "Weather"]


def test_it_refuses_a_file_of_something_else():
    assert "names no columns of Toggl or Clockify" in header_refusal("name,street,town")


def test_it_names_a_column_that_is_missing():
    assert "“Start date” is missing" in header_refusal("Project,Client,Duration")
    assert "“Start time” is missing" in header_refusal("Project,Start date,Duration")
    assert "or “Duration”, is missing" in header_refusal("Start date,Start time,End date")


def test_it_names_a_column_that_stands_there_twice():
    assert "“project” stands there twice" in header_refusal(f"{HEADER},Project")
