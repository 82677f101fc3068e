"""`manage.py telemetry_ping`: report this installation, and deliver what waits. For cron."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.core.checks import Error
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as AnyDatabaseError
from django.utils import timezone

from analytics import conf, delivery, outbox, telemetry
from analytics.backends.base import message
from analytics.catalogue import UndeclaredError
from analytics.checks import check_settings
from analytics.models import Event

WAITED_TOO_LONG = 1  # exit codes; 0 is sent, nothing to do, or kept for the next run
WRONG = 2
LONGEST_JITTER = 24 * 3600  # seconds


class Command(BaseCommand):
    """Report the installation to PostHog where telemetry is on; say why where it is off."""

    help = (
        "Reports this installation (install, update or health) and delivers what waits."
        " Exits with 0 if that was sent or is kept for the next run, with 1 if a ping has waited"
        " for more than 24 hours, with 2 for a wrong option or configuration."
    )
    requires_system_checks = ()  # they would tell of a wrong configuration at length, and with 1

    def add_arguments(self, parser: CommandParser) -> None:
        """The options; their values are judged in `handle`, whose errors are one line."""
        kinds = ",".join(telemetry.Kind)
        parser.add_argument("--event", metavar=f"{{{kinds}}}", help="send this ping, due or not")
        parser.add_argument(
            "--jitter",
            metavar="SECONDS",
            default="0",
            help="wait first: a part of these seconds that is this installation's own",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="print the JSON that would go out; store and send nothing",
        )
        parser.add_argument(
            "--status",
            action="store_true",
            help="say what is on and why, and what waits; store and send nothing",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises `CommandError` with the exit codes that the help describes."""
        forced, seconds = kind_of(options["event"]), seconds_of(options["jitter"])
        if options["status"] and (options["dry_run"] or forced):
            raise CommandError("--status goes with no other option.", returncode=WRONG)
        with misconfiguration_in_one_line():
            if wrong := [str(one.msg) for one in check_settings() if isinstance(one, Error)]:
                raise ImproperlyConfigured(wrong[0])
            if options["status"]:
                self.stdout.write("\n".join(sentences(telemetry.status())))
            elif options["dry_run"]:
                self._rehearse(forced)
            elif reason := conf.get().telemetry_off_because:
                self._say(options, f"Telemetry is off: {reason}. Nothing was sent.")
            else:
                self._ping(forced, seconds, options)

    def _rehearse(self, forced: telemetry.Kind | None) -> None:
        """Print what the next run would send of the installation: what waits, and the new ping."""
        off = conf.get().telemetry_off_because
        if off:
            self.stderr.write(f"Telemetry is off: {off}. With it on, this would be sent:")
        kept = [] if off else outbox.outgoing(telemetry.waiting())
        messages = [message(event) for event in (*kept, *telemetry.rehearse(forced))]
        self.stdout.write(json.dumps(messages, indent=2, ensure_ascii=False))

    def _ping(self, forced: telemetry.Kind | None, seconds: int, options: dict[str, Any]) -> None:
        if seconds:
            pause = telemetry.delay(telemetry.fingerprint(), seconds)
            delivery.release_connection()
            time.sleep(pause)
        with delivery.by_hand():
            kind = telemetry.ping(forced)
            report = delivery.deliver(everything=True)
        if late := telemetry.overdue():
            raise CommandError(too_late(late), returncode=WAITED_TOO_LONG)
        if not report.error:
            what = f"Recorded telemetry.{kind}" if kind else "No ping is due"
            self._say(options, f"{what}; delivered {report.delivered} events.")

    def _say(self, options: dict[str, Any], sentence: str) -> None:
        if options["verbosity"] > 0:
            self.stdout.write(sentence)


@contextmanager
def misconfiguration_in_one_line() -> Iterator[None]:
    """Turn what an operator has to put right into an error without a traceback."""
    try:
        yield
    except (ImproperlyConfigured, ImportError, UndeclaredError) as error:
        raise CommandError(" ".join(str(error).split()), returncode=WRONG) from error
    except AnyDatabaseError as error:  # its own words may name hosts and people
        name = type(error).__name__
        sentence = f"The database cannot be used ({name}): does it run, is it migrated?"
        raise CommandError(sentence, returncode=WRONG) from error


def kind_of(value: str | None) -> telemetry.Kind | None:
    """The kind of ping that `--event` names; None where it is not given."""
    if value is None or value in [*telemetry.Kind]:
        return telemetry.Kind(value) if value else None
    allowed = ", ".join(telemetry.Kind)
    raise CommandError(f"--event is {value!r}; allowed: {allowed}.", returncode=WRONG)


def seconds_of(value: object) -> int:
    """The seconds that `--jitter` gives."""
    text = str(value)
    if text.isascii() and text.isdigit() and int(text) <= LONGEST_JITTER:
        return int(text)
    allowed = f"whole seconds from 0 to {LONGEST_JITTER}"
    raise CommandError(f"--jitter is {text!r}; allowed: {allowed}.", returncode=WRONG)


def too_late(event: Event) -> str:
    """What cron is to mail."""
    hours = int((timezone.now() - event.timestamp).total_seconds() // 3600)
    reason = event.last_error or "not tried yet"
    return f"{event.event} has waited for {hours} hours to be sent ({reason}). See --status."


def sentences(status: telemetry.Status) -> Iterator[str]:
    """The status in words, one line a subject."""
    off, closed = status.telemetry_off_because, status.closed_because
    decided = ", ".join(f"{name} is {value}" for name, value in status.decided_by.items())
    yield f"Telemetry is off: {off}." if off else f"Telemetry is on: {decided}."
    if off:
        yield f"Settings: {decided}."
    yield f"Events of people stay here: {closed}." if closed else "Events of people are sent."
    yield f"Host: {status.host}"
    yield f"Version: {status.version}"
    yield f"Installation: {status.fingerprint or 'no fingerprint before the first ping'}"
    yield f"Last ping: {last_ping(status.last_ping)}"
    yield f"Next ping: {next_ping(status)}"
    since = f", the oldest since {moment(status.oldest_waiting)}" if status.oldest_waiting else ""
    yield f"Waiting: {status.waiting}{since}"
    if status.paused_until or status.pause_reason:
        yield f"Delivery: {paused(status)}"
    yield f"Delivered: {status.delivered}"
    yield f"Rejected: {status.rejected}"
    yield f"Kept here, never sent: {status.local}"
    mostly = f" (mostly: {status.dropped_mostly})" if status.dropped_mostly else ""
    yield f"Left out or lost: {status.dropped}{mostly}"
    yield f"Last error: {status.last_error or 'none'}"


def paused(status: telemetry.Status) -> str:
    """Why delivery rests, until when, and what to do about it."""
    why = f" ({status.pause_reason})" if status.pause_reason else ""
    until = f" until {moment(status.paused_until)}" if status.paused_until else ", tried next"
    return f"paused{until}{why}. {status.remedy}".strip()


def last_ping(event: Event | None) -> str:
    """The last ping and what became of it."""
    return f"{event.event} of {moment(event.timestamp)}, {event.state}" if event else "none"


def next_ping(status: telemetry.Status) -> str:
    """The next ping and when it is due."""
    if status.next_ping is None:
        return "none while telemetry is off"
    at = status.next_ping_at
    when = f"the first run after {moment(at)}" if at else "the next run"
    return f"telemetry.{status.next_ping} with {when}"


def moment(value: datetime | None) -> str:
    """A moment in the installation's time zone, to the second."""
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S %Z")
