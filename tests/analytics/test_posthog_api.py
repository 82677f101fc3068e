"""The client of PostHog's management API, against the API as tests/posthog_api.py plays it."""

import socket
import threading
import time

import pytest

from analytics import posthog_api as client
from analytics.conf import Config
from analytics.posthog_api import Api, ApiError
from tests.posthog_api import KEY, posthog_api, the_next


@pytest.fixture
def api():
    with posthog_api() as api:
        yield api


def ask(api, method="GET", path="cohorts/", *args, **settings):
    return Api(Config(**{**api.settings, **settings})).request(method, path, *args)


def refusal(api, *args, **settings):
    with pytest.raises(ApiError) as caught:
        ask(api, *args, **settings)
    assert KEY not in str(caught.value)
    return caught.value


def test_it_asks_the_app_host_not_the_ingestion_host():
    hosts = {
        "https://app.posthog.com": "https://us.posthog.com",
        "https://eu.i.posthog.com": "https://eu.posthog.com",
        "https://posthog.example": "https://posthog.example",
    }

    for given, asked in hosts.items():
        api = Api(Config(POSTHOG_HOST=given, POSTHOG_PROJECT_ID="12"))
        assert api.base == f"{asked}/api/projects/12/"


def test_an_object_goes_there_and_back(api):
    made = ask(api, "POST", "cohorts/", {"name": "New", "is_static": False})

    assert ask(api, "GET", f"cohorts/{made['id']}/")["name"] == "New"


def test_a_list_is_read_to_its_end_however_short_its_pages_are(api):
    api.longest_page = 2
    for number in range(5):
        api.by_hand("cohorts", name=str(number))

    every = Api(Config(**api.settings)).every("cohorts/", search="x")

    assert sorted(one["name"] for one in every) == ["0", "1", "2", "3", "4"]
    assert [call.query for call in api.calls] == [
        {"search": "x", "limit": "100", "offset": offset} for offset in ("0", "2", "4")
    ]


@pytest.mark.parametrize(
    ("status", "passes"), [(429, True), (408, True), (503, True), (400, False), (403, False)]
)
def test_an_error_says_whether_it_passes(api, status, passes):
    words = {"type": "t", "code": "c", "attr": "name", "detail": "No."}
    api.before = the_next(1, (status, {"Retry-After": "7"}, words))

    error = refusal(api)

    assert str(error) == f"PostHog answered {status}: name: No."
    assert (error.status, error.passes, error.wait) == (status, passes, 7.0)


def test_an_empty_answer_is_an_empty_object(api):
    person = api.add_person("one")

    assert ask(api, "DELETE", f"persons/{person.uuid}/", None, {"delete_events": "true"}) == {}
    assert api.event_deletions == [person.uuid]


def test_the_key_of_a_netrc_does_not_take_its_place(api, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    assert ask(api)["results"] == []


def test_a_redirect_is_not_followed(api):
    with posthog_api() as other:
        api.before = the_next(1, (307, {"Location": f"{other.url}/api/projects/42/cohorts/"}, {}))

        assert refusal(api).status == 307
        assert other.connections == 0


def test_a_peer_that_drips_is_left(api, monkeypatch):
    monkeypatch.setattr(client, "DEADLINE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        begin = time.monotonic()

        error = refusal(api, POSTHOG_HOST=f"http://127.0.0.1:{server.getsockname()[1]}")

    assert "did not answer within" in str(error)
    assert (error.status, error.passes) == (None, True)
    assert time.monotonic() - begin < 2


def drip(server):
    connection, _ = server.accept()
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    try:
        while True:
            connection.sendall(b" ")
            time.sleep(0.05)
    except OSError:
        connection.close()


def test_an_answer_without_end_is_left(api, monkeypatch):
    monkeypatch.setattr(client, "MAX_BYTES", 1024)
    api.before = the_next(1, (200, {}, {"results": ["x" * 100_000]}))

    assert "not in PostHog's words" in str(refusal(api))
