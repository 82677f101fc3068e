"""What admins are told of an error by mail: what kind and where, nothing about anybody."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from django.core import mail
from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.capture import wait_until
from tests.processes import Site
from timetracker import errors, urls
from timetracker.errors import AdminMailHandler

SECRET = "Mrs Smith"


def fails(_request: HttpRequest, name: str) -> HttpResponse:
    known = f"{SECRET} of {name}"
    try:
        return HttpResponse(int(known))
    except ValueError as error:
        raise LookupError(known) from error


urlpatterns = [*urls.urlpatterns, path("broken/<str:name>/", fails)]


@pytest.fixture
def handler(settings):
    """The handler at its place, on a site with a page that fails."""
    settings.ADMIN_EMAILS = ["root@example.org", "ops@example.org"]
    settings.ROOT_URLCONF = __name__
    handler = AdminMailHandler()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def mails(number: int) -> list[mail.EmailMessage]:
    wait_until(lambda: len(mail.outbox) >= number, 5)
    time.sleep(0.05)  # and no more than these
    assert len(mail.outbox) == number
    return mail.outbox


def broken(client, name=SECRET):
    client.raise_request_exception = False
    client.cookies["taste"] = SECRET
    data = {"password": SECRET}
    return client.post(f"/broken/{name}/?q={SECRET}", data, headers={"User-Agent": SECRET})


@pytest.mark.django_db
def test_it_says_what_kind_of_error_and_where(client, handler):
    answer = broken(client)
    (sent,) = mails(1)

    assert sent.to == ["root@example.org", "ops@example.org"]
    assert sent.subject == "[TimeTracker] LookupError in fails"
    assert f"Request: {answer['X-Request-ID']} " in sent.body
    assert "Page: POST /broken/<str:name>/\n" in sent.body
    assert sent.body.index("ValueError") < sent.body.index("which led to")
    assert sent.body.endswith("LookupError")
    assert "test_errors.py" in sent.body


@pytest.mark.django_db
def test_it_says_nothing_about_anybody(client, handler):
    broken(client)
    (sent,) = mails(1)

    text = str(sent.message())
    assert "Smith" not in text
    assert "sessionid" not in text


@pytest.mark.django_db
def test_one_cause_is_mailed_once_an_hour_and_counted(client, handler):
    for _ in range(3):
        broken(client)
    mails(1)
    handler._sent = {cause: at - errors.EVERY for cause, at in handler._sent.items()}

    broken(client)

    assert "not mailed: 2" in mails(2)[1].body


def test_ten_mails_an_hour_whatever_the_causes(handler, settings):
    for number in range(30):
        logging.getLogger("timetracker").error(f"Cause {number}")

    mails(10)


def test_of_our_own_lines_it_tells_the_words_without_what_they_are_about(handler):
    logging.getLogger("accounts").error("A mail could not be sent to %s", SECRET)
    logging.getLogger("some.library").error(f"No {SECRET}")

    ours, theirs = sorted(mails(2), key=lambda one: one.subject)
    assert ours.subject == "[TimeTracker] A mail could not be sent to %s"
    assert theirs.subject.startswith("[TimeTracker] ERROR of some.library in test_of_our")
    assert "Smith" not in ours.body + theirs.body + theirs.subject


def test_warnings_and_what_strangers_send_are_no_errors(handler):
    logging.getLogger("timetracker").warning("Nothing")
    logging.getLogger("django.security.DisallowedHost").error("Invalid HTTP_HOST header")

    mails(0)


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    """A server that takes one mail: its port, and the lines that it was told."""
    heard: list[str] = []

    def serve() -> None:
        with suppress(OSError):
            connection, _address = listener.accept()
            with connection, connection.makefile("rwb") as stream:
                stream.write(b"220 here\r\n")
                stream.flush()
                in_data = False
                for line in stream:
                    heard.append(line.decode().strip())
                    begins = heard[-1].upper() == "DATA"
                    in_data = begins or (in_data and heard[-1] != ".")
                    if begins or not in_data:
                        stream.write(b"354 go on\r\n" if in_data else b"250 fine\r\n")
                        stream.flush()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], heard
    thread.join(5)


def test_a_site_mails_them_to_those_who_are_named(tmp_path):
    """With the settings of a server, in a process of its own, over the wire."""
    with mail_server() as (port, heard):
        mail_to = {"EMAIL_URL": f"smtp://127.0.0.1:{port}", "ADMIN_EMAILS": "ops@example.org"}
        site = Site(tmp_path, mail_to)
        site.run("import logging; logging.getLogger('django.request').error('Of %s', 'Mrs Smith')")
        wait_until(lambda: "." in heard, 5)

    assert "rcpt to:<ops@example.org>" in [line.lower() for line in heard]
    assert [line for line in heard if line.startswith("Subject: [TimeTracker] ERROR of django")]
    assert "Smith" not in "\n".join(heard)


def test_a_mail_server_that_is_down_breaks_nothing(handler, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    logging.getLogger("timetracker").error("Something")

    wait_until(lambda: "A report could not be mailed: ConnectionRefusedError" in caplog.text, 5)
