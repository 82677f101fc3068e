"""What axe-core finds on a page: the ways in which it shuts people out."""

from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Page

SOURCE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
GRAVE = ("serious", "critical")
# Buttons are faded while htmx asks, and a moment longer than its answer takes to be shown.
# Infinite animations, such as that of a running timer, are never over.
SETTLED = """async () => {
  const end = performance.now() + 5000;
  while (document.querySelector(".htmx-request, .htmx-swapping") && performance.now() < end) {
    await new Promise(requestAnimationFrame);
  }
  await Promise.all(document.getAnimations()
    .filter(one => one.effect.getComputedTiming().endTime !== Infinity)
    .map(one => one.finished.catch(() => null)));
}"""
RUN = """async (rules) => {
  const only = rules.length ? {runOnly: {type: "rule", values: rules}} : {};
  // Nothing is preloaded: that writes style sheets into the page, and its policy forbids them.
  const options = {resultTypes: ["violations"], preload: false, ...only};
  const found = await axe.run(document, options);
  return found.violations.flatMap(violation => violation.nodes.map(node => ({
    rule: violation.id, impact: node.impact ?? violation.impact, help: violation.help,
    target: node.target.flat().join(" "), html: node.html, why: node.failureSummary,
  })));
}"""


class Violation(NamedTuple):
    """An element that breaks a rule."""

    rule: str
    impact: str
    help: str
    target: str  # a selector
    html: str
    why: str

    def __str__(self) -> str:
        why = " ".join(self.why.split())
        return f"{self.impact}: {self.rule} ({self.help})\n  {self.target}\n  {self.html}\n  {why}"


def violations(page: Page, *rules: str) -> list[Violation]:
    """What is serious or critical on the page as it stands; by these rules, or by all."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(SOURCE.read_text())  # not bound by the page's content security policy
    page.evaluate(SETTLED)
    found: list[dict[str, Any]] = page.evaluate(RUN, rules)
    return [Violation(**one) for one in found if one["impact"] in GRAVE]


def report(found: list[Violation]) -> str:
    """All of them, to read."""
    return "\n\n".join(["axe-core finds:", *map(str, found)])
