"""Tables as CSV and XLSX files, written as their rows come: memory does not grow with the rows."""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Any
from xml.sax.saxutils import escape

from django.utils.translation import gettext as _


class Plain(str):
    """A text that nobody typed: no spreadsheet takes it for a formula."""

    __slots__ = ()


Cell = str | int | float | Decimal | date | datetime | timedelta | None
AT_ONCE = 500  # rows

# Spreadsheets take what begins so for a formula. A semicolon begins a cell, too, where the country
# writes decimals with a comma, whatever the quotes say.
FORMULA = re.compile(r"""(?:^|[;\t\r\n])(?=[\s"']*[=+\-@＝＋－＠])|^(?=[\t\r\n])""")
FIRST, WITHIN = frozenset("=+-@＝＋－＠\"'"), re.compile(r"^\s|[;\t\r\n]")


@dataclass(frozen=True)
class Table:
    """What a file shows. Cells have the types of what they mean; a datetime shows no zone."""

    name: str
    headings: Sequence[str]
    rows: Iterable[Sequence[Cell]]
    # What CSV says for false and true, in the language that is active as the table is made.
    words: tuple[str, str] = field(default_factory=lambda: (_("no"), _("yes")))


# --- CSV ---------------------------------------------------------------------------------------


def csv_parts(table: Table) -> Iterator[bytes]:
    """The bytes of a CSV file: UTF-8 with the mark by which Excel knows it.

    What of a text a spreadsheet would take for a formula gets an apostrophe before it.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([_guarded(heading) for heading in table.headings])
    yield buffer.getvalue().encode("utf-8-sig")
    write = {**TEXTS, bool: table.words.__getitem__}
    rows = iter(table.rows)
    while some := list(islice(rows, AT_ONCE)):
        buffer.seek(0)
        buffer.truncate()
        writer.writerows(
            [
                [cell if (text := write.get(type(cell))) is None else text(cell) for cell in row]
                for row in some
            ]
        )
        yield buffer.getvalue().encode()


# Names, lengths and amounts come again and again: to look them up takes less than to write them.
again = lru_cache(10_000)


@again
def _guarded(text: str) -> str:
    if text[:1] in FIRST or WITHIN.search(text):  # what could match at all: this is quick
        return FORMULA.sub(r"\g<0>'", text)
    return text


@again
def hms(duration: timedelta) -> str:
    """A duration as `h:mm:ss`."""
    minutes, seconds = divmod(duration.days * 86400 + duration.seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


TEXTS: dict[type, Any] = {
    str: _guarded,
    float: again(lambda number: f"{number:.4f}"),  # of hours: tells seconds apart
    Decimal: again(str),
    date: again(date.isoformat),
    datetime: lambda moment: moment.isoformat(" ", "seconds")[:19],
    timedelta: hms,
}


# --- XLSX --------------------------------------------------------------------------------------

SHEET_ROWS = 1_048_575  # besides the headings
SHEET_BYTES = 1_500_000_000  # within a ZIP archive that every spreadsheet opens
MOST_CHARACTERS = 32_767  # of a cell
ZERO = datetime(1899, 12, 30)  # spreadsheets count days from here
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # in XML
ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")  # what would be read as a character's number
COMPRESSION = 1  # of 9: half as quick again with a file hardly smaller
GENERAL, HEADING, DAY, MOMENT, DURATION, HOURS, MONEY = range(7)  # styles, as in STYLES
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
FORMATS = (0, 0, 14, 164, 46, 2, 4)  # of the styles; those below 164 are the program's own
STYLES = (
    f'{HEAD}<styleSheet xmlns="{MAIN}">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    f'<cellXfs count="{len(FORMATS)}">'
    + "".join(
        f'<xf numFmtId="{number}" fontId="{int(style == HEADING)}" fillId="0" borderId="0" xfId="0"'
        f' applyNumberFormat="{int(number > 0)}" applyFont="{int(style == HEADING)}"/>'
        for style, number in enumerate(FORMATS)
    )
    + "</cellXfs>"
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)


def xlsx_parts(table: Table) -> Iterator[bytes]:
    """The bytes of an XLSX workbook; more rows than a sheet holds go on in another sheet.

    Texts are never formulas. What XML cannot hold is left out of them.
    """
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as book:
        book.writestr("xl/styles.xml", STYLES)
        yield pipe.read()  # before the first row is read
        rows, sheets = iter(table.rows), 0
        some = list(islice(rows, AT_ONCE))
        while some or not sheets:
            sheets += 1
            with book.open(f"xl/worksheets/sheet{sheets}.xml", "w") as sheet:
                size = sheet.write(_sheet_head(table.headings))
                number = 1
                while some and number + len(some) <= SHEET_ROWS + 1 and size < SHEET_BYTES:
                    size += sheet.write(_xml_rows(some, number + 1))
                    number += len(some)
                    yield pipe.read()
                    some = list(islice(rows, AT_ONCE))
                sheet.write(b"</sheetData></worksheet>")
        for name, text in _frame(table.name, sheets):
            book.writestr(name, text)
    yield pipe.read()


class Pipe:
    """A file that cannot be read again: what was written is handed on once."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep it until it is read."""
        self.written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """What was written can still be read."""

    def read(self) -> bytes:
        """What was written since the last time."""
        data = b"".join(self.written)
        self.written.clear()
        return data


