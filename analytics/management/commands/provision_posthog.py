"""`manage.py provision_posthog`: the declared dashboards, insights and cohorts, made in PostHog."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics import conf
from analytics.insights.posthog import definitions
from analytics.posthog_api import Api
from analytics.provisioning import Change, Outcome, Provisioner, ProvisioningError


class Command(BaseCommand):
    """Make or update what is declared; a second run changes nothing."""

    help = (
        "Makes or updates the dashboards, insights and cohorts in PostHog. What a person made there"
        " by hand is left alone. Exits with 1 where something could not be done; another run goes"
        " on from there."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """`--dry-run` changes nothing, and needs neither a key nor a network."""
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="change nothing: say what would change; where PostHog cannot be asked,"
            " print what would be made, as JSON",
        )

    def handle(self, *args: Any, dry_run: bool = False, **options: Any) -> None:
        """Raises `CommandError` with PostHog's words."""
        missing = Api.missing(conf.get())
        if missing and not dry_run:
            raise CommandError(f"Nothing was done: {missing}")
        if missing:
            self._print_definitions(missing)
            return
        try:
            self._run(dry_run, options["verbosity"])
        except ProvisioningError as error:
            if error.reached or not dry_run:
                raise CommandError(str(error)) from None
            self._print_definitions(str(error))

    def _print_definitions(self, reason: str) -> None:
        self.stderr.write(f"{reason} With PostHog at hand, this would be made where it is missing:")
        bodies = definitions(conf.get().APP_VERSION)
        self.stdout.write(json.dumps(bodies, indent=2, ensure_ascii=False))

    def _run(self, dry_run: bool, verbosity: int) -> None:
        counts: Counter[Change] = Counter()
        outcomes = Provisioner(conf.get(), self.stderr.write, rehearsal=dry_run).run()
        for outcome in list(outcomes) if dry_run else outcomes:  # no half answer before the JSON
            counts[outcome.change] += 1
            if verbosity > 0:
                self.stdout.write(line(outcome))
            if outcome.change == Change.LEFT:
                self.stderr.write(left_alone(outcome))
        if verbosity > 0:
            self.stdout.write(summary(counts, dry_run))


def line(outcome: Outcome) -> str:
    """What became of an object."""
    keys = f": {', '.join(outcome.changed)}" if outcome.changed else ""
    return f'{outcome.change:<10}  {outcome.kind} "{outcome.name}"{keys}'


def left_alone(outcome: Outcome) -> str:
    """What a person has to know of an object that is in our way."""
    return (
        f'The {outcome.kind} "{outcome.name}" was made by hand and is left alone; ours is missing.'
        " Rename or delete that one, and run this again."
    )


def summary(counts: Counter[Change], dry_run: bool) -> str:
    """All that became of them, in a line."""
    numbers = ", ".join(f"{counts[change]} {change}" for change in Change)
    return f"Nothing was changed. A run would say: {numbers}." if dry_run else f"{numbers}."
