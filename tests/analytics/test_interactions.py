"""The endpoint behind `data-analytics-feature`: who may tell what, and what is made of it."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.contrib.staticfiles import finders
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import clear_script_prefix, set_script_prefix

from analytics import catalogue, interactions, ratelimit
from analytics.catalogue import Feature, FeatureName, register
from analytics.models import Event

PATH = "/analytics/interactions/"
CLICK = {"feature_flag": "preferences", "action": "clicked"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def bobs_browser(bob: Any) -> Client:
    return signed_in(bob)


def signed_in(person: Any, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(person, "accounts.backends.LocalBackend")
    Event.objects.all().delete()  # of the sign-in
    return client


def tell(client: Client, message: object = CLICK, **headers: str) -> int:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return client.post(PATH, body, content_type="application/json", headers=headers).status_code


def recorded() -> list[Event]:
    return [*Event.objects.filter(event="feature_interaction").order_by("id")]


@pytest.fixture
def _early_in_the_minute() -> None:
    """Not so late that a test would reach into the next window of the limit."""
    left = ratelimit.WINDOW - time.time() % ratelimit.WINDOW
    if left < 10:
        time.sleep(left)


# --- what is recorded ---


def test_it_records_what_was_used_and_by_whom(bobs_browser, bob):
    assert tell(bobs_browser) == 204

    (event,) = recorded()
    assert event.distinct_id == str(bob.pk)
    assert event.properties.items() >= CLICK.items()


def test_it_answers_without_a_word_and_without_a_cookie(bobs_browser):
    response = bobs_browser.post(PATH, CLICK, content_type="application/json")

    assert (response.status_code, response.content) == (204, b"")
    assert not response.cookies


def test_it_records_a_submission(bobs_browser):
    assert tell(bobs_browser, {**CLICK, "action": "submitted"}) == 204

    assert recorded()[0].properties["action"] == "submitted"


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
def test_it_records_nothing_where_the_browser_objects(bobs_browser, header):
    assert tell(bobs_browser, **{header: "1"}) == 204

    assert not Event.objects.exists()


def test_it_records_nothing_of_a_person_who_does_not_share(bob):
    bob.share_analytics = False
    bob.save()

    assert tell(signed_in(bob)) == 204
    assert not Event.objects.exists()


# --- the page on which it happened ---


def page_told(client: Client, referer: str | None) -> tuple[str | None, str | None]:
    assert tell(client, **({"Referer": referer} if referer is not None else {})) == 204
    properties = recorded()[-1].properties
    return properties.get("$current_url"), properties.get("$pathname")


@pytest.mark.parametrize(
    ("referer", "path"),
    [
        ("http://testserver/", "/"),
        ("http://testserver/accounts/preferences/?next=/x#secret", "/accounts/preferences/"),
        ("http://TESTSERVER/accounts/preferences/", "/accounts/preferences/"),
        ("http://testserver/accounts/confirm-email/MTIz:1tq:abc/", "/accounts/confirm-email/key/"),
        ("http://testserver/admin/auth/group/alice/change/", "/admin/auth/group/object_id/change/"),
        (
            "http://testserver/admin/auth/group/%61lice/change/",
            "/admin/auth/group/object_id/change/",
        ),
        # behind a proxy that ends TLS: the scheme, too, is the request's own
        ("https://testserver/accounts/preferences/", "/accounts/preferences/"),
    ],
)
def test_it_tells_the_page_by_its_route(bobs_browser, referer, path):
    assert page_told(bobs_browser, referer) == (f"http://testserver{path}", path)


@pytest.mark.parametrize(
    "referer",
    [
        None,
        "",
        "about:blank",
        "/accounts/preferences/",
        "http://evil.example/accounts/preferences/",
        "http://testserver.evil.example/",
        "http://testserver:8000/",
        "http://alice:secret@testserver/",
        "http://testserver/nowhere/alice@example.org/",
        "http://testserver/\x00",
        "http://testserver/%ff%fe/",
        "http://[::1/",
        "http://testserver/accounts/preferences/?" + "x" * 3000,
    ],
)
def test_it_leaves_out_a_page_that_is_none_of_ours(bobs_browser, referer):
    assert page_told(bobs_browser, referer) == (None, None)


def test_it_finds_the_page_below_a_prefix(bobs_browser):
    set_script_prefix("/time/")
    try:
        told = page_told(bobs_browser, "http://testserver/time/accounts/preferences/")
        outside = page_told(bobs_browser, "http://testserver/accounts/preferences/")
    finally:
        clear_script_prefix()

    path = "/time/accounts/preferences/"
    assert told == (f"http://testserver{path}", path)
    assert outside == (None, None)


def test_the_browser_is_the_one_that_tells(bobs_browser):
    tell(bobs_browser, **{"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0.0.0"})

    assert recorded()[0].properties["$browser"] == "Chrome"


# --- who and what is refused ---


def test_it_refuses_strangers_without_a_redirect(client):
    assert tell(client) == 403

    assert not recorded()


def test_it_refuses_somebody_who_is_no_longer_let_in(bob, bobs_browser):
    bob.is_active = False
    bob.save()

    assert tell(bobs_browser) == 403


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_it_takes_posts_alone(bobs_browser, method):
    assert getattr(bobs_browser, method)(PATH).status_code == 405


def test_it_refuses_a_post_without_the_token(bob):
    assert tell(signed_in(bob, enforce_csrf_checks=True)) == 403

    assert not recorded()


def test_it_takes_the_token_from_the_header(bob):
    client = signed_in(bob, enforce_csrf_checks=True)
    client.get("/")

    assert tell(client, **{"X-CSRFToken": client.cookies["csrftoken"].value}) == 204
    assert len(recorded()) == 1


@pytest.mark.parametrize(
    "message",
    [
        {**CLICK, "feature_flag": "alice@example.org"},
        {**CLICK, "feature_flag": "other"},
        {**CLICK, "feature_flag": ["preferences"]},
        {**CLICK, "feature_flag": None},
        {**CLICK, "action": "deleted"},
        {**CLICK, "action": ["clicked"]},
        {**CLICK, "distinct_id": "somebody"},
        {"feature_flag": "preferences"},
        {},
        [],
        "preferences",
        None,
        b" ",
        b"{",
        b"\xff\xfe",
        b"\x00",
        b"[" * interactions.BODY_LIMIT,
    ],
    ids=repr,
)
def test_it_refuses_what_is_not_declared_or_not_understood(bobs_browser, message):
    assert tell(bobs_browser, message) == 400

    assert not Event.objects.exists()


def test_it_refuses_what_is_too_long(bobs_browser):
    padding = b" " * interactions.BODY_LIMIT

    assert tell(bobs_browser, json.dumps(CLICK).encode() + padding) == 413
    assert tell(bobs_browser, b"x" * 1_000_000) == 413
    assert not recorded()


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", ""])
def test_it_refuses_what_a_foreign_form_could_send(bobs_browser, kind):
    response = bobs_browser.post(PATH, json.dumps(CLICK), content_type=kind)

    assert response.status_code == 415
    assert bobs_browser.post(PATH, CLICK).status_code == 415  # multipart


# --- how much ---


@pytest.mark.usefixtures("_early_in_the_minute")
def test_it_takes_sixty_a_minute_from_a_person_over_all_their_browsers(bob, charlie):
    first, second = signed_in(bob), signed_in(bob)
    answers = [tell((first, second)[number % 2]) for number in range(62)]

    assert answers == [204] * 60 + [429] * 2
    assert len(recorded()) == 60
    assert tell(signed_in(charlie)) == 204


@pytest.mark.usefixtures("_early_in_the_minute")
def test_it_says_when_to_come_back(bobs_browser):
    for _ in range(60):
        tell(bobs_browser)
    response = bobs_browser.post(PATH, CLICK, content_type="application/json")

    assert response.headers["Retry-After"] == "60"


@pytest.mark.usefixtures("_early_in_the_minute")
def test_it_counts_one_place_once_whoever_looks_late(bob):
    """A process that has read an old count takes the next free place, not the same one."""
    granted = 0
    for _ in range(70):
        granted += interactions.within_limit(bob.pk)
        for window in cache_keys(r"analytics\.interactions\.[0-9a-f]{64}\.\d+$"):
            cache.set(window, 0)
    assert granted == 60


def cache_keys(pattern: str) -> list[str]:
    """The keys of the cache, which is a table, without prefix and version."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key FROM cache")
        keys = [row[0].split(":", 2)[2] for row in cursor.fetchall()]
    return [key for key in keys if re.search(pattern, key)]


