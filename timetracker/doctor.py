"""Looks at all that the site needs, and says of each how it stands and what to do.

Nothing is sent but a greeting: no mail, no event. No secret is shown.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from smtplib import SMTPException
from typing import Any, NamedTuple
from uuid import uuid4

import requests
from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core import checks
from django.core.mail import get_connection
from django.db import Error, NotSupportedError, connection
from django.utils import timezone
from posthog.request import determine_server_host

from accounts.oidc import discovery
from analytics import conf, erasure, telemetry
from analytics.models import Erasure
from analytics.posthog_api import Api, ApiError
from timetracker.probes import unapplied

TIMEOUT = 5  # seconds that a server may take
SOME = 5  # migrations that are named
LATE, WRONG = timedelta(seconds=5), timedelta(seconds=30)  # of a clock; then tokens are refused
LITTLE, TOO_LITTLE = 1024**3, 100 * 1024**2  # bytes of free disk
WAITS = timedelta(hours=8)  # longer than the longest pause before PostHog is asked again
DATA = "the database in"
OK, WARN, FAIL = "ok", "warn", "fail"
# Django's names for what HTTPS=false means, and what its other warnings ask for here.
NO_HTTPS = {"security.W004", "security.W008", "security.W012", "security.W016"}
DEBUG_IS_ON = "security.W018"  # whoever meets an error reads code and settings
REMEDIES = {DEBUG_IS_ON: "Set DEBUG=false.", "security.W020": "Set ALLOWED_HOSTS."}


class Finding(NamedTuple):
    """How a thing stands (ok, warn, fail), and what to do about it, if anything."""

    level: str
    words: str
    remedy: str = ""


Findings = Iterator[Finding]


class Clocks:
    """How far this machine's clock is ahead of others, as they said when they were asked."""

    def __init__(self) -> None:
        self.ahead: dict[str, timedelta] = {}

    def note(self, whose: str, time: datetime) -> None:
        """Compare, now."""
        self.ahead[whose] = datetime.now(UTC) - time

    def note_answer(self, whose: str, answer: requests.Response) -> None:
        """Compare with the time in an answer's header, if it has one."""
        try:
            self.note(whose, parsedate_to_datetime(answer.headers["Date"]))
        except (KeyError, ValueError, TypeError):  # no date, not a date, one without a zone
            return


def examine() -> Iterator[tuple[str, Finding]]:
    """All findings with what they are of, in the order in which one would mend them."""
    clocks = Clocks()
    looks: dict[str, Callable[[], Findings]] = {
        "configuration": configuration,
        "database": lambda: database(clocks),
        "disk": disk,
        "static files": static_files,
        "mail": mail,
        "OpenID Connect": lambda: provider(clocks),
        "PostHog": lambda: posthog(clocks),
        "PostHog's API": management,
        "erasures": erasures,
        "clock": lambda: clock(clocks),
    }
    for subject, look in looks.items():
        try:
            for finding in look():
                yield subject, finding
        except Exception as error:  # the other looks are still worth having
            yield subject, Finding(FAIL, f"could not be looked at ({type(error).__name__})")


def configuration() -> Findings:
    """What Django's checks say, those for a server among them."""
    wrong = [one for one in checks.run_checks(include_deployment_checks=True) if told(one)]
    if not settings.HTTPS:
        words = "HTTPS is off: passwords and sessions travel in the clear"
        yield Finding(WARN, words, "Set HTTPS=true, and have a proxy speak it.")
    for one in wrong:
        level = FAIL if one.level >= checks.ERROR or one.id == DEBUG_IS_ON else WARN
        yield Finding(level, f"{one.id}: {one.msg}", one.hint or REMEDIES.get(str(one.id), ""))
    if settings.HTTPS and not wrong:
        yield Finding(OK, "all of Django's checks pass")
    yield from ways_in()


