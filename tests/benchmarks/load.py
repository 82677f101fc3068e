"""A team at work on one server while parts of it die: what is lost, what is doubled, what fails.

gunicorn with several workers on a PostgreSQL of its own (durable, as it comes), people with think
times, each with a ledger of what the site told them. Workers are killed (SIGKILL), PostgreSQL
crashes and recovers once, PostHog is away for a while. Afterwards the ledgers, the database and
what PostHog was sent are compared, entry by entry and event by event.
"""

import http.client
import json
import random
import select
import signal
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import kill
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from tests.benchmarks.figures import Figure
from tests.benchmarks.page import HEADERS, SIGN_IN, TOKEN
from tests.capture import CaptureServer, capture_server, wait_until
from tests.postgresql import DURABLE, MISSING, binaries, cluster
from tests.processes import Site

WORKERS = 4
SEEN_LATE = 2.0  # seconds after a worker's end in which a request that was under way may notice it
RECOVERY = 1.0  # seconds after PostgreSQL's return in which a page may still hold a dead connection
TOLD = 20  # failed requests that no fault explains, written out to look into
SIGNED_OUT = 401  # what the script makes of being led to the sign-in page: nothing was done
LEASE = 60  # seconds for which a killed process still holds the events that it took
STATE = """
import json
from accounts.models import User
from analytics.models import Event
from tracking.models import TimeEntry
entries = TimeEntry.objects.values_list("user__username", "description")
events = Event.objects.values_list("uuid", "event", "distinct_id", "state")
names = {str(pk): name for pk, name in User.objects.values_list("pk", "username")}
told = [(str(uuid), event, names.get(person, ""), state) for uuid, event, person, state in events]
print(json.dumps([list(entries), told]))
"""


class Plan(NamedTuple):
    """Who works for how long, and what happens to them; all in seconds from the beginning."""

    seconds: float
    people: int
    think: tuple[float, float]  # at least and at most, between two pages
    kills: tuple[float, ...]
    crash: float
    silence: tuple[float, float]  # of PostHog: from, to


LONG = Plan(300, 200, (4.0, 20.0), (30, 90, 150, 210, 270), 120, (60, 180))
HARD = Plan(70, 200, (1.0, 5.0), tuple(range(6, 66, 5)), 33, (20, 40))
SHORT = Plan(30, 20, (0.2, 1.5), (6, 22), 13, (4, 18))


class Asked(NamedTuple):
    """A request: when it began and ended, and its status; 0 where the connection broke."""

    what: str
    begin: float
    end: float
    status: int

    @property
    def has_failed(self) -> bool:
        """A form that is shown again with a 200 was not taken: none of the team's is wrong."""
        return self.status != (200 if self.what.startswith("GET") else 302)


class Window(NamedTuple):
    """A time in which requests may be cut, and by which kind of failure."""

    name: str
    begin: float
    over: float  # when the worker was gone, or PostgreSQL there again
    end: float  # until when that may be noticed

    def cuts(self, asked: Asked) -> bool:
        """Whether a failed request was under way then.

        A killed worker cuts connections and answers nothing. For some milliseconds after the
        signal its sockets still take what is sent. While PostgreSQL is away pages say 503.
        """
        if asked.begin > self.end or asked.end < self.begin:
            return False
        if self.name == "worker":
            return asked.status == 0 and asked.begin <= self.over
        return asked.status in (0, 503)


@dataclass
class Worker:
    """Somebody who works: a browser that keeps its connection, and a ledger."""

    name: str
    port: int
    session: str
    plan: Plan
    asked: list[Asked] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)  # descriptions that the site acknowledged
    unknown: set[str] = field(default_factory=set)  # those whose answer was cut

    def work(self, begin: float) -> None:
        """Work until the plan's end."""
        dice = random.Random(self.name)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        number = 0
        time.sleep(dice.uniform(0, self.plan.think[1]))
        while time.monotonic() < begin + self.plan.seconds:
            number += 1
            match dice.choices(("look", "start", "stop", "enter"), (5, 2, 1, 2))[0]:
                case "look":
                    self.ask("GET", dice.choice(("/", "/entries/", "/week/", "/calendar/")))
                case "stop":
                    self.ask("POST", "/timer/stop/", {})
                case "start":
                    self.write("/timer/start/", f"start {self.name} {number}")
                case "enter":
                    self.write("/entries/new/", f"enter {self.name} {number}", time="0:10")
            time.sleep(dice.uniform(*self.plan.think))
        self.connection.close()

    def write(self, path: str, description: str, **more: str) -> None:
        """Send a form, and keep in the ledger what became of it."""
        status = self.ask("POST", path, {"description": description, **more})
        if status == 302:
            self.told[description] += 1
        else:
            self.unknown.add(description)

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> int:
        """One request, never repeated. A connection that the server has closed is opened anew."""
        headers = {**HEADERS, "Cookie": f"csrftoken={TOKEN}; sessionid={self.session}"}
        body = None if form is None else urlencode({**form, "csrfmiddlewaretoken": TOKEN})
        self.hang_up_if_closed()
        begin, status = time.monotonic(), 0
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            answer.read()
            status = answer.status
            if "/accounts/login/" in (answer.headers["Location"] or ""):
                status = SIGNED_OUT
        except (OSError, http.client.HTTPException):
            self.connection.close()
        self.asked.append(Asked(f"{method} {path}", begin, time.monotonic(), status))
        return status

    def hang_up_if_closed(self) -> None:
        """As browsers do: what is readable before anything was asked is the server's goodbye."""
        sock = self.connection.sock
        if sock is None:
            return
        if select.select([sock], [], [], 0)[0]:
            self.connection.close()


