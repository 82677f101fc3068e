"""The id of a request, in its answer and in its lines; lines of text and of JSON."""

import json
import logging
import re
from io import StringIO

import pytest
import requests

from tests.processes import Site, running
from timetracker.logs import JsonFormatter, LineFormatter

MADE = re.compile(r"[0-9a-f]{32}")


@pytest.fixture(params=[LineFormatter, JsonFormatter])
def log(request):
    """What a formatter makes of everything that is logged."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(request.param())
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def test_each_request_has_an_id_of_its_own_in_its_answer_and_its_lines(client, log):
    first, second = client.get("/healthz"), client.post("/healthz")

    assert MADE.fullmatch(first["X-Request-ID"])
    assert first["X-Request-ID"] != second["X-Request-ID"]
    (line,) = [line for line in log.getvalue().splitlines() if "Method Not Allowed" in line]
    assert second["X-Request-ID"] in line


def test_what_a_view_logs_has_the_id_too(client, log, db):
    answer = client.get("/accounts/oidc/callback/")

    (line,) = [line for line in log.getvalue().splitlines() if "OIDC sign-in failed" in line]
    assert answer["X-Request-ID"] in line


@pytest.mark.parametrize(
    ("proxies", "given", "taken"),
    [
        (0, "abc-123", False),
        (1, "abc-123", True),
        (1, "Root=1-67891233-abcdef012345678912345678", True),
        (1, "alice@example.org", False),
        (1, "two words", False),
        (1, "a" * 129, False),
        (1, "", False),
    ],
)
def test_an_id_is_taken_from_a_trusted_proxy_only(client, settings, proxies, given, taken):
    settings.TRUSTED_PROXY_COUNT = proxies

    answer = client.get("/healthz", headers={"X-Request-ID": given})

    assert (answer["X-Request-ID"] == given) is taken


ODD = "x\n2026-01-01 00:00:00,000 ERROR forged\x1b[2J\x9b2J\u2028forged\x85\x7f\r"


def test_nothing_that_somebody_sent_begins_a_line_or_commands_a_terminal(log):
    """Neither as a part of a message, nor as that of an error."""
    try:
        raise ValueError(ODD)
    except ValueError:
        logging.getLogger("timetracker").exception("Failed: %s", ODD)

    lines = log.getvalue().splitlines()
    assert not any(line.startswith(("2026-01-01", "forged")) for line in lines)
    assert not set("\x1b\x9b\x85\x7f\r\u2028") & set(log.getvalue())
    if lines[0].startswith("{"):
        (line,) = lines
        assert json.loads(line)["message"] == f"Failed: {ODD}"
    else:
        assert all(line.startswith("  ") for line in lines[1:])


def test_json_holds_the_known_fields_and_nothing_else():
    record = logging.makeLogRecord(
        {
            "name": "timetracker",
            "levelname": "ERROR",
            "msg": "Failed: %s",
            "args": ("/accounts/confirm-email/secret/\nnext",),
            "created": 0.5,
            "request": "alice",
        }
    )
    line = JsonFormatter().format(record)

    found = json.loads(line)
    assert "\n" not in line
    assert {**found, "request_id": ""} == {
        "time": "1970-01-01T00:00:00.500+00:00",
        "level": "ERROR",
        "logger": "timetracker",
        "request_id": "",
        "message": "Failed: /accounts/confirm-email/…\nnext",
    }


def test_json_holds_tracebacks_without_keys_of_links():
    try:
        raise ValueError("/password/reset/key/secret")
    except ValueError:
        import sys

        record = logging.makeLogRecord({"msg": "Broken", "exc_info": sys.exc_info()})
    found = json.loads(JsonFormatter().format(record))

    assert found["exception"].endswith("ValueError: /password/reset/key/…")


def test_a_site_writes_nothing_but_json_where_told_to(tmp_path):
    site = Site(tmp_path, {"LOG_FORMAT": "json"})
    with running(site):
        answer = requests.post(f"{site.url}/healthz", timeout=10)
        strange = requests.get(f"{site.url}/", headers={"Host": "evil.example"}, timeout=10)

    lines = [json.loads(line) for line in site.log.read_text().splitlines()]
    assert {"gunicorn.error", "django.request"} <= {line["logger"] for line in lines}
    (refused,) = [line for line in lines if line["message"].startswith("Method Not Allowed")]
    assert refused["request_id"] == answer.headers["X-Request-ID"]
    (one,) = [line for line in lines if line["logger"] == "django.security.DisallowedHost"]
    assert strange.status_code == 400
    assert "exception" not in one, "scanners would fill the disk with tracebacks"


def test_under_asgi_what_a_view_logs_has_the_id_too(tmp_path):
    oidc = {"OIDC_ISSUER": "http://127.0.0.1:1", "OIDC_CLIENT_ID": "x", "OIDC_CLIENT_SECRET": "x"}
    site = Site(tmp_path, {"AUTH_METHOD": "both", **oidc})
    site.prepare()
    site.start_uvicorn()
    try:
        answers = [requests.get(f"{site.url}/accounts/oidc/callback/", timeout=10) for _ in "ab"]
    finally:
        site.stop()

    lines = [line for line in site.log.read_text().splitlines() if "OIDC sign-in failed" in line]
    ids = [answer.headers["X-Request-ID"] for answer in answers]
    assert [[one in line for one in ids] for line in lines] == [[True, False], [False, True]]
