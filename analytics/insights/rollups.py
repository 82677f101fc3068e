"""Counts the log day by day, so that insights need not read it: each event once, by its id.

Ids go up with the inserts, whatever a clock says and however late an event is delivered. What was
counted outlives the purge of its events, and goes with what is withdrawn or erased.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta, tzinfo
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from django.db import router, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from analytics import insights
from analytics.insights import Of
from analytics.models import CountedDay, CountedKind, Counting, DailyCount, Event

KEEP = timedelta(days=731)  # counts, whatever becomes of their events
GAP = 24 * 3600  # seconds for which a transaction may be open and its events still be counted
CHUNK = 1000  # events, or counts, that one transaction is about: others wait for it
AT_ONCE = 100  # gaps that a query names
COLUMNS = ("id", "event", "distinct_id", "timestamp", "properties")
Row = tuple[int, str, str, datetime, dict[str, Any]]


class Key(NamedTuple):
    """What is counted apart."""

    event: str
    properties: str
    day: date
    distinct_id: str


# --- what is asked for -------------------------------------------------------------------------


def needed() -> dict[str, set[str]]:
    """By event: the properties of events that insights break down or filter by."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for insight in insights.insights.values():
        for series in insight.series:
            asked = [*insight.breakdowns, *(one.property for one in series.filters)]
            event = CountedKind.ANY if series.event is None else series.event
            found[event].update(one.name for one in asked if one.of is Of.EVENT)
    for cohort in insights.cohorts.values():
        if cohort.performed:
            found[cohort.performed.event].update()
    return dict(found)


def _wanted(counting: Counting) -> dict[str, list[str]]:
    """What is counted, and what is to be from now on: once asked for, always asked for.

    So two versions of a site that run side by side, with different insights, do not undo each
    other's counts.
    """
    both = {event: {*names} for event, names in counting.wanted.items()}
    for event, names in needed().items():
        both[event] = both.get(event, set()) | names
    return {event: sorted(names) for event, names in sorted(both.items())}


# --- counting ----------------------------------------------------------------------------------


def catch_up(seconds: float, stop: threading.Event | None = None) -> bool:
    """Count what has not been counted, for so many seconds or until `stop` is set.

    Returns whether nothing is left. Any number may do it at once; each event is counted once.
    """
    end = time.monotonic() + seconds
    while not (stop and stop.is_set()):
        if _step():
            return True
        if time.monotonic() >= end:
            return False
    return False


def _step() -> bool:
    """Count a chunk of events, or prepare to; returns whether nothing is left."""
    counting = Counting.load()
    wanted = _wanted(counting)
    if counting.clearing:
        _clear(counting)
        return False
    if wanted != counting.wanted:
        _want(counting, wanted)
        return False
    # Read outside of the transaction that keeps others from writing.
    late = _late(counting.gaps)
    new = list(rows(Event.objects.filter(id__gt=counting.last_id).order_by("id"))[:CHUNK])
    if not new and not late:
        return True
    return _keep(counting, late, new) and len(new) < CHUNK


def rows(events: QuerySet[Event]) -> QuerySet[Event, Any]:
    """What counting reads of events."""
    return events.values_list(*COLUMNS)


def _late(gaps: list[list[int]]) -> list[Row]:
    """Events that could not be seen when those around them were counted."""
    found: list[Row] = []
    for start in range(0, len(gaps), AT_ONCE):
        ranges = [Q(id__range=gap[:2]) for gap in gaps[start : start + AT_ONCE]]
        found += rows(Event.objects.filter(reduce(or_, ranges)))[: CHUNK - len(found)]
        if len(found) == CHUNK:
            break
    return found


def _keep(counting: Counting, late: list[Row], new: list[Row]) -> bool:
    """Add the counts of these events, unless somebody has counted or withdrawn any meanwhile."""
    counts = tally(counting.wanted, _uncounted(counting, [*late, *new]))
    last_id = new[-1][0] if new else counting.last_id
    fresh = missing(counting.last_id, last_id, (row[0] for row in new))
    old = _still_missing(counting.gaps, sorted(row[0] for row in late))
    with transaction.atomic():
        if not _change(counting, last_id=last_id, gaps=old + fresh):
            return False
        _add(counts)
        _note_days((row[3], row[0]) for row in (*late, *new))
    return len(late) < CHUNK


