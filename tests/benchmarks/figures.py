"""A figure, the table of figures, and the page that shows it."""

import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- {topic}: written by `make bench` -->\n", "<!-- until here -->\n"
HEAD = "| figure | measured | quartiles | both sides | to reach | |\n|---|---|---|---|---|---|\n"


@dataclass(frozen=True)
class Figure:
    """A ratio that was measured several times, and what it should be; `bound` like `<= 0.8`."""

    name: str
    ratios: list[float]
    sides: str
    """What stands behind the ratio: the two medians, with their unit."""
    bound: str = ""

    @property
    def value(self) -> float:
        return statistics.median(self.ratios)

    @property
    def spread(self) -> str:
        """The lower and the upper quartile."""
        if len(self.ratios) < 2:
            return "–"
        low, _, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return f"{low:.2f} to {high:.2f}"

    @property
    def verdict(self) -> str:
        if not self.bound:
            return ""
        sign, limit = self.bound.split()
        reached = self.value <= float(limit) if sign == "<=" else self.value >= float(limit)
        return "reached" if reached else "**missed**"

    @property
    def row(self) -> str:
        bound = self.bound.replace("<=", "≤").replace(">=", "≥")
        cells = (self.name, f"{self.value:.2f}", self.spread, self.sides, bound, self.verdict)
        return f"| {' | '.join(cells)} |\n"


def p95_of(name: str, taken: dict[str, list[float]], limit: float) -> Figure:
    """The 95th percentile of all looks, in milliseconds by page or query, beside their medians."""
    p95 = statistics.quantiles([each for looks in taken.values() for each in looks], n=20)[-1]
    medians = {page: statistics.median(each) for page, each in taken.items()}
    slowest = max(medians, key=medians.__getitem__)
    sides = f"medians {min(medians.values()):.0f} to {medians[slowest]:.0f} ms (`{slowest}`)"
    return Figure(name, [p95], sides, f"<= {limit}")


def median(values: list[float], scale: float = 1.0) -> str:
    """A median as people read it: three digits, or all before the point."""
    value = statistics.median(values) * scale
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(figures: list[Figure]) -> str:
    return HEAD + "".join(figure.row for figure in figures)


def dumps(figures: list[Figure]) -> str:
    return json.dumps([asdict(figure) for figure in figures])


def loads(text: str) -> list[Figure]:
    return [Figure(**figure) for figure in json.loads(text)]


def write(topic: str, text: str) -> None:
    """Put a text between the page's two marks of a topic."""
    begin = BEGIN.format(topic=topic)
    before, rest = PAGE.read_text(encoding="utf-8").split(begin)
    _, after = rest.split(END, 1)
    PAGE.write_text(f"{before}{begin}\n{text}\n{END}{after}", encoding="utf-8")