def _sheet_head(headings: Sequence[str]) -> bytes:
    cells = "".join(
        f'<c t="inlineStr" s="{HEADING}"><is><t>{_xml(heading)}</t></is></c>'
        for heading in headings
    )
    return (
        f'{HEAD}<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        '</sheetView></sheetViews><sheetFormatPr defaultRowHeight="15"/>'
        f'<cols><col min="1" max="{len(headings)}" width="18" customWidth="1"/></cols>'
        f'<sheetData><row r="1">{cells}</row>'
    ).encode()


def _xml_rows(rows: Iterable[Sequence[Cell]], first: int) -> bytes:
    """Rows of a sheet, which are numbered from `first`."""
    return "".join(
        f'<row r="{number}">{"".join([CELLS[type(cell)](cell) for cell in row])}</row>'
        for number, row in enumerate(rows, first)
    ).encode()


def _xml(text: str) -> str:
    """A text within XML."""
    text = FORBIDDEN.sub("", text)[:MOST_CHARACTERS]
    return escape(ESCAPE.sub("_x005F_", text)).replace("\r", "_x000D_")


def _text(text: str) -> str:
    kept = _xml(text)
    return f'<c t="inlineStr"><is><t xml:space="preserve">{kept}</t></is></c>' if kept else "<c/>"


def _moment(moment: datetime) -> str:
    days = (moment.replace(tzinfo=None, microsecond=0) - ZERO) / timedelta(days=1)
    return f'<c s="{MOMENT}"><v>{days!r}</v></c>'


CELLS: dict[type, Any] = {
    str: _text,
    Plain: _text,
    bool: lambda told: f'<c t="b"><v>{told:d}</v></c>',
    int: lambda number: f"<c><v>{number}</v></c>",
    float: lambda hours: f'<c s="{HOURS}"><v>{hours!r}</v></c>',
    Decimal: lambda amount: f'<c s="{MONEY}"><v>{amount}</v></c>',
    date: lambda day: f'<c s="{DAY}"><v>{day.toordinal() - ZERO.toordinal()}</v></c>',
    datetime: _moment,
    timedelta: lambda length: f'<c s="{DURATION}"><v>{length / timedelta(days=1)!r}</v></c>',
    type(None): lambda _nothing: "<c/>",
}


def _frame(name: str, sheets: int) -> Iterator[tuple[str, str]]:
    """The other files of a workbook, by their names."""
    numbers = range(1, sheets + 1)
    title = _xml(re.sub(r"[\[\]:*?/\\']", " ", name)[:25])
    types = "".join(
        f'<Override PartName="/xl/{part}.xml" ContentType="{KIND}.{kind}+xml"/>'
        for part, kind in [
            ("workbook", "sheet.main"),
            ("styles", "styles"),
            *((f"worksheets/sheet{n}", "worksheet") for n in numbers),
        ]
    )
    yield (
        "[Content_Types].xml",
        f'{HEAD}<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" ContentType='
        f'"application/vnd.openxmlformats-package.relationships+xml"/>{types}</Types>',
    )
    yield "_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")])
    listed = "".join(
        f'<sheet name="{title}{f" {n}" if sheets > 1 else ""}" sheetId="{n}" r:id="rId{n}"/>'
        for n in numbers
    )
    yield (
        "xl/workbook.xml",
        f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{listed}</sheets></workbook>',
    )
    targets = [("worksheet", f"worksheets/sheet{n}.xml") for n in numbers]
    yield "xl/_rels/workbook.xml.rels", _relations([*targets, ("styles", "styles.xml")])


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    told = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    return f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{told}</Relationships>'