def _uncounted(counting: Counting, some: Iterable[Row]) -> Iterator[Row]:
    """Without those that were counted before counting began anew, and are not to be again."""
    for row in some:
        before = counting.recounted_from and local_day(row[3]) < counting.recounted_from
        if not (before and row[0] <= counting.recounted_id):
            yield row


def _change(counting: Counting, **fields: Any) -> bool:
    """Change the row, if nobody has since it was read."""
    same = Counting.objects.filter(pk=counting.pk, revision=counting.revision)
    return same.update(revision=F("revision") + 1, **fields) == 1


def missing(after: int, until: int, seen: Iterable[int]) -> list[list[int]]:
    """The gaps among ids that go up: `[first, last, now in seconds]`, of `after < id <= until`."""
    now, gaps, last = int(time.time()), [], after
    for one in (*seen, until + 1):
        if one > last + 1:
            gaps.append([last + 1, one - 1, now])
        last = one
    return gaps


def _still_missing(gaps: list[list[int]], seen: list[int]) -> list[list[int]]:
    """What is left of gaps: without the ids that came, and without those that never will."""
    left = []
    for first, last, since in gaps:
        if time.time() - since < GAP:
            came = [one for one in seen if first <= one <= last]
            left += [[*gap[:2], since] for gap in missing(first - 1, last, came)]
    return left


def tally(wanted: Mapping[str, Iterable[str]], some: Iterable[Row]) -> Counter[Key]:
    """Count events by what is `wanted` of each name: the properties that are told apart."""
    zone, counts = timezone.get_default_timezone(), Counter[Key]()
    names = {name: sorted(properties) for name, properties in wanted.items()}
    for _id, event, distinct_id, moment, properties in some:
        day = local_day(moment, zone)
        for name in kinds_of(event):
            if name in names:
                counts[Key(name, told_apart(properties, names[name]), day, distinct_id)] += 1
    return counts


def kinds_of(event: str) -> tuple[str, ...]:
    """The names under which an event counts: PostHog's own (`$set`, …) are no activity."""
    return (event,) if event.startswith("$") else (event, CountedKind.ANY)


def told_apart(properties: Mapping[str, Any], names: Iterable[str]) -> str:
    """Of these properties those that there are, as canonical JSON; `names` are sorted."""
    found = {name: properties[name] for name in names if properties.get(name) is not None}
    return json.dumps(found, separators=(",", ":"), sort_keys=True) if found else "{}"


def local_day(moment: datetime, zone: tzinfo | None = None) -> date:
    """The day of a moment in `settings.TIME_ZONE`."""
    return moment.astimezone(zone or timezone.get_default_timezone()).date()


def _add(counts: Mapping[Key, int]) -> None:
    """Add to what has been counted, in the caller's transaction."""
    ids = _kind_ids({(key.event, key.properties) for key in counts})
    values = sorted(
        (ids[key.event, key.properties], key.day, key.distinct_id, number)
        for key, number in counts.items()
    )
    connection = transaction.get_connection(router.db_for_write(DailyCount))
    table = connection.ops.quote_name(DailyCount._meta.db_table)
    prepare = connection.ops.adapt_datefield_value
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} (kind_id, day, distinct_id, count)"  # noqa: S608 - a table's name
            " VALUES (%s, %s, %s, %s) ON CONFLICT (kind_id, day, distinct_id)"
            f" DO UPDATE SET count = {table}.count + excluded.count",
            [(kind, prepare(day), person, number) for kind, day, person, number in values],
        )