@dataclass
class Outcome:
    """What came of it."""

    plan: Plan
    asked: list[Asked]
    windows: list[Window]
    lost_entries: list[str]
    doubled_entries: list[str]
    lost_events: list[str]
    doubled_events: list[str]
    unsaid: list[str]  # acts without their event, and events without their act
    entries: int
    events: int
    sent_again: int

    @property
    def failed(self) -> list[Asked]:
        """Requests without a good answer."""
        return [asked for asked in self.asked if asked.has_failed]

    def cut(self, name: str) -> list[Asked]:
        """Those that were cut by workers' ends, or by PostgreSQL's."""
        windows = [window for window in self.windows if window.name == name]
        return [asked for asked in self.failed if any(each.cuts(asked) for each in windows)]

    @property
    def unexplained(self) -> list[Asked]:
        """Failed requests that no fault of the plan explains."""
        return [
            asked for asked in self.failed if not any(each.cuts(asked) for each in self.windows)
        ]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.asked) / self.plan.seconds

    @property
    def p95(self) -> float:
        """Milliseconds of the answered ones."""
        taken = [asked.end - asked.begin for asked in self.asked if not asked.has_failed]
        return statistics.quantiles(taken, n=20)[-1] * 1000


def workers_of(site: Site) -> list[int]:
    """The processes that serve."""
    assert site.process is not None
    pid = site.process.pid
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def faults(
    plan: Plan, begin: float, site: Site, crash: object, posthog: CaptureServer
) -> Iterator[list[Window]]:
    """Let them happen meanwhile; the list fills with the times in which they may be felt."""
    windows: list[Window] = []
    failures: list[BaseException] = []

    def kill_one() -> None:
        serving = workers_of(site)
        assert len(serving) == WORKERS, serving
        worker = random.Random(len(windows)).choice(serving)
        now = time.monotonic()
        kill(worker, signal.SIGKILL)
        wait_until(lambda: worker not in workers_of(site))
        over = time.monotonic()
        windows.append(Window("worker", now, over, over + SEEN_LATE))

    def crash_database() -> None:
        now = time.monotonic()
        assert callable(crash)
        crash()
        over = time.monotonic()
        windows.append(Window("database", now, over, over + RECOVERY))

    acts = [(at, kill_one) for at in plan.kills]
    acts += [(plan.crash, crash_database)]
    acts += [(plan.silence[0], posthog.stop), (plan.silence[1], posthog.start)]

    def play() -> None:
        try:
            for at, act in sorted(acts, key=lambda each: each[0]):
                time.sleep(max(0.0, begin + at - time.monotonic()))
                act()
        except BaseException as error:  # handed to the thread that waits
            failures.append(error)

    player = threading.Thread(target=play)
    player.start()
    try:
        yield windows
    finally:
        player.join()
    if failures:
        raise failures[0]


def load(plan: Plan) -> Outcome:
    """Play a plan on a site of its own."""
    with (
        capture_server() as posthog,
        cluster(DURABLE) as database,
        tempfile.TemporaryDirectory(prefix="timetracker-load-") as folder,
    ):
        env = {"POSTHOG_API_KEY": "phc", "POSTHOG_HOST": posthog.url}
        env |= {"DATABASE_URL": database.url, "WEB_CONCURRENCY": str(WORKERS)}
        site = Site(Path(folder), env)
        site.prepare()
        sessions = site.run(SIGN_IN.format(clients=plan.people, shares=True)).split()
        site.start()
        try:
            wait_until(lambda: len(workers_of(site)) == WORKERS)
            team = [
                Worker(f"visitor-{number}", site.port, session, plan)
                for number, session in enumerate(sessions)
            ]
            windows = at_work(team, plan, site, database.crash_and_restart, posthog)
            wait_until(lambda: is_quiet(site), 5 * LEASE)
            return compare(plan, team, windows, site, posthog)
        finally:
            site.clear()


