"""What the tests of imports share: files, and one who goes all the way."""

import io
from pathlib import Path
from typing import Any

from tracking.models import Import, TimeEntry
from tracking.services import imports

FOLDER = Path(__file__).parent / "imports"
HEADER = (
    "User,Email,Client,Project,Task,Description,Billable,"
    "Start date,Start time,End date,End time,Duration,Tags,Amount (EUR)"
)


def fixture(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def toggl(*lines: str) -> bytes:
    """A file of Toggl with these lines."""
    return "\n".join((HEADER, *lines, "")).encode()


def line(day: int = 3, at: str = "09:00:00", end: str = "10:00:00", **says: str) -> str:
    """A line of Toggl about some day in March 2025."""
    date = f"2025-03-{day:02}"
    return ",".join(
        (
            "Bob Builder",
            says.get("email", ""),
            says.get("client", ""),
            says.get("project", ""),
            says.get("task", ""),
            says.get("description", ""),
            says.get("billable", "No"),
            *(date, at, date, end),
            says.get("duration", ""),
            says.get("tags", ""),
            "",
        )
    )


def checked(user: Any, content: bytes, zone: str = "Europe/Berlin") -> Import:
    """The import of a file, ready for its preview."""
    made = imports.read(user, io.BytesIO(content), "time.csv", zone)
    while made.state == Import.State.CHECKING:
        imports.check_next(user, made.pk)
        made.refresh_from_db()
    return made


def imported(user: Any, content: bytes, zone: str = "Europe/Berlin") -> Import:
    """A file, imported."""
    made = checked(user, content, zone)
    assert made.result["errors"] == []
    return imports.apply(user, made.pk)


def rows_of(user: Any) -> list[tuple[Any, ...]]:
    """What there is of somebody's time."""
    fields = ("description", "project__name", "started_at", "ended_at", "billable")
    return list(TimeEntry.objects.filter(user=user).order_by("started_at").values_list(*fields))
