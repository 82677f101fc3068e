"""What managers do with rates. A rate that changes revalues the entries to which it applies.

Whoever changes one is told before which entries those are (`preview_set`, `preview_delete`), and
says so with the change (`seen`). Locked time keeps its rates unless an admin changes them.
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass
from datetime import date
from itertools import takewhile
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from tracking.models import Client, Project, Rate, TimeEntry, TimeEntryQuerySet
from tracking.people import Person
from tracking.services.locks import changeable_days
from tracking.services.rules import ChangedElsewhereError
from tracking.typed import AHEAD, EARLIEST


@dataclass(frozen=True)
class Revaluation:
    """Which entries a changed rate revalues."""

    entries: int
    people: int
    projects: int
    first: date | None
    last: date | None
    locked: int  # entries that it would revalue, were they not locked

    def __str__(self) -> str:
        """What a form carries to say that its person has seen this."""
        return " ".join(map(str, astuple(self)))


@dataclass(frozen=True)
class Level:
    """Whom and what a rate is for: a member on a project, one of them, a client, or everything."""

    user: Any = None
    project: Project | None = None
    client: Client | None = None

    def rates(self) -> Any:
        """The rates of exactly this level."""
        return Rate.objects.filter(user=self.user, project=self.project, client=self.client)

    def entries(self) -> TimeEntryQuerySet:
        """The entries for which such a rate may hold."""
        entries = TimeEntry.objects.order_by()
        if self.user is not None:
            entries = entries.filter(user=self.user)
        if self.project is not None:
            entries = entries.filter(project=self.project)
        if self.client is not None:
            entries = entries.filter(project__in=self.client.projects.all())
        return entries

    @property
    def kind(self) -> str:
        """Which of `KINDS` its rates are."""
        if self.project is not None:
            return "project" if self.user is None else "member on project"
        if self.user is not None:
            return "member"
        return "installation" if self.client is None else "client"


# The kinds of rates, the one that applies first: what they name, and how they find an entry of the
# outer query. What they leave empty is said, too: each has an index of its own.
KINDS = {
    "member on project": Q(user__isnull=False, project__isnull=False, client=None),
    "project": Q(user=None, project__isnull=False, client=None),
    "member": Q(user__isnull=False, project=None, client=None),
    "client": Q(user=None, project=None, client__isnull=False),
    "installation": Q(user=None, project=None, client=None),
}
FINDS: dict[str, dict[str, Any]] = {
    "member on project": {"user": OuterRef("user"), "project": OuterRef("project")},
    "project": {"project": OuterRef("project")},
    "member": {"user": OuterRef("user")},
    "client": {"client__projects": OuterRef("project")},
    "installation": {},
}


@transaction.atomic
def set_rate(
    user: Person, level: Level, since: date, cents: int, *, seen: str | None
) -> Revaluation:
    """Let a rate hold from a day on, in the place of one from that day.

    `seen` is the `Revaluation`, as text, of which the person was told before. Raises
    `ValidationError` with a sentence per field, and `ChangedElsewhereError` where it revalues
    others than those by now.
    """
    _take_turns()
    return _carry_out(user, _setting(level, since, cents), seen)


def preview_set(user: Person, level: Level, since: date, cents: int) -> Revaluation:
    """What `set_rate` would revalue; raises what it raises."""
    return _told(user, _setting(level, since, cents))


@transaction.atomic
def delete_rate(user: Person, pk: int, *, seen: str | None) -> Revaluation:
    """Let a rate hold no more; the one before, or a wider one, applies then.

    Raises `Rate.DoesNotExist`, and `ChangedElsewhereError` as `set_rate`.
    """
    _take_turns()
    return _carry_out(user, _deleting(pk), seen)


def preview_delete(user: Person, pk: int) -> Revaluation:
    """What `delete_rate` would revalue; raises `Rate.DoesNotExist`."""
    return _told(user, _deleting(pk))


def revalue(entries: TimeEntryQuerySet) -> int:
    """Put on each entry the rate that applies to it now; returns their number."""
    return entries.update(rate_cents=_applying(Rate.objects.all()))


# --- parts -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Change:
    """A change of a rate: the entries whose rate becomes another one, and which."""

    make: Callable[[], Any]
    entries: TimeEntryQuerySet
    cents: Any  # a number, None, or an expression


def _setting(level: Level, since: date, cents: int) -> _Change:
    if not EARLIEST <= since <= timezone.localdate() + AHEAD:
        raise ValidationError({"since": _("Choose a day from the year 2000 to a year from now.")})
    rate = level.rates().filter(since=since).first() or Rate(
        user=level.user, project=level.project, client=level.client, since=since
    )
    rate.cents = cents
    rate.full_clean()
    return _Change(rate.save, _under(level, since).exclude(rate_cents=cents), cents)


def _deleting(pk: int) -> _Change:
    rate = Rate.objects.select_related("user", "project", "client").get(pk=pk)
    level = Level(rate.user, rate.project, rate.client)
    before = level.rates().filter(since__lt=rate.since).order_by("-since").first()
    entries = _under(level, rate.since)
    if before is not None or level == Level():  # then it is one and the same for all of them
        cents = before.cents if before else None
        return _Change(rate.delete, entries.exclude(rate_cents=cents), cents)
    then = _applying(Rate.objects.exclude(pk=pk))
    # Both may be none, which SQL takes for neither the same nor another.
    none = Value(-1)
    now = entries.alias(then=Coalesce(then, none), now=Coalesce("rate_cents", none))
    return _Change(rate.delete, now.exclude(now=F("then")), then)


def _under(level: Level, since: date) -> TimeEntryQuerySet:
    """The entries to which a level's rate from that day on applies: until its next, and where none
    is nearer.

    Kinds of which there is no rate are not asked for: each costs a look-up for every entry.
    """
    entries = level.entries().filter(day__gte=since)
    if until := level.rates().filter(since__gt=since).aggregate(Min("since"))["since__min"]:
        entries = entries.filter(day__lt=until)
    for kind in takewhile(lambda kind: kind != level.kind, KINDS):
        if (rates := Rate.objects.filter(KINDS[kind])).exists():
            nearer = rates.filter(**FINDS[kind], since__lte=OuterRef("day"))
            entries = entries.exclude(Exists(nearer))
    return entries


def _applying(rates: Any) -> Coalesce:
    """Of these rates that of an entry of the outer query: a look-up in an index for each kind."""

    def latest(kind: str) -> Subquery:
        found = rates.filter(KINDS[kind], **FINDS[kind], since__lte=OuterRef("day"))
        return Subquery(found.order_by("-since").values("cents")[:1])

    return Coalesce(*map(latest, KINDS))


def _told(user: Person, change: _Change) -> Revaluation:
    open_days = changeable_days(user)
    told = change.entries.filter(open_days).aggregate(
        entries=Count("pk"),
        people=Count("user", distinct=True),
        projects=Count("project", distinct=True),
        first=Min("day"),
        last=Max("day"),
    )
    locked = change.entries.exclude(open_days).count() if open_days else 0
    return Revaluation(**told, locked=locked)


def _take_turns() -> None:
    """Of two who change rates at once, one sees what the other did: what a rate revalues depends on
    all others. On SQLite, transactions take turns by themselves.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {Rate._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")


def _carry_out(user: Person, change: _Change, seen: str | None) -> Revaluation:
    found = _told(user, change)
    if seen is not None and seen != str(found):
        raise ChangedElsewhereError(
            _("Time or rates were changed since you looked. Check what is revalued now.")
        )
    change.entries.filter(changeable_days(user)).update(rate_cents=change.cents)
    try:
        with transaction.atomic():
            change.make()
    except IntegrityError as error:
        raise ChangedElsewhereError(
            _("Somebody else has set this rate at the same moment. Check what it is now.")
        ) from error
    return found
