"""What every answer carries, whatever kind of page it is, and what is refused unread."""

import re
import socket
from contextlib import suppress
from http.cookies import SimpleCookie

import pytest
import requests
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.conftest import PASSWORD
from tests.processes import ROOT, Site, running
from tests.timetracker.answers import TABLE
from tests.timetracker.test_urls import FIVE, made_once, world  # noqa: F401 - fixtures

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
ISSUER = "http://127.0.0.1:1"  # of the tests' provider
LOGIN = "/accounts/login/"
MEGABYTE = 1024 * 1024
PEOPLE = f"""
from accounts.models import User
User.objects.create_superuser("alice", "", {PASSWORD!r})
"""


def check_headers(response, provider=""):
    """All that must stand on an answer; `provider` is where forms may lead to as well."""
    for name, value in ALWAYS.items():
        assert response.headers.get(name) == value, name
    for feature in ("camera", "microphone", "geolocation"):
        assert f"{feature}=()" in response.headers["Permissions-Policy"]
    policy = dict(
        part.strip().partition(" ")[::2]
        for part in response.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == policy.get("script-src", "'self'") == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert policy["form-action"] == f"'self' {provider}".strip()
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    for secret in ("X-Powered-By", "Access-Control-Allow-Origin"):
        assert secret not in response.headers


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.route or "/")
def test_every_page_carries_the_headers_and_nothing_inline(world, row):
    for person in FIVE:
        response = world.browsers[person].get(world.address(row))

        check_headers(response, ISSUER)
        kept = response.headers["Cache-Control"]
        assert "private" in kept or "no-store" in kept or "no-cache" in kept
        if response.headers["Content-Type"].startswith("text/html") and not response.streaming:
            page = response.content.decode()
            assert not re.search(r"<script(?![^>]*\ssrc=)(?![^>]*application/json)", page)
            assert not re.search(r"<style|<[^>]+\s(style|on[a-z]+)=|javascript:", page)


# --- over HTTPS, behind a proxy, from a server -------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site as it stands on the internet: HTTPS, one proxy before it."""
    folder = tmp_path_factory.mktemp("hardening")
    site = Site(folder, {"HTTPS": "true", "TRUSTED_PROXY_COUNT": "1"})
    site.prepare()
    site.run(PEOPLE)
    with running(site):
        yield site


class Browser:
    """Keeps cookies as a browser does that came over HTTPS; the proxy says so."""

    def __init__(self, site):
        self.site, self.cookies = site, {}

    def ask(self, method, path, data=None, **headers):
        headers = {"X-Forwarded-Proto": "https", "Referer": "https://127.0.0.1/", **headers}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        address = self.site.url + path
        response = requests.request(
            method, address, data=data, headers=headers, allow_redirects=False, timeout=20
        )
        for line in response.raw.headers.getlist("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                if not morsel.value:  # taken back
                    self.cookies.pop(name, None)
                    continue
                self.cookies[name] = morsel.value
                assert morsel["secure"], name
                assert morsel["samesite"] == "Lax", name
                assert morsel["httponly"] or name == "csrftoken", name
                assert not morsel["domain"], name
        return response

    def sign_in(self):
        self.ask("GET", LOGIN)
        form = {"login": "alice", "password": PASSWORD}
        assert self.post(LOGIN, form).status_code == 302
        assert {"sessionid", "csrftoken"} <= self.cookies.keys()
        return self

    def post(self, path, form):
        token = {"X-CSRFToken": self.cookies["csrftoken"]}
        origin = {"Origin": f"https://127.0.0.1:{self.site.port}"}
        return self.ask("POST", path, form, **token, **origin)


@pytest.fixture(scope="module")
def alice_in(site):
    return Browser(site).sign_in()


def static_files(page):
    return set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))


