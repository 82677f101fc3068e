"""`manage.py write_docs`: write the generated pages."""

from typing import Any

from django.core.management.base import BaseCommand

from timetracker.reference import pages


class Command(BaseCommand):
    """Write `.env.example`, `docs/configuration.md` and `docs/events.md`."""

    help = "Writes the generated pages."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Write them all; the tests compare them with what would be written."""
        for path, text in pages().items():
            path.write_text(text)
            self.stdout.write(f"wrote {path.name}")