def ways_in() -> Findings:
    """What lets nobody in though each setting is allowed."""
    if settings.HTTPS and not settings.TRUSTED_PROXY_COUNT:
        words = "HTTPS is on and TRUSTED_PROXY_COUNT is 0: behind a proxy each page leads to itself"
        yield Finding(WARN, words, "Set TRUSTED_PROXY_COUNT to the number of reverse proxies.")
    if settings.HTTPS and set(settings.ALLOWED_HOSTS) <= set(settings.LOOPBACK):
        words = "ALLOWED_HOSTS names this machine alone: all others get 400"
        yield Finding(WARN, words, "Set ALLOWED_HOSTS to the name in people's address bar.")
    if connection.vendor == "sqlite" and settings.WEB_CONCURRENCY > 1:
        words = f"{settings.WEB_CONCURRENCY} processes on SQLite, which has one writer at a time"
        yield Finding(WARN, words, "Leave WEB_CONCURRENCY out, or set DATABASE_URL to PostgreSQL.")


def told(message: checks.CheckMessage) -> bool:
    """Whether a message of a check is worth a line."""
    said = not settings.HTTPS and message.id in NO_HTTPS
    return message.level >= checks.WARNING and not message.is_silenced() and not said


def database(clocks: Clocks) -> Findings:
    """Whether it answers, is new enough, and has the schema of this version."""
    try:
        connection.ensure_connection()
        connection.check_database_version_supported()
        missing = unapplied()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT clock_timestamp()")
                clocks.note("the database", cursor.fetchone()[0])
    except NotSupportedError as error:
        yield Finding(FAIL, str(error), "Upgrade the database server.")
    except Error as error:
        words = f"does not answer: {first_line(error)}"
        yield Finding(FAIL, words, "Put DATABASE_URL right, or start the server.")
    else:
        yield Finding(OK, f"{version()} answers")
        if missing:
            more = f" and {len(missing) - SOME} more" if len(missing) > SOME else ""
            words = f"unapplied migrations: {', '.join(missing[:SOME])}{more}"
            yield Finding(FAIL, words, "Run `manage.py migrate`.")


def version() -> str:
    """The database's name and version."""
    if connection.vendor == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    number: int = connection.pg_version  # type: ignore[attr-defined]  # PostgreSQL's wrapper alone
    return f"PostgreSQL {number // 10000}.{number % 10000}"


def disk() -> Findings:
    """Whether there is room, and leave to write, where the site writes."""
    for name, folder in places().items():
        if not folder.is_dir():
            yield Finding(FAIL, f"{name} {folder} is not there", f"Make it: mkdir -p {folder}")
            continue
        free = shutil.disk_usage(folder).free
        words = f"{name} {folder}: {free / 1024**3:.1f} GiB free"
        if not all(os.access(place, os.W_OK) for place in (folder, *files_in(name))):
            yield Finding(FAIL, f"{name} {folder} cannot be written", "Give it to the site's user.")
        elif free < LITTLE and name == DATA:
            level = FAIL if free < TOO_LITTLE else WARN
            yield Finding(level, words, "Make room: on a full disk nothing can be saved.")
        else:
            yield Finding(OK, words)


def files_in(name: str) -> Iterator[Path]:
    """The files of ours in a folder; strangers' lie beside them where all keep temporary files."""
    if name == DATA:
        files = (Path(f"{connection.settings_dict['NAME']}{more}") for more in ("", "-wal", "-shm"))
        yield from (file for file in files if file.exists())


def places() -> dict[str, Path]:
    """The folders that the site writes into, by what they are for."""
    found = {"temporary files in": Path(tempfile.gettempdir())}
    if connection.vendor == "sqlite":
        found = {DATA: Path(connection.settings_dict["NAME"]).parent, **found}
    return found


def static_files() -> Findings:
    """Whether all files that pages name were collected, under the names of their contents."""
    storage: Any = staticfiles_storage
    if not isinstance(storage, ManifestFilesMixin):
        yield Finding(OK, "served as they are, without being collected")
        return
    known: dict[str, str] = storage.hashed_files
    here = [path for finder in finders.get_finders() for path, _storage in finder.list([])]
    missing = [path for path in here if path.replace("\\", "/") not in known]
    if missing:
        words = f"{len(missing)} of {len(here)} are not collected, such as {missing[0]}"
        yield Finding(FAIL, words, "Run `manage.py collectstatic --noinput`, and restart.")
    else:
        yield Finding(OK, f"{len(here)} collected")


