"""The site under attack: every address of it, by outsiders and by people of it."""

import logging
import re
import time
from datetime import datetime
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.db import models, transaction
from django.test import Client

from accounts.logs import DiscreetFormatter
from accounts.models import User
from tests.timetracker.answers import TABLE
from tests.timetracker.test_urls import everything, made_once, world  # noqa: F401 - fixtures
from timetracker.probes import PROBES
from tracking.models import TimeEntry

PEOPLE = ("owner", "manager", "admin")
OURS = [row for row in TABLE if not row.route.startswith("admin/") and "oidc" not in row.route]


def ask(world, person, method, row, data=None, **headers):
    """What one of the five gets; nothing of it stays."""
    browser = world.browsers[person]
    cookies = SimpleCookie(browser.cookies)
    with transaction.atomic():
        address = world.address(row)
        if method == "get":
            address = address.partition("?")[0]
        browser.raise_request_exception = False
        response = getattr(browser, method)(address, data or {}, headers=headers)
        if response.streaming:
            response = list(response) and response
        transaction.set_rollback(True)
    browser.cookies = cookies
    return response


# --- forms of other sites ----------------------------------------------------------------------


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.route or "/")
def test_no_post_is_taken_without_a_token(world, row):
    for person in PEOPLE:
        browser = Client(enforce_csrf_checks=True)
        browser.cookies = SimpleCookie(world.browsers[person].cookies)
        data = {world.fill(name): world.fill(value) for name, value in row.data.items()}

        response = browser.post(world.address(row), data)

        assert response.status_code == (405 if row.route in PROBES else 403), person
    assert everything() == world.before


# --- what people wrote -------------------------------------------------------------------------

PAYLOAD = "\"'></script><xss>"
KEPT = ("password", "time_zone", "color", "currency", "query", "session_key", "signup_method")


def write_it_everywhere():
    """The payload into every text column of the site's that anybody may write into."""
    written = set()
    for model in apps.get_models():
        if model._meta.app_label in ("sessions", "contenttypes"):
            continue
        for field in model._meta.fields:
            text = isinstance(field, models.CharField | models.TextField)
            if not text or field.choices or field.name in KEPT:
                continue
            for number, row in enumerate(model._base_manager.all()):
                value = f"{PAYLOAD}{number}"[-field.max_length :] if field.max_length else PAYLOAD
                model._base_manager.filter(pk=row.pk).update(**{field.name: value})
                written.add(f"{model._meta.label}.{field.name}")
    return written


