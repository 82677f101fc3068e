"""What people see when the database cannot save: a sentence instead of a bare error page."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import include, path
from django.utils.functional import SimpleLazyObject

from tests.conftest import PASSWORD
from timetracker import middleware
from timetracker.middleware import AWAY, BUSY, FULL, page, trouble_of
from tracking.models import Client, TimeEntry

START = "/timer/start/"
# Another connection's lock, on what the pages of these tests write; and a visitor who cannot wait.
LOCK = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "BEGIN; LOCK TABLE tracking_timeentry, django_session IN EXCLUSIVE MODE",
}
HURRY = {"sqlite": "PRAGMA busy_timeout = 10", "postgresql": "SET lock_timeout = 10"}


def remember(request: HttpRequest) -> HttpResponse:
    """Leaves it to the middleware to write the session."""
    request.session["seen"] = True
    return HttpResponse("seen")


def write(_request: HttpRequest) -> HttpResponse:
    Client.objects.create(name=uuid.uuid4().hex * 3)
    return HttpResponse("written")


def broken(_request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1/0 FROM there_is_no_such_table")
    return HttpResponse("never")


urlpatterns = [
    path("remember/", remember),
    path("write/", write),
    path("broken/", broken),
    path("", include("timetracker.urls")),
]


@pytest.fixture(autouse=True)
def _nothing_said_yet() -> None:
    middleware.log_once.cache_clear()


@pytest.fixture
def visitor(client, settings):
    """A browser to which errors are shown as to everybody."""
    settings.ROOT_URLCONF = __name__
    client.raise_request_exception = False
    return client


@pytest.fixture
def visitor_bob(visitor, bob):
    visitor.force_login(bob)
    return visitor


@contextmanager
def locked(in_postgresql: str = LOCK["postgresql"]) -> Iterator[None]:
    other = connection.copy()
    other.cursor().execute({**LOCK, "postgresql": in_postgresql}[connection.vendor])
    connection.cursor().execute(HURRY[connection.vendor])
    try:
        yield
    finally:
        other.close()
        connection.close()  # and with it the hurry


@contextmanager
def full() -> Iterator[None]:
    """As many pages as there are, and no more; shown with a real disk in `tests.analytics`."""
    if connection.vendor != "sqlite":
        pytest.skip("Only SQLite can be told so.")
    connection.cursor().execute("PRAGMA max_page_count = 1")
    try:
        yield
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_busy_database_is_said(visitor_bob):
    with locked():
        answer = visitor_bob.post(START, {"description": "x"})

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert str(BUSY.sentence) in answer.content.decode()
    assert not TimeEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_full_disk_is_said(visitor):
    with full():
        answers = [visitor.get("/write/") for _ in range(100)]  # the last page fills slowly

    refused = [answer for answer in answers if answer.status_code != 200]
    assert {answer.status_code for answer in refused} == {507}
    assert str(FULL.sentence) in refused[0].content.decode()
    assert Client.objects.count() == len(answers) - len(refused)


@pytest.mark.django_db(transaction=True)
def test_the_cache_does_not_keep_it_to_itself():
    """Else a sign-in would hear of too many attempts, since none can be counted."""
    with full(), pytest.raises(OperationalError):
        cache.set_many({f"key-{number}": "x" * 1000 for number in range(100)})


@contextmanager
def ended_before_it_commits() -> Iterator[None]:
    """As a crash between an INSERT into the cache and its COMMIT."""
    if connection.vendor != "postgresql":
        pytest.skip("There is no server that could end.")

    def end(execute, sql, *args):
        done = execute(sql, *args)
        if sql.startswith('INSERT INTO "cache"'):
            with psycopg.connect(**parameters, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        return done

    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    parameters = {**connection.get_connection_params()}
    for ours in ("context", "cursor_factory", "prepare_threshold"):
        parameters.pop(ours, None)
    try:
        with connection.execute_wrapper(end):
            yield
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_form_whose_mark_is_lost_is_not_taken_for_one_that_was_sent_before(visitor_bob):
    """Else a person hears that the timer was started already, and none is."""
    with ended_before_it_commits():
        answer = visitor_bob.post(START, {"description": "x", "csrfmiddlewaretoken": "token"})

    assert answer.status_code == 503
    assert str(AWAY.sentence) in answer.content.decode()
    assert not TimeEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_sign_in_hears_the_truth(visitor, bob):
    with locked("BEGIN; LOCK TABLE cache IN EXCLUSIVE MODE"):
        answer = visitor.post("/accounts/login/", {"login": "bob", "password": PASSWORD})

    assert answer.status_code == 503


@pytest.mark.django_db(transaction=True)
def test_htmx_is_told_in_a_sentence(visitor_bob):
    with locked():
        answer = visitor_bob.post(START, {"description": "x"}, headers={"HX-Request": "true"})

    assert answer.status_code == 503
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.decode() == BUSY.sentence


@pytest.mark.django_db(transaction=True)
def test_what_fails_after_the_view_is_said_as_well(visitor):
    with locked():
        answer = visitor.get("/remember/")

    assert answer.status_code == 503
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.django_db(transaction=True)
def test_the_log_says_it_once(visitor_bob, caplog):
    with locked():
        for _ in range(3):
            visitor_bob.post(START, {"description": "a secret"})

    said = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [(record.name, record.message) for record in said] == [("timetracker", BUSY.log)]
    assert not said[0].exc_info


@pytest.mark.django_db(transaction=True)
def test_other_errors_of_the_database_are_what_they_were(visitor, caplog):
    answer = visitor.get("/broken/")

    assert answer.status_code == 500
    assert "Something went wrong" in answer.content.decode()
    assert [record.name for record in caplog.records] == ["django.request"]
    assert caplog.records[0].exc_info


@pytest.mark.parametrize("trouble", [FULL, BUSY])
def test_the_page_asks_nothing_of_the_database(trouble):
    """Without the mark `django_db` a query raises; so does this person."""
    request = RequestFactory().get("/")
    request.user = SimpleLazyObject(nobody)
    answer = page(trouble, request)

    assert answer.status_code == trouble.status
    assert str(trouble.sentence) in answer.content.decode()


def nobody():
    raise OperationalError("There is no database to ask.")


@pytest.mark.parametrize(
    ("driver", "tells"),
    [
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.CrashShutdown(), True),
        (psycopg.errors.CannotConnectNow(), True),
        (psycopg.errors.ConnectionFailure(), True),
        (psycopg.OperationalError("connection refused"), connection.vendor == "postgresql"),
    ],
)
def test_a_database_that_is_away_is_told(driver, tells):
    error = OperationalError()
    error.__cause__ = driver

    assert trouble_of(error) is (AWAY if tells else None)


def test_an_error_of_another_kind_is_none_of_these():
    error = OperationalError()
    error.__cause__ = psycopg.errors.OutOfMemory()

    assert trouble_of(error) is None
    assert trouble_of(ValueError()) is None


def test_a_database_that_is_away_is_said_in_a_sentence(rf):
    answer = page(AWAY, rf.get("/", headers={"HX-Request": "true"}))

    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert "The database cannot be reached just now" in answer.content.decode()