# --- what is declared, what is marked ---


def test_a_feature_is_declared_once(monkeypatch):
    monkeypatch.setattr(catalogue, "features", {})
    register(Feature("export", "Exports."), Feature("export", "Exports."))

    with pytest.raises(ValueError, match="'export' is declared twice"):
        register(Feature("export", "Something else."))
    with pytest.raises(ValueError, match="'Bob Builder' is no identifier"):
        Feature("Bob Builder", "A name.")


def test_an_undeclared_feature_becomes_other():
    assert FeatureName().clean("preferences") == "preferences"
    assert FeatureName().clean("alice@example.org") == "other"
    with pytest.raises(ValueError, match="is no text"):
        FeatureName().clean(7)


def test_every_mark_of_the_templates_is_declared():
    pages = [
        page
        for folder in ("accounts", "tracking", "timetracker")
        for page in (project.BASE_DIR / folder).rglob("*.html")
    ]
    marks = {
        mark
        for page in pages
        for mark in re.findall(r'data-analytics-feature="([^"]*)"', page.read_text())
    }

    assert "preferences" in marks
    assert marks <= catalogue.features.keys()


def test_the_page_loads_the_script_for_people_who_share(bobs_browser, bob):
    def script() -> str | None:
        found = re.search(r"<script[^>]*interactions\.js[^>]*>", bobs_browser.get("/").text)
        return found[0] if found else None

    tag = script()
    assert tag is not None
    assert f'data-endpoint="{PATH}"' in tag
    bob.share_analytics = False
    bob.save()
    assert script() is None


