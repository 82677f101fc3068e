"""A file that somebody chose, as lines of text. What it is instead of CSV is said in a sentence."""

import codecs
import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _, gettext_lazy

MOST_BYTES = 20 * 1024 * 1024
MOST_LINES = 100_000
MOST_BLANK = 10 * MOST_LINES  # lines beside them, and within values
LONGEST_RECORD = 64 * 1024  # characters; a line of a report has some hundreds
BLOCK = 64 * 1024  # bytes
DELIMITERS = ",;\t"
SEPARATOR_HINT = "sep="  # with which Excel's own files begin

WORKBOOK = gettext_lazy(
    "This is a spreadsheet or an archive, whatever its name says. Save it as CSV, and choose that."
)
OTHER_KINDS = {
    b"PK\x03\x04": WORKBOOK,
    b"\xd0\xcf\x11\xe0": WORKBOOK,
    b"\x1f\x8b": WORKBOOK,
    b"%PDF": gettext_lazy("This is a PDF. Export the report as CSV, and choose that."),
}

Record = tuple[int, list[str]]  # the number of its first line, from 1; its values


def length_of(request: HttpRequest) -> int:
    """The bytes of a body, as its header says; 0 without one. No server hands on more than that.

    Of more than twenty digits the first say enough; Python refuses to read thousands of them.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length.lstrip("0")[:20] or 0) if length.isascii() and length.isdigit() else 0


@contextmanager
def text_of(file: IO[bytes]) -> Iterator[tuple[TextIOWrapper, str]]:
    """The text of a file, and the encoding in which it is written. The file stays open.

    Raises `ValidationError` for what is no text.
    """
    encoding = encoding_of(file)
    file.seek(0)
    text = TextIOWrapper(file, encoding, newline="")
    try:
        yield text, encoding
    finally:
        text.detach()


def encoding_of(file: IO[bytes]) -> str:
    """The encoding of a text: its byte order mark says it, else UTF-8, else Windows-1252.

    Reads all of it once. Raises `ValidationError` for an empty file and for what is no text.
    """
    file.seek(0)
    start = file.read(BLOCK)
    if not start.strip():
        raise ValidationError(_("This file is empty."))
    for magic, sentence in OTHER_KINDS.items():
        if start.startswith(magic):
            raise ValidationError(sentence)
    for encoding in _candidates(start):
        if _decodes(file, encoding):
            return encoding
    raise ValidationError(
        _("This is no text in UTF-8, UTF-16 or Windows-1252. Export the report as CSV once more.")
    )


def _candidates(start: bytes) -> list[str]:
    if start.startswith(codecs.BOM_UTF8):
        return ["utf-8-sig"]
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ["utf-16"]
    # A text in Latin letters has every other byte zero: which one, says the order.
    if start[1::2].count(0) > len(start) // 4 and not start[::2].count(0):
        return ["utf-16-le"]
    if start[::2].count(0) > len(start) // 4 and not start[1::2].count(0):
        return ["utf-16-be"]
    return ["utf-8", "cp1252"]


def _decodes(file: IO[bytes], encoding: str) -> bool:
    """Whether all of it is text in an encoding. Raises `ValidationError` where it holds NULs."""
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    line = 1
    while True:
        block = file.read(BLOCK)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError:
            return False
        if "\0" in text:
            line += text[: text.index("\0")].count("\n")
            raise ValidationError(
                _(
                    "Line %(line)d holds a zero byte, which belongs in no text: the file is"
                    " damaged, or no CSV. Export the report once more."
                )
                % {"line": line}
            )
        line += text.count("\n")
        if not block:
            return True


def records(text: TextIOWrapper, knows: Callable[[list[str]], int]) -> Iterator[Record]:
    """The records of a CSV text that are not blank; the first is its header.

    Values stand between commas, semicolons or tabs: whichever makes most of the columns that the
    caller `knows` (how many of these are columns?). Raises `ValidationError` where quotation marks
    do not close, beyond `MOST_LINES`, and for a record beyond `LONGEST_RECORD`.
    """
    start, first = 0, next(Lines(text), "")
    if first.strip().lower().startswith(SEPARATOR_HINT):
        start, first = text.tell(), next(Lines(text), "")
    delimiter = max(DELIMITERS, key=lambda each: knows(_split(first, each)))
    text.seek(start)
    lines = Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    return _numbered(reader, lines, 1 if start else 0)


class Lines(Iterator[str]):
    """The lines of a text, of which those of one record may not be longer than any record is.

    What has no end is not read to its end: its values would take many times its size.
    """

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text
        self.begin_record()

    def begin_record(self) -> None:
        """The lines that follow are of another record."""
        self._left = LONGEST_RECORD

    def __next__(self) -> str:
        line = self._text.readline(self._left + 1)
        self._left -= len(line)
        if self._left < 0:
            raise ValidationError(
                _("This file has a line that is longer than any of a report. Export it once more.")
            )
        if not line:
            raise StopIteration
        return line


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _numbered(reader: Any, lines: Lines, skipped: int) -> Iterator[Record]:
    number = 0
    while True:
        lines.begin_record()
        line = reader.line_num + skipped + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise ValidationError(
                _(
                    "This file is no sound CSV: in line %(line)d a quotation mark stands in the"
                    " wrong place or is not closed. Export the report once more."
                )
                % {"line": line}
            ) from None
        blank = not any(value.strip() for value in values)
        number += not blank
        if number > MOST_LINES + 1 or line > MOST_LINES + MOST_BLANK:
            raise ValidationError(
                _("This file has more than %(most)d lines. Export shorter periods, one by one.")
                % {"most": MOST_LINES}
            )
        if not blank:
            yield line, values
