"""`manage.py telemetry_ping`: report this installation, and deliver what waits. For cron."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from analytics import conf, delivery, telemetry


class Command(BaseCommand):
    """Report the installation to PostHog where telemetry is on; say why where it is off."""

    help = "Reports this installation (install, update or health) and delivers what waits."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--event` sends one kind of ping now."""
        kinds = [kind.value for kind in telemetry.Kind]
        parser.add_argument("--event", choices=kinds, help="send this ping now, due or not")

    def handle(self, *args: Any, event: str | None = None, **options: Any) -> None:
        """Exits with 0 also where PostHog is down: what was recorded leaves with the next run."""
        if reason := conf.get().telemetry_off_because:
            self.stdout.write(f"Telemetry is off: {reason}. Nothing was sent.")
            return
        kind = telemetry.ping(telemetry.Kind(event) if event else None)
        report = delivery.deliver(everything=True)
        if options["verbosity"] < 1 or report.error:
            return
        what = f"Recorded telemetry.{kind}" if kind else "No ping is due"
        self.stdout.write(f"{what}; delivered {report.delivered} events.")
