"""50,000 lines: within a minute, and in memory that does not grow without end."""

import bz2
import gzip
import io
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from tests.tracking.importing import HEADER
from tracking.models import Import, TimeEntry
from tracking.services import imports

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def file_of(number: int) -> io.BytesIO:
    return io.BytesIO(lines_of(number))


def lines(number: int) -> Iterator[str]:
    yield HEADER
    for n in range(number):
        start = datetime(2015, 1, 1) + timedelta(minutes=41 * n)
        end = start + timedelta(seconds=1800 + n % 600)
        project = f"Client {n % 20},Project {n % 100},Task {n % 3},Work on number {n}"
        times = f"{start:%Y-%m-%d,%H:%M:%S},{end:%Y-%m-%d,%H:%M:%S},{end - start}"
        yield f'Alice,alice@example.org,{project},Yes,{times},"tag {n % 7}, tag {n % 5}",1.00'


def test_50_000_lines_are_imported_within_a_minute(alice, capsys):
    file, begun, steps = file_of(50_000), time.monotonic(), []

    made = imports.read(alice, file, "large.csv", "UTC")
    read = time.monotonic()
    while made.state == Import.State.CHECKING:
        step = time.monotonic()
        imports.check_next(alice, made.pk)
        steps.append(time.monotonic() - step)
        made.refresh_from_db()
    made = imports.apply(alice, made.pk)

    took = time.monotonic() - begun
    with capsys.disabled():
        print(
            f"\n50,000 lines in {took:.1f} s: read in {read - begun:.1f}, checked in"
            f" {sum(steps):.1f} (the longest step {max(steps):.2f}), imported in"
            f" {took - (read - begun) - sum(steps):.1f}"
        )
    assert made.result["entries"] == TimeEntry.objects.count() == 50_000
    assert took < 60


def test_its_memory_is_bounded(alice):
    """Checking takes that of a chunk; importing some kilobytes an entry."""
    file = file_of(20_000)
    tracemalloc.start()
    made = imports.read(alice, file, "large.csv", "UTC")
    while made.state == Import.State.CHECKING:
        imports.check_next(alice, made.pk)
        made.refresh_from_db()
    checking = tracemalloc.get_traced_memory()[1]
    imports.apply(alice, made.pk)
    importing = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert checking < 30e6
    assert importing < 90e6


# --- bombs: small files that would grow, and files of one endless thing -------------------------


def lines_of(number: int) -> bytes:
    return "\n".join(lines(number)).encode()


def zipped(name: str, inner: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, inner)
    return file.getvalue()


MEGABYTE = 1024 * 1024
ZEROS = bytes(50 * MEGABYTE)
FILE = 19 * MEGABYTE
BOMBS = {
    "a workbook of zeros": (zipped("xl/worksheets/sheet1.xml", ZEROS), "spreadsheet or an archive"),
    "a workbook in a workbook": (zipped("x.xlsx", zipped("y", ZEROS)), "spreadsheet or an archive"),
    "gzip": (gzip.compress(ZEROS), "spreadsheet or an archive"),
    "bzip2": (bz2.compress(ZEROS), "which belongs in no text"),
    "one line": (b"Project," * (FILE // 8), "longer than any of a report"),
    "one value": (lines_of(1) + b'\n"' + b"x" * FILE, "longer than any of a report"),
    "one record": (lines_of(1) + b"\n" + b'"\n",' * (FILE // 4), "longer than any of a report"),
    "quotation marks": (b'"' * FILE, "longer than any of a report"),
    "blank lines": (lines_of(1) + b"\n" * FILE, "more than 100000 lines"),
    "empty values": (lines_of(1) + b"\n" + b",\n" * (FILE // 2), "more than 100000 lines"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_no_file_takes_more_memory_than_a_few_times_its_size(bob, bomb):
    content, said = BOMBS[bomb]
    file = io.BytesIO(content)
    tracemalloc.start()
    begin = time.process_time()
    try:
        with pytest.raises(ValidationError) as refused:
            imports.read(bob, file, "time.csv", "UTC")
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert said in " ".join(refused.value.messages)
    assert peak < 3 * FILE + 10 * MEGABYTE, f"{peak / MEGABYTE:.0f} MB"
    if len(content) < MEGABYTE:
        assert peak < 2 * MEGABYTE, "what is packed is never unpacked"
    assert time.process_time() - begin < 10
