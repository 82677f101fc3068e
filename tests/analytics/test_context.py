"""What a request puts on an event, and what it must not."""

import asyncio
import uuid
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import resolve

import analytics
from analytics import context
from analytics.middleware import AnalyticsMiddleware
from analytics.models import Event
from analytics.useragent import describe

CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/120.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/17.1 Mobile/15E148 Safari/604.1"
)
IPAD = IPHONE.replace("iPhone;", "iPad;")
ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/120.0.6099.43 Mobile Safari/537.36"
)
EDGE = CHROME.replace("X11; Linux x86_64", "Windows NT 10.0; Win64; x64") + " Edg/120.0.2210.61"


def visit(path: str, user: Any, **headers: str) -> dict[str, Any]:
    """Record an event within a request to a real route; returns the event's properties."""
    request = RequestFactory().get(path, headers=headers)
    request.resolver_match = resolve(request.path_info)
    request.user = user

    def view(_request: HttpRequest) -> HttpResponse:
        analytics.track_event(user.pk, "auth.login")
        return HttpResponse()

    AnalyticsMiddleware(view)(request)
    event = Event.objects.last()
    return event.properties if event else {}


@pytest.mark.parametrize(
    ("header", "browser", "version", "system", "device"),
    [
        (CHROME, "Chrome", 120, "Linux", "desktop"),
        (EDGE, "Microsoft Edge", 120, "Windows", "desktop"),
        (IPHONE, "Mobile Safari", 17, "iOS", "mobile"),
        (IPAD, "Mobile Safari", 17, "iOS", "tablet"),
        (ANDROID, "Chrome", 120, "Android", "mobile"),
        (ANDROID.replace(" Mobile", ""), "Chrome", 120, "Android", "tablet"),
        ("curl/8.1.2", "other", 8, None, "desktop"),
    ],
)
def test_it_speaks_posthogs_vocabulary_of_browsers(header, browser, version, system, device):
    found = describe(header)

    assert (found["$browser"], found["$browser_version"]) == (browser, version)
    assert (found.get("$os"), found["$device_type"]) == (system, device)


@pytest.mark.parametrize(
    "header",
    ["", "\x00\x01\x1b[31m", "🙂" * 300, "Mozilla/" + "9" * 10_000, "(" * 500, "alice@example.org"],
)
def test_it_survives_hostile_browsers_and_repeats_nothing_of_them(header):
    allowed = {"other", "desktop", "mobile", "tablet"}
    values = [value for value in describe(header[:512]).values() if isinstance(value, str)]

    assert set(values) <= allowed


def test_a_long_header_is_cut_before_it_is_read(bob, monkeypatch):
    read = []
    monkeypatch.setattr("analytics.useragent.describe", lambda header: read.append(header) or {})
    visit("/accounts/login/", bob, user_agent="Mozilla/5.0 " * 1000)

    assert [len(header) for header in read] == [512]


def test_it_adds_the_address_and_the_browser(bob):
    properties = visit("/accounts/login/?next=/secret/", bob, user_agent=CHROME)

    assert properties["$current_url"] == "http://testserver/accounts/login/"
    assert properties["$pathname"] == "/accounts/login/"
    assert properties["$browser"] == "Chrome"
    assert not properties.keys() & {"$os_distro", "$python_version", "$python_runtime"}


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [
        (
            "/accounts/password/reset/key/abc123-c8d2xx-5a9f/",
            "/accounts/password/reset/key/uidb36-key/",
        ),
        ("/admin/auth/group/7/change/", "/admin/auth/group/object_id/change/"),
        ("/accounts/confirm-email/MTIz:1tqX:abc/", "/accounts/confirm-email/key/"),
    ],
)
def test_it_replaces_what_stands_in_a_path(bob, path, cleaned):
    assert visit(path, bob)["$pathname"] == cleaned


def test_it_keeps_integers_and_uuids_of_the_route(settings, bob):
    settings.ROOT_URLCONF = "tests.analytics.urls"
    key = uuid.uuid4()

    assert visit("/number/42/", bob)["$pathname"] == "/number/42/"
    assert visit(f"/uuid/{key}/", bob)["$pathname"] == f"/uuid/{key}/"
    assert visit("/word/alice/", bob)["$pathname"] == "/word/name/"


def test_it_leaves_out_a_path_that_matches_no_route(bob):
    request = RequestFactory().get("/nowhere/alice@example.org/")
    request.user = bob
    with context.bound(request):
        analytics.track_event(bob.pk, "auth.login")

    assert "$current_url" not in Event.objects.get().properties


def test_it_leaves_out_a_host_that_is_not_ours(bob):
    properties = visit("/accounts/login/", bob, host="evil.example")

    assert "$current_url" not in properties
    assert properties["$pathname"] == "/accounts/login/"


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
def test_it_records_nothing_where_the_persons_own_browser_objects(bob, header):
    assert visit("/accounts/login/", bob, **{header: "1"}) == {}


def test_a_browser_objects_for_its_own_person_only(bob, charlie):
    request = RequestFactory().get("/", headers={"DNT": "1"})
    request.user = bob
    with context.bound(request):
        analytics.track_event(charlie.pk, "auth.login")

    assert Event.objects.get().distinct_id == str(charlie.pk)


def test_it_records_nothing_about_somebody_who_does_not_share(bob):
    bob.share_analytics = False
    bob.save()

    analytics.track_event(bob.pk, "auth.login")
    analytics.identify_user(bob.pk, {"$set": {"role": "user"}})
    assert not Event.objects.exists()


def test_no_header_changes_who_an_event_belongs_to(bob):
    hostile = {"X-PostHog-Distinct-Id": "somebody", "X-Forwarded-For": "10.0.0.1", "Cookie": "a=b"}
    properties = visit("/accounts/login/", bob, **hostile)

    event = Event.objects.get()
    assert event.distinct_id == str(bob.pk)
    for value in ("somebody", "10.0.0.1", "a=b"):
        assert value not in str(properties)


def test_it_looks_consent_up_once_a_request(bob, charlie, django_assert_max_num_queries):
    request = RequestFactory().get("/")
    request.user = bob
    with context.bound(request):
        analytics.track_event(charlie.pk, "auth.login")
        with django_assert_max_num_queries(3):  # savepoint, insert, release
            analytics.track_event(charlie.pk, "auth.login")
        with django_assert_max_num_queries(4):  # and the look-up of the id; consent is loaded
            analytics.track_event(bob.pk, "auth.login")


def test_it_forgets_the_request_afterwards(bob):
    visit("/accounts/login/", bob)

    assert context.current() is None


def test_it_reads_neither_user_nor_session_and_varies_by_no_cookie():
    bare = HttpRequest()  # has neither: to read one would raise
    response = AnalyticsMiddleware(lambda _request: HttpResponse())(bare)

    assert isinstance(response, HttpResponse)
    assert "Vary" not in response.headers


async def handle(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("async" if context.current() else "no context")


def test_it_works_under_asgi():
    middleware = AnalyticsMiddleware(handle)
    assert iscoroutinefunction(middleware)
    response = asyncio.run(middleware(HttpRequest()))
    assert response.content == b"async"
    assert context.current() is None
