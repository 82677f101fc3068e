"""Guessing passwords, and guessing who has an account: counted by all processes, told by none."""

import socketserver
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from tests.accounts.conftest import is_signed_in, sent
from tests.conftest import PASSWORD
from tests.processes import Site, running

LOGIN, RESET = "/accounts/login/", "/accounts/password/reset/"
TOO_MANY = "Too many failed login attempts"
PEOPLE = f"""
from accounts.models import User
for name in ("alice", "bob", "carl"):
    User.objects.create_user(name, f"{{name}}@example.org", {PASSWORD!r})
"""


# --- across processes --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Site]]:
    """Two servers of one installation, behind one proxy."""
    folders: list[Path] = [tmp_path_factory.mktemp(f"guessing-{number}") for number in range(2)]
    database = f"sqlite:///{folders[0] / 'site.sqlite3'}"
    env = {"DATABASE_URL": database, "TRUSTED_PROXY_COUNT": "1", "ALLOWED_HOSTS": "127.0.0.1,.test"}
    first, second = (Site(folder, env) for folder in folders)
    first.prepare()
    first.run(PEOPLE)
    with running(first), running(second):
        yield [first, second]


def attempt(
    site: Site, login: str, password: str, address: str, host: str = "127.0.0.1"
) -> requests.Response:
    """Try to sign in from an address, as a browser does."""
    headers = {"X-Forwarded-For": address, "Host": host}
    with requests.Session() as browser:
        page = browser.get(site.url + LOGIN, headers=headers, timeout=20)
        cookie = page.cookies["csrftoken"]
        headers |= {"X-CSRFToken": cookie, "Cookie": f"csrftoken={cookie}"}
        form = {"login": login, "password": password}
        return browser.post(
            site.url + LOGIN, form, headers=headers, timeout=20, allow_redirects=False
        )


def test_an_account_is_guessed_at_five_times_whoever_where_and_however(sites: list[Site]) -> None:
    names = ["alice", "ALICE", "alice@example.org", "Alice@Example.ORG", "aLiCe"]
    hosts = ["127.0.0.1", "127.0.0.1:1", "127.0.0.1:2", "a.test", "b.test:81"]
    for number, (name, host) in enumerate(zip(names, hosts, strict=True)):
        address = f"192.0.2.{number}"
        answer = attempt(sites[number % 2], name, f"wrong {number}", address, host)
        assert answer.status_code == 200
        assert TOO_MANY not in answer.text

    for site, name in zip(sites, ("alice", "alice@example.org"), strict=True):
        answer = attempt(site, name, PASSWORD, "198.51.100.1", "c.test:82")
        assert TOO_MANY in answer.text
    assert attempt(sites[0], "bob", PASSWORD, "198.51.100.2").status_code == 302


def test_an_address_guesses_ten_times_a_minute_whatever_the_names(sites: list[Site]) -> None:
    answers = [
        attempt(sites[number % 2], f"nobody{number}", "wrong", "203.0.113.9").text
        for number in range(11)
    ]

    assert [TOO_MANY in answer for answer in answers] == [False] * 10 + [True]
    assert TOO_MANY in attempt(sites[1], "bob", PASSWORD, "203.0.113.9").text
    assert attempt(sites[1], "bob", PASSWORD, "203.0.113.10").status_code == 302


def test_guessing_at_the_same_instant_gets_no_more(sites: list[Site]) -> None:
    together = threading.Barrier(12)

    def guess(number: int) -> bool:
        together.wait()
        address = f"198.51.100.{100 + number}"
        return TOO_MANY not in attempt(sites[number % 2], "carl", f"wrong {number}", address).text

    with ThreadPoolExecutor(12) as crowd:
        heard = list(crowd.map(guess, range(12)))

    assert 1 <= sum(heard) <= 5
    assert TOO_MANY in attempt(sites[0], "carl", PASSWORD, "198.51.100.99").text or sum(heard) < 5


@pytest.mark.django_db
def test_nobody_is_told_apart_by_being_locked(client: Client, alice: Any) -> None:
    """A name without an account is locked after as many attempts, with the same words."""
    said = {}
    for name in ("alice", "nobody"):
        cache.clear()
        said[name] = [
            client.post(LOGIN, {"login": name, "password": "wrong"}).content.decode()
            for _ in range(6)
        ]
        said[name] = [without_what_was_typed(page, name) for page in said[name]]

    assert said["alice"] == said["nobody"]
    assert TOO_MANY in said["alice"][-1]