def mail() -> Findings:
    """Whether the mail server takes a connection and its credentials."""
    if not settings.EMAIL_URL:
        remedy = "Set EMAIL_URL, or reset forgotten passwords by `manage.py changepassword NAME`."
        yield Finding(WARN, "no server is set", remedy)
        return
    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        yield Finding(WARN, "is written to the log instead of being sent", "Set EMAIL_URL.")
        return
    if settings.DEFAULT_FROM_EMAIL.rstrip(">").endswith("@localhost"):
        words = f"the sender is {settings.DEFAULT_FROM_EMAIL}, which mail servers refuse"
        yield Finding(WARN, words, "Set DEFAULT_FROM_EMAIL to an address of yours.")
    server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        with get_connection():  # greets, encrypts and signs in as EMAIL_URL says
            yield Finding(OK, f"{server} takes us in")
    except (OSError, SMTPException) as error:
        remedy = "Put EMAIL_URL right, or look at the server and the firewall."
        yield Finding(FAIL, f"{server} does not take us in: {kind(error)}", remedy)


def provider(clocks: Clocks) -> Findings:
    """Whether the provider describes itself as the site needs it, and shows its keys."""
    if not settings.OIDC_ENABLED:
        yield Finding(OK, "off")
        return
    issuer = settings.OIDC_ISSUER
    try:
        discovery.forget()
        discovery.provider()
        keys = discovery.signing_keys()
        clocks.note_answer(issuer, get(discovery.document_address()))
    except discovery.ProviderUnavailable as error:
        why = kind(error.__cause__) if error.__cause__ else error.code
        yield Finding(FAIL, f"{issuer} cannot be used: {why}", remedy_of(error.code))
    except Error:
        yield Finding(WARN, "not asked: the database, which keeps the answers, does not answer")
    else:
        yield Finding(OK, f"{issuer} answers and shows {len(keys)} keys")


def remedy_of(code: str) -> str:
    """What to do about a provider that cannot be used."""
    if code == "malformed_issuer":
        return "Write OIDC_ISSUER exactly as the provider's discovery document writes it."
    if code == "no_answer":
        return f"Open {discovery.document_address()} from this machine: address, firewall, proxy."
    return "Put OIDC_ISSUER right: what answers there is no OpenID Connect provider."


def posthog(clocks: Clocks) -> Findings:
    """Whether PostHog can be reached, where anything would be sent to it."""
    config = conf.get()
    if config.closed_because:
        yield Finding(OK, f"not asked: {config.closed_because}")
        return
    host = determine_server_host(config.POSTHOG_HOST)
    try:
        answer = get(host)
    except requests.RequestException as error:
        remedy = "Put POSTHOG_HOST right, or let this machine out. What is recorded waits here."
        yield Finding(FAIL, f"{host} does not answer: {kind(error)}", remedy)
        return
    clocks.note_answer(host, answer)
    if answer.status_code >= 500:
        words = f"{host} answers with status {answer.status_code}"
        yield Finding(WARN, words, "Look again later. What is recorded waits here.")
    else:
        yield Finding(OK, f"{host} answers")
    yield from delivery_rests()


def delivery_rests() -> Findings:
    """Why PostHog takes nothing, as whoever delivers has noted: only then its key was tried."""
    try:
        this = telemetry.row()
    except Error:
        return  # said of the database
    if this.pause_reason:
        remedy = this.remedy or "It is tried again by itself. What is recorded waits here."
        yield Finding(
            FAIL if this.remedy else WARN, f"takes no events: {this.pause_reason}", remedy
        )


