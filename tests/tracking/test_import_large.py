"""50,000 lines: within a minute, and in memory that does not grow without end."""

import io
import time
import tracemalloc
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from tests.tracking.importing import HEADER
from tracking.models import Import, TimeEntry
from tracking.services import imports

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def file_of(number: int) -> io.BytesIO:
    return io.BytesIO("\n".join(lines(number)).encode())


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
