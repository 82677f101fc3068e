"""What the log keeps to itself."""

import logging
import logging.config
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.test import Client

from tests.accounts.conftest import sent


@pytest.fixture
def log(settings: Any) -> Iterator[StringIO]:
    """What the site's own formatter makes of everything that is logged."""
    formatters: dict[str, Any] = settings.LOGGING["formatters"]
    configurator = logging.config.DictConfigurator({"version": 1})
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(configurator.configure_formatter(dict(formatters["line"])))
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def test_it_holds_no_link_that_sets_a_password(
    client: Client, alice: Any, settings: Any, log: StringIO
) -> None:
    settings.EMAIL_URL = {"EMAIL_HOST": "mail.example.org"}
    client.post("/accounts/password/reset/", {"email": "alice@example.org"})
    link = re.search(r"http://testserver(/accounts/\S+/)", str(sent()[0].body))
    assert link is not None
    settings.LOCAL_ENABLED = False

    assert client.get(link[1]).status_code == 403

    assert "Forbidden: /accounts/password/reset/key/…" in log.getvalue()
    assert link[1] not in log.getvalue()


def test_it_holds_no_link_that_confirms_an_address_not_even_in_a_traceback(log: StringIO) -> None:
    try:
        raise ValueError("GET /accounts/confirm-email/MQ:1wJ:secret/")
    except ValueError:
        logging.getLogger("django.request").exception("failed: /accounts/confirm-email/secret/")

    assert "failed: /accounts/confirm-email/…" in log.getvalue()
    assert "ValueError: GET /accounts/confirm-email/…" in log.getvalue()
    assert "secret" not in log.getvalue()


def test_it_holds_no_query(log: StringIO) -> None:
    logging.getLogger("gunicorn.error").error("Error handling request /reports/?q=Mrs+Smith HTTP")

    assert "Error handling request /reports/?… HTTP" in log.getvalue()
