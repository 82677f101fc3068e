"""Setting PostHog up: what `analytics.insights` declares is made there, or brought up to date.

An object of ours has a declared name and the mark in its description. One of the same name without
the mark was made by a person: it is left alone, and ours is not put beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from analytics.conf import Config
from analytics.insights.posthog import MARK, definitions
from analytics.posthog_api import NOT_POSTHOGS, Api, ApiError

Answer = TypeVar("Answer")

PAUSES = (1.0, 2.0, 4.0)  # seconds before each further try, where PostHog names none
LONGEST_WAIT = 300.0  # seconds that PostHog may ask for, before that ends the run
LISTS = {"insights": {"saved": "true", "basic": "true"}}  # without their results
TO_BE_MADE = -1  # in place of an object's number, in a rehearsal
SCOPES = "dashboard:write, insight:write and cohort:write"
REMEDIES = {
    401: "Put POSTHOG_PERSONAL_API_KEY right: it wants a personal API key, not the project's key.",
    403: f"POSTHOG_PERSONAL_API_KEY needs the scopes {SCOPES}, and access to the project.",
}


class ProvisioningError(Exception):
    """What could not be done, and PostHog's words; `reached` is False where nothing answered."""

    def __init__(self, what: str, error: ApiError, remedy: str = "") -> None:
        super().__init__(f"{what}: {error} {REMEDIES.get(error.status or 0, remedy)}".strip())
        self.reached = error.status is not None


class Change(StrEnum):
    """What became of an object, or would become."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    LEFT = "left alone"


@dataclass(frozen=True)
class Outcome:
    """What became of a declared object: its kind (such as insight), its name, the changed keys."""

    change: Change
    kind: str
    name: str
    changed: tuple[str, ...] = ()
    number: int | None = None  # PostHog's, where the object is ours


class Provisioner:
    """One run. It can be ended anywhere: the next goes on, as it finds what is there by then."""

    def __init__(self, config: Config, say: Callable[[str], None], rehearsal: bool = False) -> None:
        """In a rehearsal nothing is changed; `say` hears of waiting."""
        self.api = Api(config)
        self.version = config.APP_VERSION
        self.say = say
        self.rehearsal = rehearsal
        self.boards: dict[str, int] = {}  # our dashboards: name → number
        self.all_boards: set[int] = set()

    def run(self) -> Iterator[Outcome]:
        """Settle one object after the other. Raises `ProvisioningError` at the first that fails."""
        for kind, bodies in definitions(self.version).items():
            there = self._there(kind)
            for body in bodies:
                try:
                    outcome = self._settle(kind, body, there)
                except ApiError as error:
                    raise ProvisioningError(f'{kind[:-1]} "{body["name"]}"', error) from None
                if kind == "dashboards" and outcome.number is not None:
                    self.boards[outcome.name] = outcome.number
                yield outcome

    def _there(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind, the oldest first."""
        try:
            there = self._patiently(lambda: list(self.api.every(f"{kind}/", **LISTS.get(kind, {}))))
        except ApiError as error:
            wrong = "Put POSTHOG_PROJECT_ID and POSTHOG_HOST right." if error.status == 404 else ""
            raise ProvisioningError(f"The list of {kind}", error, wrong) from None
        if kind == "dashboards":
            self.all_boards = {one["id"] for one in there}
        return sorted(there, key=lambda one: one["id"])

    def _settle(self, kind: str, body: dict[str, Any], there: list[dict[str, Any]]) -> Outcome:
        """Bring one object about. Raises `ApiError`."""
        name = body["name"]
        named = [one for one in there if one["name"] == name]
        ours = next(filter(is_ours, named), None)
        wanted = self._with_numbers(body, ours or {})
        if ours is None and named:
            return Outcome(Change.LEFT, kind[:-1], name)
        if ours is None:
            return Outcome(Change.CREATED, kind[:-1], name, number=self._create(kind, wanted))
        number: int = ours["id"]
        changed = {key: value for key, value in wanted.items() if not holds(ours.get(key), value)}
        if changed and not self.rehearsal:
            self._patiently(lambda: self.api.request("PATCH", f"{kind}/{number}/", changed))
        change = Change.UPDATED if changed else Change.UNCHANGED
        return Outcome(change, kind[:-1], name, tuple(changed), number)

    def _with_numbers(self, body: dict[str, Any], there: dict[str, Any]) -> dict[str, Any]:
        """The body with the numbers of dashboards that it is to join, beside those it is on."""
        named = body.get("dashboards", [])
        numbers = {self.boards[name] for name in named if name in self.boards}
        rest = {key: value for key, value in body.items() if key != "dashboards"}
        on = {*(there.get("dashboards") or [])}
        if numbers <= on:
            return rest
        return {**rest, "dashboards": sorted(numbers | (on & self.all_boards))}  # none deleted

    def _create(self, kind: str, body: Mapping[str, Any]) -> int:
        """Make an object; its number."""
        if self.rehearsal:
            return TO_BE_MADE
        tried = False

        def create() -> dict[str, Any]:
            nonlocal tried
            # A first try whose answer did not come may have made it.
            made = self._find(kind, body["name"]) if tried else None
            tried = True
            return made or self.api.request("POST", f"{kind}/", body)

        number = self._patiently(create).get("id")
        if not isinstance(number, int):
            raise ApiError(f"PostHog answered 201: {NOT_POSTHOGS}", 201)
        return number

    def _find(self, kind: str, name: str) -> dict[str, Any] | None:
        every = self.api.every(f"{kind}/", **LISTS.get(kind, {}))
        return next((one for one in every if one["name"] == name and is_ours(one)), None)

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        """Ask, and again where that makes sense. Raises the last `ApiError`."""
        for pause in PAUSES:
            try:
                return ask()
            except ApiError as error:
                wait = pause if error.wait is None else error.wait
                offline = self.rehearsal and error.status is None
                if not error.passes or wait > LONGEST_WAIT or offline:
                    raise
                self.say(f"{error} Trying again in {wait:.0f} s.")
                time.sleep(wait)
        return ask()


def is_ours(there: Mapping[str, Any]) -> bool:
    """Whether we made an object."""
    return MARK in (there.get("description") or "")


def holds(there: Any, wanted: Any) -> bool:
    """Whether what PostHog keeps is what we want; keys that PostHog adds do not count."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(
            holds(there.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(there, list) and len(there) == len(wanted) and all(map(holds, there, wanted))
        )
    return bool(there == wanted)
