"""`manage.py doctor`: looks at all that the site needs, and says what to do."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from timetracker import doctor


class Command(BaseCommand):
    """Print a line for each finding; exit with 1 where something fails."""

    help = (
        "Looks at configuration, database, disk, static files, mail, OpenID Connect, PostHog,"
        " erasures and the clock, and says for each what to do. Sends nothing. Exits with 1 if"
        " something fails."
    )
    requires_system_checks = ()  # they are among what is looked at

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises `CommandError` (exit code 1) after the last line."""
        failed = 0
        for subject, finding in doctor.examine():
            failed += finding.level == doctor.FAIL
            self.stdout.write(f"{finding.level:<5} {subject}: {finding.words}")
            if finding.remedy:
                self.stdout.write(f"      → {finding.remedy}")
        if failed:
            raise CommandError(f"{failed} of these must be mended.")