def without_what_was_typed(page: str, name: str) -> str:
    import re

    page = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)
    return page.replace(f'value="{name}"', "")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", ["ALICE", " alice ", "ＡＬＩＣＥ", "ALıCE", "alice\u200b", "Alice@Example.ORG"]
)
def test_no_spelling_of_a_name_gets_attempts_of_its_own(
    client: Client, alice: Any, name: str
) -> None:
    """Look-alikes are other names, or count as the same: never the same account and a new count."""
    for _ in range(5):
        client.post(LOGIN, {"login": "alice", "password": "wrong"})

    client.post(LOGIN, {"login": name, "password": PASSWORD})

    assert not is_signed_in(client)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("addresses", "are_one"),
    [
        (["2001:db8::1", "2001:db8::2", "2001:DB8:0:0:ffff:ffff:ffff:ffff"], True),
        (["[2001:db8::1]:1000", "[2001:db8::1]:2000", "2001:db8::1"], True),
        (["2001:db8::1", "2001:db8:0:1::1"], False),
        (["192.0.2.1", "192.0.2.1:1000", "192.0.2.1:2000", "::ffff:192.0.2.1"], True),
        (["::ffff:192.0.2.1", "::ffff:192.0.2.2"], False),
        (["fe80::1%eth0", "fe80::2%eth1"], True),
    ],
)
def test_a_network_of_addresses_counts_as_one(
    client: Client, settings: Any, addresses: list[str], are_one: bool
) -> None:
    """Of IPv6 a house has 2⁶⁴; of IPv4, written as IPv6, each stands for another house."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}

    def attempt(address: str) -> int:
        headers = {"X-Forwarded-For": f"203.0.113.7, {address}"}
        return client.post(LOGIN, {}, headers=headers).status_code

    answers = [attempt(address) for address in addresses]

    assert answers == [200] + [429 if are_one else 200] * (len(addresses) - 1)


# --- in a browser that was left open -----------------------------------------------------------


@pytest.mark.parametrize("page", ["/accounts/password/change/", "/accounts/reauthenticate/"])
def test_the_password_in_hand_is_guessed_at_five_times(
    browsers: list[Client], page: str, later: Callable[[int], None]
) -> None:
    """In five minutes, in however many browsers."""
    form = {"password1": NEW, "password2": NEW}
    for number in range(5):
        guess = {"oldpassword": f"wrong {number}", "password": f"wrong {number}"}
        answer = browsers[number % 2].post(page, {**form, **guess})
        assert "error" in answer.content.decode()
        later(50)

    answer = browsers[0].post(page, {**form, "oldpassword": PASSWORD, "password": PASSWORD})

    assert answer.status_code == 429 or TOO_MANY in answer.content.decode()
    assert User.objects.get().check_password(PASSWORD)


# --- mail to who did not ask for it ------------------------------------------------------------


@pytest.fixture
def mails(settings: Any) -> Callable[[], int]:
    """How many went out."""
    settings.EMAIL_URL = {"EMAIL_HOST": "mail.example.org"}
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    settings.ACCOUNT_EMAIL_VERIFICATION = "optional"
    return lambda: len(sent())


def test_nobody_gets_more_than_five_resets_an_hour(
    client: Client, alice: Any, mails: Callable[[], int], later: Callable[[int], None]
) -> None:
    """Wherever from, and however the address is written; the sixth is refused, account or not."""
    for name in ("alice", "nobody"):
        for number in range(8):
            later(120)
            written = f"{name}@example.org" if number % 2 else f"{name.upper()}@Example.ORG"
            where = {"X-Forwarded-For": f"192.0.2.{number}"}
            answer = client.post(RESET, {"email": written}, headers=where)
            assert answer.status_code == (302 if number < 5 else 429)

    assert mails() == 5
    later(3600)
    assert client.post(RESET, {"email": "alice@example.org"}).status_code == 302


def test_no_stranger_gets_more_than_ten_confirmations_a_day(
    browsers: list[Client], mails: Callable[[], int], later: Callable[[int], None]
) -> None:
    """Whoever has an account could have the site write to anybody."""
    browser = browsers[0]
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    for _ in range(15):
        browser.post("/accounts/email/", {"email": "stranger@example.net", "action_add": ""})
        browser.post("/accounts/email/", {"email": "stranger@example.net", "action_remove": ""})
        later(200)
        browser.post("/accounts/reauthenticate/", {"password": PASSWORD})

    assert 5 < sum(mail.to == ["stranger@example.net"] for mail in sent()) <= 10


@pytest.mark.django_db
def test_twenty_accounts_a_minute_are_made_from_an_address(client: Client, settings: Any) -> None:
    settings.ALLOW_SELF_REGISTER = True
    answers = [client.post("/accounts/signup/", {}).status_code for _ in range(21)]

    assert answers == [200] * 20 + [429]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the clock forward, by which the limits count."""
    clock, ahead = time.time, [0]
    monkeypatch.setattr(time, "time", lambda: clock() + ahead[0])

    def pass_by(seconds: int) -> None:
        ahead[0] += seconds

    return pass_by


# --- in time -----------------------------------------------------------------------------------

ROUNDS = 9


def seconds_of(ask: Callable[[], object]) -> float:
    begin = time.perf_counter()
    ask()
    return time.perf_counter() - begin


def medians(*asks: Callable[[], object]) -> list[float]:
    """The seconds that each takes, asked in turns so that a busy machine slows all of them."""
    for ask in asks:
        ask()
    rounds = [[seconds_of(ask) for ask in asks] for _ in range(ROUNDS)]
    return [statistics.median(taken) for taken in zip(*rounds, strict=True)]