class Looker(HTMLParser):
    """Finds what a text made of the page that it stands in."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "xss":
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            if not re.fullmatch(r"[\w:.@-]+", name) or re.match(r"on\w", name):
                self.found.append(f"{tag} {name}")
            if name in ("href", "src", "action", "formaction") and not goes_nowhere_else(value):
                self.found.append(f"{tag} {name}={value}")


def goes_nowhere_else(address):
    """Whether an address stays on the site (or names a project this one is made from)."""
    parts = urlsplit((address or "").strip())
    return parts.scheme in ("", "http", "https", "data", "mailto") and "evil" not in parts.netloc


def check(response):
    assert response.status_code < 500, response.request["PATH_INFO"]
    assert "Forged" not in response.headers
    place = urlsplit(response.headers.get("Location", ""))
    assert place.netloc in ("", "testserver"), place
    for name in ("HX-Redirect", "HX-Location", "HX-Push-Url", "Refresh"):
        assert "evil" not in urlsplit(response.headers.get(name, "")).netloc
    kind = response.headers.get("Content-Type", "")
    if kind.startswith("text/html") and not response.streaming:
        assert Looker(response.content.decode()).found == []


def test_what_people_wrote_is_text_on_every_page(world):
    written = write_it_everywhere()

    assert {"accounts.User.username", "accounts.User.first_name"} <= written
    assert {"tracking.TimeEntry.description", "tracking.Tag.name", "tracking.Task.name"} <= written
    assert {"tracking.SavedReport.name", "tracking.Import.file_name"} <= written
    seen = 0
    for row in (row for row in TABLE if "oidc" not in row.route):  # no provider answers
        for person in PEOPLE:
            browser = world.browsers[person]
            response = browser.get(world.address(row))
            check(response)
            if not response.streaming:
                seen += response.content.decode().count("&lt;xss&gt;")
    assert seen > 100


@pytest.mark.slow
def test_what_people_write_is_text_on_the_page_that_answers(world):
    for row in OURS:
        if not row.post:
            continue
        texts = ("description", "name", "tags", "email", "q", "new_client", "time", "day", "query")
        data = {world.fill(name): world.fill(value) for name, value in row.data.items()}
        for name in {*texts, *data}:
            for headers in ({}, {"HX-Request": "true"}):
                given = {**data, name: PAYLOAD}
                check(ask(world, "admin", "post", row, given, **headers))


def test_a_page_that_errs_would_be_seen():
    assert Looker(f'<a title="{PAYLOAD}">').found
    assert Looker(f"<script>const said = '{PAYLOAD}'</script>").found
    assert Looker('<a href="javascript:alert(1)">').found
    assert Looker("<b onclick=x>").found
    assert Looker('<a href="//evil.example/">').found


# --- what no form would send -------------------------------------------------------------------

NAMES = (
    *("q", "next", "page", "person", "day", "range", "since", "until", "by", "then", "client"),
    *("project", "task", "tag", "billable", "rounding", "minutes", "text", "view", "order"),
    *("state", "archived", "at", "version", "start", "end", "duration", "time", "description"),
    *("tags", "name", "amount", "entry", "action", "query", "replace", "row", "part", "minute"),
    *("seen", "login", "email", "username", "week_start", "password", "language", "theme"),
    *("hours_24", "color", "own_color", "currency", "budget", "members", "hours", "reason"),
    *("open", "o", "p", "e"),
)
EVIL = [
    *("-1", "0", "9" * 30, "9" * 5000, "1e309", "NaN", "Infinity", "²", "١٢:٣٠", "𝟘", "None"),
    *("0001-01-01", "9999-12-31", "10000-01-01", "2026-02-30", "0000-00-00", "0000-01-01"),
    *("\x00", "\r\nForged: yes", "%", "%00", "\u202e", "\ufeff", "../../etc/passwd", "{{ 7*7 }}"),
    *("x" * 20_000, "(" * 20_000, "1:" * 10_000, "9" * 20_000, " " * 20_000 + "x", "a," * 10_000),
    *("1" + " " * 10_000 + "h", "-" * 20_000, "1.1" * 5_000, "@" * 20_000, "\\" * 20_000),
    *("https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "///evil"),
    *("javascript:alert(1)", "\thttps://evil.example", "https:evil.example", "/\t/evil.example"),
    *("00000000-0000-0000-0000-000000000000", "' OR 1=1 --", "[]", "[" * 5_000, PAYLOAD),
]


def quickly(ask, *arguments, **headers):
    """Ask and check; no input may keep a processor busy."""
    begin = time.process_time()
    response = ask(*arguments, **headers)
    taken = time.process_time() - begin
    check(response)
    assert taken < 2, f"{taken:.1f} s of processor time"


@pytest.mark.slow
@pytest.mark.parametrize("value", EVIL, ids=lambda value: repr(value)[:20] + str(len(value)))
def test_no_input_breaks_a_page_or_leads_away_or_takes_long(world, value, caplog):
    caplog.set_level(logging.CRITICAL)
    for row in OURS:
        quickly(ask, world, "admin", "get", row, dict.fromkeys(NAMES, value))
        if row.post:
            quickly(ask, world, "admin", "post", row, dict.fromkeys(NAMES, value))
            htmx = {"HX-Request": "true", "HX-Current-URL": "http://testserver/entries/"}
            given = {world.fill(name): world.fill(text) for name, text in row.data.items()}
            for name in given or ("next",):
                quickly(ask, world, "admin", "post", row, {**given, name: value}, **htmx)


@pytest.mark.slow
@pytest.mark.parametrize("value", EVIL, ids=lambda value: repr(value)[:20] + str(len(value)))
@pytest.mark.parametrize("name", ["reports/", "entries/", "exports/report.csv", "calendar/"])
def test_no_filter_breaks_a_page_or_takes_long(world, name, value):
    row = next(row for row in TABLE if row.route == name)
    for field in NAMES[:24]:
        quickly(ask, world, "admin", "get", row, {"range": "dates", field: value})


@pytest.mark.parametrize(
    "path", ["/week/9999-12-31/", "/week/0001-01-01/", "/calendar/?day=9999-12-31", "/week/x/"]
)
def test_no_day_of_an_address_is_too_far(world, path):
    assert world.browsers["owner"].get(path).status_code in (200, 302, 404)


@pytest.mark.parametrize("header", ["HX-Current-URL", "Referer", "Accept-Language", "User-Agent"])
@pytest.mark.parametrize(
    "value", ["https://evil.example/", "http://[", "x" * 8000, "\\", "é", PAYLOAD]
)
def test_no_header_leads_away(world, header, value):
    headers = {"HX-Request": "true", header: value}
    routes = ("", "timer/start/", "timer/stop/", "entries/", "entries/new/", "week/copy/")
    for row in OURS:
        if row.route in routes:
            for person in ("stranger", "owner"):
                data = {world.fill(k): world.fill(v) for k, v in row.data.items()}
                check(ask(world, person, "post", row, data, **headers))
                check(ask(world, person, "get", row, **headers))


# --- what is not theirs ------------------------------------------------------------------------


def forms_of_other(world):
    """The forms that name work, as charlie may send them for time of his own."""
    day = world.fill("{day_before}")
    work = {"project": world.fill("{project}"), "task": world.fill("{task}")}
    span = {"day": day, "start": "9:00", "end": "10:00", "duration": "1:00", "version": "1"}
    own = TimeEntry.objects.create(
        user=User.objects.get(username="charlie"),
        started_at=datetime.fromisoformat(f"{day}T03:00Z"),
        ended_at=datetime.fromisoformat(f"{day}T04:00Z"),
    )
    key = world.fill("{project}-{task}")
    yield "/timer/start/", work
    yield "/timer/change/", {**work, "start": "9:00", "version": "1"}
    yield "/entries/new/", {**work, "day": day, "time": "11-12"}
    yield f"/entries/{own.pk}/", {**work, **span}
    for action in ("move", "tag"):
        yield "/entries/change/", {**work, "action": action, "entry": own.pk}
    yield "/calendar/new/", {**work, "day": day, "start": "660", "end": "720"}
    yield "/week/cell/", {"day": day, f"c.{key}.{day}.0": "1:30"}
    yield "/week/row/", {**work, "day": day}
    yield "/timer/continue/" + world.fill("{entry}") + "/", {}


def test_nobody_books_on_what_they_do_not_see(world):
    """charlie is no member of the project, whichever form names it."""
    client = world.browsers["other"]
    charlie = User.objects.get(username="charlie")
    for path, form in forms_of_other(world):
        assert client.post(path, form).status_code < 500
        mine = TimeEntry.objects.filter(user=charlie)
        assert not mine.exclude(project=None).exists(), path
        assert not mine.exclude(task=None).exists(), path
    for path in ("/reports/", "/entries/", "/exports/entries.csv", "/exports/report.csv"):
        for name in ("person", "project", "task", "client"):
            key = world.fill("{user}" if name == "person" else f"{{{name}}}")
            page = client.get(path, {name: key, "range": "this-year"})
            text = b"".join(page) if page.streaming else page.content
            assert b"Online shop" not in text
            assert b"Checkout" not in text


def test_no_form_says_more_than_it_asks(world):
    """Mass assignment: a field that no form has is no way to a role, an owner or a price."""
    bob = User.objects.get(username="bob")
    more = {
        **{"role": "admin", "is_staff": "on", "is_superuser": "on", "is_active": "", "id": "1"},
        **{"username": "alice", "email": "alice@example.org", "password": "x", "user": "1"},
        **{"groups": "1", "user_permissions": "1", "signup_method": "oidc", "cents": "1"},
        **{"user_id": str(User.objects.get(username="charlie").pk), "rate": "1", "locked": "on"},
    }
    kept = User.objects.filter(pk=bob.pk).values(
        *("role", "is_staff", "is_superuser", "is_active", "username", "email", "password"),
        "signup_method",
    )
    before = kept.get()
    client = world.browsers["owner"]
    for row in OURS:
        if row.post and "owner" in row.changes.split():
            data = {world.fill(name): world.fill(value) for name, value in row.data.items()}
            with transaction.atomic():
                assert client.post(world.address(row), {**more, **data}).status_code < 500
                assert kept.get() == before, row.route
                assert not TimeEntry.objects.exclude(user=bob).exists(), row.route
                assert not TimeEntry.objects.exclude(rate_cents=None).exists(), row.route
                transaction.set_rollback(True)


def test_a_user_cannot_reach_the_admin_by_any_form(world):
    for row in TABLE:
        if row.route.startswith("admin/"):
            for person in ("owner", "manager"):
                response = world.browsers[person].post(world.address(row), {"role": "admin"})
                assert response.status_code in (302, 403), row.route
    assert User.objects.filter(role="admin").count() == 1


def test_a_demoted_admin_is_none_from_the_next_request_on(world):
    assert world.browsers["admin"].get("/admin/").status_code == 200
    alice = User.objects.get(username="alice")
    alice.role = "user"
    alice.save()

    assert world.browsers["admin"].get("/admin/").status_code == 302
    assert world.browsers["admin"].get("/rates/").status_code == 403


def test_keys_of_others_answer_as_keys_of_nobody(world):
    """Whether something is there is not told either."""
    client = world.browsers["other"]
    nobody = dict.fromkeys(("entry", "project", "task", "report"), "999999")
    for path in ("/entries/{entry}/", "/projects/{project}/", "/reports/saved/{report}/delete/"):
        for method in (client.get, client.post):
            theirs = method(world.fill(path))
            none = method(path.format_map(nobody))
            assert theirs.status_code == none.status_code
            assert strip(theirs) == strip(none)


def strip(response):
    return re.sub(rb'value="\w{64}"|X-CSRFToken": "\w+"|/[\w/]*\d+/', b"", response.content)


# --- the log -----------------------------------------------------------------------------------


def test_no_line_of_the_log_is_forged(world, caplog):
    caplog.set_level(logging.INFO)
    client = world.browsers["stranger"]
    for path in ("/x%0A2026-01-01 ERROR forged", "/x%0D%0Aforged", "/%1b[2Jx", "/\u2028forged"):
        client.get(path)
        client.post(path)
    client.get("/", headers={"Host": "evil.example"})
    client.post("/accounts/login/", {"login": "a\nERROR forged", "password": "x"})
    logging.getLogger("tracking").error("of %s", "a name\nERROR forged\x1b[2J\u2028")

    assert len(caplog.records) > 5
    for record in caplog.records:
        record.exc_info = record.exc_text = None
        line = DiscreetFormatter("{levelname} {message}", style="{").format(record)
        assert line.splitlines() == [line]
        assert "\x1b" not in line


def test_a_file_of_any_name_is_shown_as_text(world):
    """The name of an uploaded file is kept without its folders, and is no address of anything."""
    from django.core.files.uploadedfile import SimpleUploadedFile

    from tests.tracking.importing import line, toggl

    name = "../../<xss>.csv"
    file = SimpleUploadedFile(name, toggl(line()), "text/csv")
    response = world.browsers["owner"].post("/imports/", {"file": file, "time_zone": "UTC"})
    assert response.status_code == 302
    page = world.browsers["owner"].get(response["Location"])
    check(page)
    assert "../" not in re.sub(r'(href|src)="[^"]*"', "", page.content.decode())