def management() -> Findings:
    """Whether the personal key opens the project, for erasing persons and making dashboards there.

    A person is asked for whom nobody is: the answer tells nothing of anybody.
    """
    config = conf.get()
    if config.DO_NOT_TRACK or not (config.POSTHOG_PERSONAL_API_KEY or config.POSTHOG_PROJECT_ID):
        why = "DO_NOT_TRACK" if config.DO_NOT_TRACK else "no POSTHOG_PERSONAL_API_KEY"
        yield Finding(OK, f"not asked: {why} is set")
    elif missing := Api.missing(config):
        yield Finding(FAIL, f"cannot be asked: {missing}", "Set both, or neither: docs/posthog.md.")
    else:
        try:
            query = {"distinct_id": str(uuid4()), "limit": 1}
            Api(config).request("GET", "persons/", query=query)
        except ApiError as error:
            words = str(error).replace(config.POSTHOG_PERSONAL_API_KEY, "…")
            yield Finding(WARN if error.passes else FAIL, words, remedy_of_api(error))
        else:
            yield Finding(OK, f"takes the personal key for project {config.POSTHOG_PROJECT_ID}")


def remedy_of_api(error: ApiError) -> str:
    """What to do about PostHog's refusal of the personal key."""
    if error.passes:
        return "Look again later, and at POSTHOG_HOST. Erasures wait here."
    if error.posthogs and error.status == 401:
        return "Make a personal key at PostHog, and set POSTHOG_PERSONAL_API_KEY to it."
    if error.posthogs and error.status in (403, 404):
        return (
            "Give the key the scope person:write for this project, or put POSTHOG_PROJECT_ID right."
        )
    return "Put POSTHOG_HOST right: what answers there is not PostHog's API."


def erasures() -> Findings:
    """Whether the persons who were erased here are being erased at PostHog."""
    try:
        left = Erasure.objects.order_by("requested_at")
        refused, late = left.filter(due_at=None), left.filter(due_at__lt=timezone.now() - WAITS)
        by_hand = left.count() if erasure.outlook() is erasure.Outlook.BY_HAND else 0
        told = [*refused[:1]]
        numbers = refused.count(), late.count()
    except Error:
        yield Finding(WARN, "not looked at: the database does not answer, or is not migrated")
        return
    if by_hand:
        words = f"{by_hand} wait, and PostHog is not asked: {erasure.obstacle()}"
        yield Finding(FAIL, words, "Put that right, or delete them by hand: the admin's Erasures.")
    elif told:
        words = f"PostHog refuses {numbers[0]}: {told[0].last_error}"
        remedy = "Put that right; then “Ask PostHog again now” among the admin's Erasures."
        yield Finding(FAIL, words, remedy)
    elif numbers[1]:
        words = f"nobody has taken up {numbers[1]} that are long due"
        yield Finding(FAIL, words, "Start the site, or run `manage.py deliver_events --once`.")
    else:
        yield Finding(OK, "none is held up")


def clock(clocks: Clocks) -> Findings:
    """Whether the machine's clock agrees with whoever was asked."""
    if not clocks.ahead:
        yield Finding(OK, "nobody was asked who could tell")
    for whose, ahead in clocks.ahead.items():
        seconds = round(ahead.total_seconds())
        if abs(ahead) < LATE:
            yield Finding(OK, f"agrees with that of {whose}")
        else:
            side = "ahead of" if seconds > 0 else "behind"
            level = FAIL if abs(ahead) > WRONG else WARN
            words = f"{abs(seconds)} seconds {side} that of {whose}"
            yield Finding(level, words, "Have it set by NTP (`timedatectl set-ntp true`).")


def get(address: str) -> requests.Response:
    """Ask for an address, and read nothing of the answer but its head."""
    with requests.get(address, timeout=TIMEOUT, allow_redirects=False, stream=True) as answer:
        return answer


def kind(error: BaseException) -> str:
    """What kind of error it is; its words may hold what was sent."""
    code = getattr(error, "smtp_code", None)
    return type(error).__name__ + (f" ({code})" if code else "")


def first_line(error: BaseException) -> str:
    """What the database's driver says, without the password."""
    words = (str(error).splitlines() or [type(error).__name__])[0]
    password = connection.settings_dict.get("PASSWORD")
    return words.replace(password, "…") if password else words