def test_the_script_is_small_and_needs_nothing_from_elsewhere():
    source = finders.find("analytics/interactions.js")
    assert isinstance(source, str)
    text = Path(source).read_text()

    assert len(text) < 3000
    assert not re.search(r"https?://|eval|innerHTML|document\.cookie\s*=|console\.", text)


def test_it_costs_a_refused_message_no_write(bobs_browser):
    with CaptureQueriesContext(connection) as queries:
        tell(bobs_browser, {**CLICK, "feature_flag": "unknown"})
    assert not [one for one in queries if not one["sql"].startswith("SELECT")]


# --- its own guards, where the project has none ---


def test_it_asks_for_a_token_itself(settings, bob):
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "csrf" not in name.lower()]
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(bob, backend="accounts.backends.LocalBackend")

    assert tell(browser) == 403
    assert recorded() == []


def test_it_answers_strangers_itself(settings, client, db):
    required = "django.contrib.auth.middleware.LoginRequiredMiddleware"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, required]

    assert tell(client) == 403


def test_a_cache_that_is_away_is_no_error_page(bobs_browser, monkeypatch):
    def away(*_args, **_kwargs):
        raise OSError

    monkeypatch.setattr("analytics.ratelimit.cache.add", away)
    assert tell(bobs_browser) == 204
    assert recorded() == []


def test_a_cache_that_cannot_be_written_is_no_endless_search(bobs_browser, monkeypatch, caplog):
    tries = []
    monkeypatch.setattr("analytics.ratelimit.cache.add", lambda *_args: tries.append(1))
    assert tell(bobs_browser) == 204
    assert (recorded(), len(tries)) == ([], 1)
    assert caplog.messages == ["Events are lost: CacheRefusesError in counting interactions."]
