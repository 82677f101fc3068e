"""PostHog's management API for tests: real HTTP on loopback, with state, and PostHog's own words.

It plays what PostHog's sources do (`posthog/api`): dashboards, insights, cohorts and persons. It is
stricter in one thing: a key that it does not know is refused, where PostHog would pass it over.
"""

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.capture import Listener

KEY, PROJECT = "phx_the_key_of_the_tests", "42"
WRITABLE = {
    "dashboards": {"name", "description", "pinned", "tags", "deleted"},
    "insights": {"name", "description", "query", "saved", "dashboards", "tags", "deleted"},
    "cohorts": {"name", "description", "filters", "is_static", "deleted"},
}
SCOPES = {kind: kind.removesuffix("s") for kind in (*WRITABLE, "persons")}
# Of cohorts' conditions PostHog itself refuses keys that it does not know.
CONDITION = {"type", "key", "value", "operator", "negation"}
CONDITIONS = {
    "person": CONDITION,
    "behavioral": CONDITION | {"event_type", "time_value", "time_interval", "explicit_datetime"},
    "AND": {"type", "values"},
    "OR": {"type", "values"},
}
BULK = {"ids", "distinct_ids", "delete_events", "delete_recordings", "keep_person"}

Answer = tuple[int, dict[str, str], Any]  # status, headers, JSON; None is an empty body


@dataclass
class Call:
    """A request as it came, and the status that it got."""

    method: str
    path: str  # below the project, such as insights/7/
    query: dict[str, str]
    body: dict[str, Any]
    status: int = 0

    @property
    def writes(self) -> bool:
        return self.method != "GET"


@dataclass
class Person:
    """A person as PostHog knows them."""

    distinct_ids: list[str]
    properties: dict[str, Any] = field(default_factory=dict)
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, kind: str, code: str, detail: str, attr: str | None = None):
        self.answer = error(status, kind, code, detail, attr)


