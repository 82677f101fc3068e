"""Events as the site records them, in any number. Is imported within a site."""

import uuid
from io import BytesIO
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.urls import resolve
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

import analytics
from accounts.models import User
from analytics import context
from analytics.models import Event

# What Chrome sends when somebody follows a link of the page that they are on.
HEADERS = {
    "Host": "127.0.0.1:8000",
    "Connection": "keep-alive",
    "Cache-Control": "max-age=0",
    "Sec-CH-UA": '"Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"',
    "Sec-CH-UA-Mobile": "?0",
    "Sec-CH-UA-Platform": '"Windows"',
    "Upgrade-Insecure-Requests": "1",
    "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"
    " (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    "image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-User": "?1",
    "Sec-Fetch-Dest": "document",
    "Referer": "http://127.0.0.1:8000/",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7",
    "Cookie": "csrftoken=0123456789abcdefghijklmnopqrstuv; sessionid=0123456789abcdefghijklmnop",
}
ENVIRON = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/track/5/",
    "QUERY_STRING": "page=2&utm_source=newsletter",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "8000",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.url_scheme": "http",
    **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in HEADERS.items()},
}


def request_of(user: User) -> WSGIRequest:
    """A request as the server hands it over, of a person whom the page has loaded."""
    request = WSGIRequest({**ENVIRON, "wsgi.input": BytesIO()})
    request.user = SimpleLazyObject(lambda: user)  # type: ignore[assignment]  # as Django does
    assert request.user.is_authenticated
    request.resolver_match = resolve(request.path)
    return request


def track(request: WSGIRequest) -> None:
    """Record an event of the request's person."""
    assert analytics.track_event(request.user.pk, "work.done", {"number": 5})


def example(user: User) -> dict[str, Any]:
    """The properties of an event of that person."""
    request = request_of(user)
    with context.bound(request):
        track(request)
    properties: dict[str, Any] = Event.objects.latest("id").properties
    return properties


def fill(user: User, properties: dict[str, Any], count: int) -> list[Event]:
    """Let so many events of a person wait to be delivered."""
    new = [
        Event(
            uuid=uuid.uuid4(),
            event="work.done",
            distinct_id=str(user.pk),
            timestamp=timezone.now(),
            properties=properties,
        )
        for _ in range(count)
    ]
    return Event.objects.bulk_create(new, batch_size=1000)