@pytest.mark.django_db
@pytest.mark.slow
def test_a_wrong_password_takes_as_long_as_an_unknown_name(
    client: Client, alice: Any, bob: Any, settings: Any
) -> None:
    """Each costs one hash, whether there is an account, a password, an address, or none of them."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "1000/m/ip", "login": "1000/m/ip"}
    alice.set_password(PASSWORD)
    alice.save()
    bob.set_unusable_password()
    bob.save()

    def ask(login: str) -> Callable[[], object]:
        return lambda: client.post(LOGIN, {"login": login, "password": "wrong"})

    names = ("nobody", "nobody@example.org", "alice", "alice@example.org", "bob")
    taken = dict(zip(names, medians(*map(ask, names)), strict=True))

    # A second hash would double it.
    assert max(taken.values()) < 1.5 * min(taken.values()), taken


class Slow(socketserver.StreamRequestHandler):
    """A mail server that takes its time."""

    def handle(self) -> None:
        time.sleep(0.3)
        self.wfile.write(b"220 mail.example.org\r\n")
        for line in self.rfile:
            data = line.upper().startswith(b"DATA")
            self.wfile.write(b"354 go on\r\n" if data else b"250 fine\r\n")


@pytest.fixture
def slow_mail_server(settings: Any) -> Iterator[None]:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_URL = {"EMAIL_HOST": "127.0.0.1"}
    settings.ACCOUNT_RATE_LIMITS = {"reset_password": "1000/m/ip"}
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Slow) as server:
        server.daemon_threads = True
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address[:2]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield
        sent()
        server.shutdown()


@pytest.mark.usefixtures("slow_mail_server")
def test_a_reset_takes_as_long_for_whom_no_mail_goes_out(client: Client, alice: Any) -> None:
    known, unknown = medians(
        lambda: client.post(RESET, {"email": "alice@example.org"}),
        lambda: client.post(RESET, {"email": "nobody@example.org"}),
    )

    assert abs(known - unknown) < 0.03, (known, unknown)  # seconds; the mail alone takes 0.3


# --- sessions ----------------------------------------------------------------------------------

NEW = "another horse another battery"


@pytest.fixture
def browsers(alice: Any) -> list[Client]:
    """Two browsers in which alice is signed in."""
    both = [Client(), Client()]
    for browser in both:
        browser.post(LOGIN, {"login": "alice", "password": PASSWORD})
        assert is_signed_in(browser)
    return both


def test_changing_the_password_ends_all_other_sessions(browsers: list[Client]) -> None:
    here, elsewhere = browsers
    before = here.session.session_key
    form = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}

    here.post("/accounts/password/change/", form)

    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)
    assert here.session.session_key != before


def test_a_reset_password_ends_all_sessions(browsers: list[Client], settings: Any) -> None:
    import re

    settings.EMAIL_URL = {"EMAIL_HOST": "mail.example.org"}
    stranger = Client()
    stranger.post(RESET, {"email": "alice@example.org"})
    link = re.search(r"http://testserver(/accounts/\S+/)", str(sent()[0].body))
    assert link is not None
    form = stranger.get(link[1], follow=True).redirect_chain[-1][0]
    stranger.post(form, {"password1": NEW, "password2": NEW})

    assert User.objects.get().check_password(NEW)
    assert not any(is_signed_in(browser) for browser in browsers)


def test_a_password_that_an_admin_sets_ends_all_sessions(
    browsers: list[Client], alice: Any, client: Client
) -> None:
    client.force_login(User.objects.create_user("zoe", "", PASSWORD, role="admin"))
    form = {"usable_password": "true", "password1": NEW, "password2": NEW}
    answer = client.post(f"/admin/accounts/user/{alice.pk}/password/", form)

    assert answer.status_code == 302
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert not any(is_signed_in(browser) for browser in browsers)


def test_a_session_that_was_planted_is_nobodys_afterwards(alice: Any) -> None:
    """Fixation: who planted a session in a browser must not be in it once its owner signs in."""
    attacker, victim = Client(), Client()
    session = attacker.session
    session["planted"] = True
    session.save()
    victim.cookies["sessionid"] = attacker.cookies["sessionid"].value

    victim.post(LOGIN, {"login": "alice", "password": PASSWORD})

    assert is_signed_in(victim)
    assert not is_signed_in(attacker)


def test_a_session_that_the_site_did_not_make_is_not_taken(client: Client, alice: Any) -> None:
    client.cookies["sessionid"] = "a" * 32

    client.post(LOGIN, {"login": "alice", "password": PASSWORD})

    assert client.session.session_key != "a" * 32


def test_signing_out_ends_the_session_on_the_server(browsers: list[Client]) -> None:
    here, _ = browsers
    stolen = Client()
    stolen.cookies["sessionid"] = here.cookies["sessionid"].value

    here.post("/accounts/logout/")

    assert not is_signed_in(stolen)