class PostHogApi(Listener):
    """Listens on loopback for one project and one key.

    `before` may answer in place of it (a fault); what it does is then not done. Where `loses` is
    true of a call, the call is done and the connection closed without an answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, dict[int, dict[str, Any]]] = {kind: {} for kind in WRITABLE}
        self.persons: list[Person] = []
        self.event_deletions: list[str] = []  # uuids of persons whose events are to go
        self.scopes = {f"{name}:{right}" for name in SCOPES.values() for right in ("read", "write")}
        self.calls: list[Call] = []
        self.connections = 0
        self.longest_page = 100
        self.before: Callable[[Call], Answer | None] = lambda _call: None
        self.loses: Callable[[Call], bool] = lambda _call: False
        self._lock = threading.RLock()
        self._number = 100

    # --- for tests ---

    @property
    def settings(self) -> dict[str, str]:
        """What `ANALYTICS` needs to reach it."""
        return {
            "POSTHOG_HOST": self.url,
            "POSTHOG_PERSONAL_API_KEY": KEY,
            "POSTHOG_PROJECT_ID": PROJECT,
        }

    @property
    def writes(self) -> list[Call]:
        """The calls that were to change something."""
        return [call for call in self.calls if call.writes]

    def named(self, kind: str, name: str) -> list[dict[str, Any]]:
        """All objects of a kind and name that are not deleted."""
        every = self.objects[kind].values()
        return [one for one in every if one["name"] == name and not one["deleted"]]

    def by_hand(self, kind: str, **values: Any) -> dict[str, Any]:
        """Put an object there, as a person would in PostHog's pages."""
        return self._create(kind, values)

    def add_person(self, *distinct_ids: str, **properties: Any) -> Person:
        """Put a person there."""
        self.persons.append(person := Person(list(distinct_ids), properties))
        return person

    # --- what PostHog does ---

    def answer(self, call: Call, key: str | None) -> Answer:
        """What a request gets."""
        try:
            if (fault := self.before(call)) is not None:
                return fault
            self._let_in(call, key)
            kind, _, rest = call.path.partition("/")
            if kind == "persons":
                return self._persons(call, rest.strip("/"))
            if kind in WRITABLE:
                return self._objects(call, kind, rest.strip("/"))
            raise not_found()
        except RefusedError as refused:
            return refused.answer

    def _let_in(self, call: Call, key: str | None) -> None:
        if key is None:
            words = "Authentication credentials were not provided."
            raise RefusedError(401, "authentication_error", "not_authenticated", words)
        if key != KEY:
            words = "Personal API key found in request Authorization header is invalid."
            raise RefusedError(401, "authentication_error", "authentication_failed", words)
        scope = f"{SCOPES.get(call.path.partition('/')[0])}:{'write' if call.writes else 'read'}"
        if scope not in self.scopes and scope.replace("read", "write") not in self.scopes:
            words = f"API key missing required scope '{scope}'"
            raise RefusedError(403, "authentication_error", "permission_denied", words)

    def _objects(self, call: Call, kind: str, number: str) -> Answer:
        if not number:
            if call.method == "GET":
                return 200, {}, self._page(call, kind, self._listed(call, kind))
            if call.method == "POST":
                return 201, {}, self._create(kind, call.body)
        elif number.isdigit() and int(number) in self.objects[kind]:
            one = self.objects[kind][int(number)]
            if one["deleted"] and call.body.get("deleted") is not False:
                raise not_found()
            if call.method == "GET":
                return 200, {}, one
            if call.method == "PATCH":
                one |= self._checked(kind, call.body)
                return 200, {}, one
            if call.method == "DELETE":
                words = "Hard delete of this model is not allowed. Use a patch API call to set"
                raise RefusedError(
                    405, "invalid_request", "method_not_allowed", f'{words} "deleted" to true'
                )
        raise not_found()

    def _listed(self, call: Call, kind: str) -> list[dict[str, Any]]:
        there = [one for one in self.objects[kind].values() if not one["deleted"]]
        if kind == "insights" and call.query.get("saved") == "true":
            there = [one for one in there if one["saved"]]
        return there[::-1]  # the newest first

    def _create(self, kind: str, values: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self._number += 1
            one: dict[str, Any] = {"id": self._number, "name": None}
            one |= {"description": "", "deleted": False}
            if kind == "insights":
                one |= {"short_id": f"s{self._number}", "saved": False, "dashboards": []}
                one |= {"query": None}
            if kind == "cohorts":
                one |= {"is_static": False, "filters": {}, "groups": [], "is_calculating": True}
            else:
                one |= {"tags": []}
            self.objects[kind][self._number] = one | self._checked(kind, values)
            return self.objects[kind][self._number]

    def _checked(self, kind: str, values: dict[str, Any]) -> dict[str, Any]:
        """The values as PostHog keeps them, or a refusal."""
        for key in values:
            if key not in WRITABLE[kind]:
                raise invalid(key, f"Unknown field: {key}.")
        if len(values.get("name") or "") > 400:
            raise invalid("name", "Ensure this field has no more than 400 characters.")
        for number in values.get("dashboards", []):
            if self.objects["dashboards"].get(number, {"deleted": True})["deleted"]:
                words = f'Invalid pk "{number}" - object does not exist.'
                raise invalid("dashboards", words, "does_not_exist")
        kept = json.loads(json.dumps(values))
        kept.pop("tags", None)  # of a plan that has none: dropped without a word
        if kept.get("query"):
            kept["query"] = with_versions(kept["query"])
        if kept.get("filters"):
            check_condition(kept["filters"]["properties"])
            kept["filters"] = with_bytecode(kept["filters"])
        return dict(kept)

    def _persons(self, call: Call, rest: str) -> Answer:
        if not rest and call.method == "GET":
            wanted = call.query.get("distinct_id")
            found = [one for one in self.persons if wanted in (None, *one.distinct_ids)]
            return 200, {}, self._page(call, "persons", [vars(one) for one in found])
        if rest == "bulk_delete" and call.method == "POST":
            return 202, {}, self._bulk_delete(call.body)
        if call.method == "DELETE":
            found = [one for one in self.persons if one.uuid == rest]
            if not found:
                raise not_found("Person not found.")
            self._delete(found, "delete_events" in call.query, "keep_person" in call.query)
            return 202, {}, None
        raise not_found()

    def _bulk_delete(self, body: dict[str, Any]) -> dict[str, Any]:
        for key in body:
            if key not in BULK:
                raise invalid(key, f"Unknown field: {key}.")
        ids, distinct_ids = body.get("ids"), body.get("distinct_ids")
        if ids and distinct_ids:
            raise invalid(None, "You must provide either distinct_ids or ids, not both")
        for name, given in (("distinct_ids", distinct_ids), ("ids", ids)):
            if given and len(given) > 1000:
                raise invalid(None, f"You can only pass 1000 {name} in one call")
        if not ids and not distinct_ids:
            raise invalid(None, "You need to specify either distinct_ids or ids")
        found = [
            one
            for one in self.persons
            if one.uuid in (ids or ()) or {*one.distinct_ids} & {*(distinct_ids or ())}
        ]
        events, keep = bool(body.get("delete_events")), bool(body.get("keep_person"))
        self._delete(found, events, keep)
        return {
            "persons_found": len(found),
            "persons_deleted": 0,  # PostHog does it later, in a task
            "persons_queued_for_deletion": 0 if keep else len(found),
            "events_queued_for_deletion": events and bool(found),
            "recordings_queued_for_deletion": bool(body.get("delete_recordings")) and bool(found),
            "deletion_errors": [],
        }

    def _delete(self, found: list[Person], events: bool, keep: bool) -> None:
        if events:
            self.event_deletions += [one.uuid for one in found]
        if not keep:
            self.persons = [one for one in self.persons if one not in found]

    def _page(self, call: Call, kind: str, every: list[dict[str, Any]]) -> dict[str, Any]:
        limit = min(int(call.query.get("limit", 100)), self.longest_page)
        offset = int(call.query.get("offset", 0))
        address = f"{self.url}/api/projects/{PROJECT}/{kind}/?limit={limit}&offset="
        return {
            "count": len(every),
            "next": f"{address}{offset + limit}" if offset + limit < len(every) else None,
            "previous": f"{address}{max(offset - limit, 0)}" if offset else None,
            "results": every[offset : offset + limit],
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def setup(self) -> None:
                api.connections += 1
                super().setup()

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                query = {name: values[-1] for name, values in parse_qs(url.query, True).items()}
                project = re.fullmatch(r"/api/projects/(\w+)/(.*)", url.path)
                path = project[2] if project else url.path
                call = Call(self.command, path, query, json.loads(body) if body else {})
                key = re.fullmatch("Bearer (.+)", self.headers.get("Authorization", ""))
                with api._lock:
                    if project is None or project[1] != PROJECT:
                        answer = not_found("Project not found.").answer
                    else:
                        answer = api.answer(call, key and key[1])
                    call.status = answer[0]
                    api.calls.append(call)
                if not api.loses(call):
                    self._send(*answer)

            def do_POST(self) -> None:
                self.do_GET()

            def do_PATCH(self) -> None:
                self.do_GET()

            def do_DELETE(self) -> None:
                self.do_GET()

            def _send(self, status: int, headers: dict[str, str], body: Any) -> None:
                content = b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                headers = {"Content-Type": "application/json", **headers}
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        return Handler


# --- faults ---


def throttled(times: int, seconds: int = 0) -> Callable[[Call], Answer | None]:
    """For `before`: the next calls are too many, in PostHog's words."""
    words = f"Request was throttled. Expected available in {seconds} seconds."
    answer = error(429, "throttled_error", "throttled", words)
    return the_next(times, (429, {"Retry-After": str(seconds)}, answer[2]))


def broken(times: int = 1_000_000, after: int = 0) -> Callable[[Call], Answer | None]:
    """For `before`: after some writes that succeed, calls that write get a 500."""
    answer = error(500, "server_error", "error", "A server error occurred.")
    return the_next(times, answer, after, only_writes=True)


def the_next(
    times: int, answer: Answer, after: int = 0, only_writes: bool = False
) -> Callable[[Call], Answer | None]:
    """For `before`: this answer, some times, after some calls that are let through."""
    seen = iter(range(after + times))

    def before(call: Call) -> Answer | None:
        if only_writes and not call.writes:
            return None
        return answer if next(seen, -1) >= after else None

    return before


def error(status: int, kind: str, code: str, detail: str, attr: str | None = None) -> Answer:
    """An error as PostHog writes it."""
    return status, {}, {"type": kind, "code": code, "detail": detail, "attr": attr}


def check_condition(node: dict[str, Any]) -> None:
    """A group of a cohort's conditions, or one; a refusal where it has keys that are not known."""
    for key in node.keys() - CONDITIONS.get(node.get("type", ""), set()):
        words = f"Must have a 'properties' key with type and values: {key}: extra_forbidden"
        raise invalid("filters", words)
    for one in node.get("values", []):
        check_condition(one)


def invalid(attr: str | None, detail: str, code: str = "invalid_input") -> RefusedError:
    return RefusedError(400, "validation_error", code, detail, attr)


def not_found(detail: str = "Not found.") -> RefusedError:
    return RefusedError(404, "invalid_request", "not_found", detail)


# --- what PostHog adds to what it is given ---


def with_versions(node: Any) -> Any:
    """A query as PostHog keeps it: each node gets the version of its schema, and empty keys."""
    if isinstance(node, list):
        return [with_versions(one) for one in node]
    if not isinstance(node, dict):
        return node
    more = {"version": 2, "response": None} if "kind" in node else {}
    return more | {key: with_versions(value) for key, value in node.items()}


def with_bytecode(node: Any) -> Any:
    """A cohort's filters as PostHog keeps them: each condition is compiled."""
    if isinstance(node, list):
        return [with_bytecode(one) for one in node]
    if not isinstance(node, dict):
        return node
    more = {"bytecode": ["_H", 1], "conditionHash": "0123456789abcdef"} if "key" in node else {}
    return {key: with_bytecode(value) for key, value in node.items()} | more


@contextmanager
def posthog_api() -> Iterator[PostHogApi]:
    """A running API, stopped at the end."""
    api = PostHogApi()
    api.start()
    try:
        yield api
    finally:
        api.stop()