def _kind_ids(kinds: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The ids of kinds, which are made where there are none."""
    known = {(one.event, one.properties): one.pk for one in CountedKind.objects.all()}
    for event, properties in sorted(kinds - known.keys()):
        made = CountedKind.objects.create(event=event, properties=properties)
        known[event, properties] = made.pk
    return known


def _note_days(seen: Iterable[tuple[datetime, int]]) -> None:
    """Keep the first id of each day, in the caller's transaction."""
    zone, first = timezone.get_default_timezone(), dict[date, int]()
    for moment, number in seen:
        day = local_day(moment, zone)
        first[day] = min(number, first.get(day, number))
    known = CountedDay.objects.in_bulk([*first])
    for day, number in first.items():
        if day not in known or number < known[day].first_id:
            CountedDay.objects.update_or_create(day=day, defaults={"first_id": number})


def percentage() -> int:
    """How much of the log is counted, roughly, by its ids."""
    newest = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0
    return 100 if newest == 0 else min(100 * Counting.load().last_id // newest, 99)


# --- counting anew, where insights ask for more ------------------------------------------------


def _want(counting: Counting, wanted: dict[str, list[str]]) -> None:
    """From now on tell these properties apart; what has been counted without them goes first."""
    _change(counting, wanted=wanted, clearing=counting.last_id > 0)


def _clear(counting: Counting) -> None:
    """Delete a chunk of the counts of days whose events are all there, or begin with them anew."""
    first = counting.whole_from or date.min
    if _delete(_of_all_kinds().filter(day__gte=first)):
        return
    with transaction.atomic():
        begun = _change(
            counting,
            clearing=False,
            last_id=0,
            gaps=[],
            recounted_from=first,
            recounted_id=max(counting.last_id, counting.recounted_id),
        )
        if begun:
            CountedDay.objects.filter(day__gte=first).delete()


def _of_all_kinds() -> QuerySet[DailyCount]:
    """All counts, so that the index finds those of a day: it is by kind first."""
    return DailyCount.objects.filter(kind__in=CountedKind.objects.values("pk"))


def _delete(counts: QuerySet[DailyCount]) -> int:
    """Delete a chunk of them; returns how many."""
    return DailyCount.objects.filter(pk__in=counts.values("pk")[:CHUNK]).delete()[0]


# --- what goes ---------------------------------------------------------------------------------


def about_to_purge(before: datetime) -> bool:
    """Note that events settled before a moment go: their days are not to be counted anew.

    Returns whether they may: not while they are being counted anew.
    """
    whole_from = local_day(before) + timedelta(days=1)
    counted = Counting.objects.filter(clearing=False, last_id__gte=F("recounted_id"))
    earlier = counted.filter(Q(whole_from=None) | Q(whole_from__lt=whole_from))
    earlier.update(whole_from=whole_from, revision=F("revision") + 1)
    return counted.filter(whole_from__gte=whole_from).exists()


def purge(stop: threading.Event, pause: float) -> None:
    """Delete counts that are older than `KEEP`, a chunk at a time."""
    first = local_day(timezone.now()) - KEEP
    CountedDay.objects.filter(day__lt=first).delete()
    while _delete(_of_all_kinds().filter(day__lt=first)) == CHUNK and not stop.wait(pause):
        pass


def withdraw(events: QuerySet[Event]) -> None:
    """Take back the counts of events, in the transaction that then deletes them.

    For those that are deleted as if they had never been; purged ones stay counted.
    """
    with transaction.atomic():
        counting = Counting.load(for_update=True)
        _change(counting)
        some = [row for row in rows(events) if _is_counted(counting, row[0])]
        kinds = _kind_ids(set())
        for key, number in tally(counting.wanted, _uncounted(counting, some)).items():
            same = DailyCount.objects.filter(
                kind=kinds.get((key.event, key.properties)),
                day=key.day,
                distinct_id=key.distinct_id,
            )
            same.filter(count__lte=number).delete()
            same.update(count=F("count") - number)


def _is_counted(counting: Counting, number: int) -> bool:
    gaps = ((first, last) for first, last, _since in counting.gaps)
    return number <= counting.last_id and not any(first <= number <= last for first, last in gaps)


def forget(distinct_id: str) -> int:
    """Delete all counts of a person, in the transaction that deletes their events (or after it).

    Returns how many rows went.
    """
    with transaction.atomic():
        _change(Counting.load(for_update=True))
        return DailyCount.objects.filter(distinct_id=distinct_id).delete()[0]
