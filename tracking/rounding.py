"""Rounding of time in reports and exports. The raw time is always kept, and stands beside it.

Each entry is rounded by itself, so that a list of entries and its sum agree.
"""

from dataclasses import dataclass

from django.db.models import F
from django.db.models.expressions import Combinable

LONGEST = 60  # minutes
WAYS = ("none", "up", "down", "nearest")


@dataclass(frozen=True)
class Rounding:
    """A way to round the seconds of an entry to whole steps; half a step goes up."""

    way: str = "none"  # of WAYS
    minutes: int = 15  # 1 to LONGEST

    @property
    def rounds(self) -> bool:
        """Whether it changes anything."""
        return self.way != "none"

    def seconds(self, seconds: int) -> int:
        """An entry's seconds, rounded."""
        step = 60 * self.minutes
        match self.way:
            case "up":
                return (seconds + step - 1) // step * step
            case "down":
                return seconds // step * step
            case "nearest":
                return (seconds + step // 2) // step * step
        return seconds

    def in_sql(self) -> Combinable:
        """The same of the column `seconds`, as the database counts; nothing here is negative."""
        step, seconds = 60 * self.minutes, F("seconds")
        match self.way:
            case "up":
                return (seconds + step - 1) / step * step
            case "down":
                return seconds / step * step
            case "nearest":
                return (seconds + step // 2) / step * step
        return seconds