def test_every_kind_of_answer_carries_them_over_https(site, alice_in):
    kinds = {
        200: ["/", "/admin/", "/manifest.webmanifest", "/exports/entries.csv", LOGIN],
        302: ["/favicon.ico", "/timer/"],
        404: ["/nowhere/", "/static/nowhere.css", "/entries/999999/"],
        405: ["/timer/start/", "/accounts/logout/"],
    }
    kinds[200] += ["/exports/report.xlsx", *static_files(alice_in.ask("GET", "/").text)]
    assert len(kinds[200]) > 10
    answers = [
        (path, status, alice_in.ask("GET", path))
        for status, paths in kinds.items()
        for path in paths
        if path != LOGIN
    ]
    answers.append((LOGIN, 200, Browser(site).ask("GET", LOGIN)))
    answers.append(("no token", 403, alice_in.ask("POST", "/timer/start/", {})))
    answers.append(("host", 400, alice_in.ask("GET", "/", Host="evil.example")))
    large = {"description": "x" * (2 * MEGABYTE)}
    answers.append(("large", 413, alice_in.post("/timer/start/", large)))
    for path, status, response in answers:
        assert response.status_code == status, path
        check_headers(response)
        assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_what_goes_wrong_carries_them_too(tmp_path):
    site = Site(tmp_path, {"TRUSTED_PROXY_COUNT": "1"})
    site.prepare()
    site.run(
        "from django.db import connection as c; c.cursor().execute('DROP TABLE accounts_user')"
    )
    with running(site):
        response = Browser(site).ask("GET", LOGIN)

    assert response.status_code == 500
    assert "Something went wrong" in response.text
    check_headers(response)


def test_plain_http_is_led_to_https_and_nowhere_else(site):
    response = requests.get(
        f"{site.url}{LOGIN}", headers={"Host": "127.0.0.1"}, allow_redirects=False, timeout=10
    )

    assert (response.status_code, response.headers["Location"]) == (
        301,
        f"https://127.0.0.1{LOGIN}",
    )
    check_headers(response)


def test_no_header_of_a_visitor_names_the_host(site, alice_in):
    """A link in a mail, or a page that a cache keeps, must not lead to somebody else's site."""
    for name in ("X-Forwarded-Host", "X-Host", "X-Forwarded-Server", "Forwarded"):
        value = "host=evil.example" if name == "Forwarded" else "evil.example"
        response = alice_in.ask("GET", "/entries/", **{name: value})
        assert response.status_code == 200
        assert "evil.example" not in response.text + str(response.headers)
    for host in ("evil.example", "127.0.0.1.evil.example", "evil.example:443@127.0.0.1"):
        response = alice_in.ask("GET", "/", Host=host)
        assert response.status_code == 400
        assert "evil" not in response.text
    for prefix in ("X-Script-Name", "Script-Name", "X-Forwarded-Prefix"):
        assert "evil" not in alice_in.ask("GET", "/", **{prefix: "/evil"}).text


# --- bodies ------------------------------------------------------------------------------------


def raw(site, head, body=b"", seconds=10.0):
    """Send bytes as they are; returns what comes back before the server hangs up or is silent."""
    with socket.create_connection(("127.0.0.1", site.port), seconds) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode())
        with suppress(OSError):  # it may have hung up already: its answer is here
            connection.sendall(body)
        answer = b""
        while True:
            try:
                block = connection.recv(65536)
            except OSError:
                break
            answer += block
            if not block:
                break
    return answer.decode()


HEAD = """POST {path} HTTP/1.1
Host: 127.0.0.1
X-Forwarded-Proto: https
Content-Type: {kind}
Connection: close
{more}

"""
FORM, JSON, FILE = (
    "application/x-www-form-urlencoded",
    "application/json",
    "multipart/form-data; boundary=x",
)


@pytest.mark.parametrize(
    ("path", "kind", "more"),
    [
        (LOGIN, FORM, ""),
        ("/timer/start/", FORM, "HX-Request: true"),
        ("/analytics/interactions/", JSON, ""),
        ("/entries/new/", FILE, ""),
        ("/admin/login/", FORM, ""),
    ],
)
def test_a_large_body_is_refused_unread_with_a_sentence(site, path, kind, more):
    length = f"Content-Length: {10**12}\n{more}".strip()

    answer = raw(site, HEAD.format(path=path, kind=kind, more=length))

    assert answer.startswith("HTTP/1.1 413")
    assert "larger than this page takes" in answer
    page = "<h1>" in answer
    assert page == (not more and kind != JSON)