def at_work(
    team: list[Worker], plan: Plan, site: Site, crash: object, posthog: CaptureServer
) -> list[Window]:
    """Have the team work through the faults."""
    begin = time.monotonic()
    threads = [threading.Thread(target=worker.work, args=(begin,)) for worker in team]
    with faults(plan, begin, site, crash, posthog) as windows:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return windows


def is_quiet(site: Site) -> bool:
    """Whether no event waits. A pause that PostHog's silence has brought may still last."""
    time.sleep(2)
    code = (
        "from analytics.models import Event as E; print(E.objects.filter(state='waiting').count())"
    )
    return site.run(code) == "0"


def compare(
    plan: Plan, team: list[Worker], windows: list[Window], site: Site, posthog: CaptureServer
) -> Outcome:
    """The ledgers, the database, and what PostHog was sent."""
    entries, events = json.loads(site.run(STATE))
    kept = Counter(description for _name, description in entries)
    told: Counter[str] = sum((worker.told for worker in team), Counter())
    unknown = set().union(*(worker.unknown for worker in team))
    made = Counter((name, description.split()[0]) for name, description in entries)
    said = Counter((person, event) for _uuid, event, person, _state in events)
    words = {"start": "timer.started", "enter": "time_entry.created"}
    acts = {(worker.name, act) for worker in team for act in words}
    recorded = Counter(uuid for uuid, *_rest in events)
    arrived = Counter(event["uuid"] for event in posthog.events)
    return Outcome(
        plan=plan,
        asked=[asked for worker in team for asked in worker.asked],
        windows=windows,
        lost_entries=[each for each in told if not kept[each]],
        doubled_entries=[
            each for each in kept if kept[each] > 1 or each not in (told.keys() | unknown)
        ],
        lost_events=[uuid for uuid in recorded if uuid not in arrived],
        doubled_events=[uuid for uuid in arrived if recorded[uuid] != 1],
        unsaid=[f"{name} {act}" for name, act in acts if made[name, act] != said[name, words[act]]],
        entries=len(entries),
        events=len(events),
        sent_again=sum(arrived.values()) - len(arrived),
    )


def figures_of(outcome: Outcome) -> list[Figure]:
    """The table of a run."""
    plan = outcome.plan
    who = f"{plan.people} people, {plan.seconds:.0f} s"
    cut = ", ".join(
        f"{len(outcome.cut(name))} by {what}"
        for name, what in (("worker", "killed workers"), ("database", "PostgreSQL's crash"))
    )
    wrong = [outcome.lost_entries, outcome.doubled_entries]
    amiss = [outcome.lost_events, outcome.doubled_events, outcome.unsaid]
    return [
        Figure(f"requests a second ({who})", [outcome.rate], f"{len(outcome.asked):,} requests"),
        Figure("p95 of an answer (ms)", [outcome.p95], "pages and forms together"),
        Figure(
            "failed requests that no fault explains",
            [float(len(outcome.unexplained))],
            f"besides, cut: {cut}",
            "<= 0",
        ),
        Figure(
            "entries lost or doubled",
            [float(sum(map(len, wrong)))],
            f"{outcome.entries:,} entries",
            "<= 0",
        ),
        Figure(
            "events lost, doubled, or without their act",
            [float(sum(map(len, amiss)))],
            f"{outcome.events:,} events, {outcome.sent_again} sent again under the same uuid",
            "<= 0",
        ),
    ]


def figures() -> list[Figure]:
    """Five minutes of two hundred people."""
    if binaries() is None:
        raise SystemExit(MISSING)
    outcome = load(LONG)
    assert len(outcome.windows) == len(LONG.kills) + 1, outcome.windows
    for asked in outcome.unexplained[:TOLD]:
        print(f"not explained: {asked}, in {outcome.windows}")
    return figures_of(outcome)


if __name__ == "__main__":
    result = load(HARD)
    for figure in figures_of(result):
        print(figure.row, end="")
    print(result.windows, result.unexplained, sep="\n")
    print("lost", result.lost_entries, "doubled", result.doubled_entries, sep="\n")