@pytest.mark.parametrize(
    "length",
    ["1" + "0" * 25, "9" * 4000, "0" * 30 + str(10**12)],
    ids=["26 digits", "4000 digits", "noughts before it"],
)
@pytest.mark.parametrize("path", [LOGIN, "/imports/"])
@pytest.mark.parametrize("kind", [FORM, FILE])
def test_a_length_of_any_number_of_digits_is_read(site, alice_in, path, kind, length):
    cookies = "; ".join(f"{name}={value}" for name, value in alice_in.cookies.items())
    more = f"Content-Length: {length}\nCookie: {cookies}"

    answer = raw(site, HEAD.format(path=path, kind=kind, more=more))

    assert answer.startswith("HTTP/1.1 413")


def test_a_header_without_end_is_refused(site):
    answer = raw(site, HEAD.format(path=LOGIN, kind=FORM, more="X-Large: " + "x" * MEGABYTE))

    assert answer.startswith("HTTP/1.1 4")


def test_a_file_that_is_too_large_is_refused_with_a_sentence(site, alice_in):
    cookies = "; ".join(f"{name}={value}" for name, value in alice_in.cookies.items())
    more = f"Content-Length: {10**9}\nCookie: {cookies}"

    answer = raw(site, HEAD.format(path="/imports/", kind=FILE, more=more))

    assert answer.startswith("HTTP/1.1 413")
    assert "at most 20 MB are read" in answer


def test_a_browser_that_sends_it_all_reads_the_answer(site, alice_in):
    response = alice_in.post("/timer/start/", {"description": "x" * (8 * MEGABYTE)})

    assert response.status_code == 413
    assert "larger than this page takes" in response.text


@pytest.mark.parametrize("path", [LOGIN, "/imports/", "/analytics/interactions/"])
def test_a_body_of_unknown_length_is_refused_with_a_sentence(site, path):
    chunk = b"x" * 65536
    body = (b"%x\r\n%s\r\n" % (len(chunk), chunk)) * 200

    answer = raw(site, HEAD.format(path=path, kind=FORM, more="Transfer-Encoding: chunked"), body)

    assert answer.startswith("HTTP/1.1 411")
    assert "does not say how long it is" in answer


def test_fields_beside_a_file_are_refused_with_a_sentence(world):
    response = world.browsers["owner"].post("/imports/", {"time_zone": "x" * (2 * MEGABYTE)})

    assert response.status_code == 413
    assert "larger than this page takes" in response.content.decode()


def test_a_form_of_too_many_fields_is_refused_with_a_sentence(world):
    response = world.browsers["owner"].post(
        "/timer/start/", {f"f{number}": "1" for number in range(1001)}
    )

    assert response.status_code == 400
    assert "not understood" in response.content.decode()


def test_a_form_of_too_many_files_is_refused_with_a_sentence(world):
    files = [SimpleUploadedFile(f"{number}.csv", b"x") for number in range(101)]
    for path in ("/imports/", "/timer/start/"):
        response = world.browsers["owner"].post(path, {"file": files})

        assert response.status_code == 400
        assert "not understood" in response.content.decode()


def test_a_compressed_body_is_not_unpacked(site):
    """A megabyte of zeros in a kilobyte: what is not unpacked cannot burst."""
    import gzip

    body = gzip.compress(b"login=alice&password=" + b"0" * MEGABYTE)
    more = f"Content-Encoding: gzip\nContent-Length: {len(body)}"

    answer = raw(site, HEAD.format(path=LOGIN, kind=FORM, more=more), body)

    assert answer.startswith("HTTP/1.1 403")  # no token is found in it


# --- the page that tells of all this -----------------------------------------------------------


def test_every_test_that_the_page_on_security_names_is_there():
    page = (ROOT / "docs" / "security.md").read_text()
    named = re.findall(r"`(tests/[\w/]+/test_\w+\.py)(?:::(\w+))?`", page)

    assert len(named) > 40
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text() or not name, (path, name)
