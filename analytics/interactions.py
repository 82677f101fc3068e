"""What `interactions.js` tells: a person used a part of a page marked by `data-analytics-feature`.

The browser is not believed: the person is the session's, the feature is a declared one, and the
page is what the site's own routes make of the `Referer`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, ResolverMatch, get_script_prefix, resolve
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

import analytics
from analytics import catalogue, context, outbox, patience, ratelimit
from analytics.events import INTERACTIONS

BODY_LIMIT = 256  # bytes; the longest message that can be right has about 120
ADDRESS_LIMIT = 2048  # characters of a Referer
LIMIT = 60  # interactions of a person in a minute


@login_not_required  # a redirect to the sign-in page is no answer to a script
@require_POST
@csrf_protect  # also where the project's middleware does not
def interactions(request: HttpRequest) -> HttpResponse:
    """Record `{"feature_flag": …, "action": …}` of the signed-in person.

    204 also where the person does not share it; 403 for strangers, 413, 415 and 400 for what the
    script does not send, 429 for more than `LIMIT` a minute.
    """
    if not request.user.is_authenticated:
        return HttpResponse(status=403)
    if request.content_type != "application/json":
        return HttpResponse(status=415)
    body = request.read(BODY_LIMIT + 1)
    if len(body) > BODY_LIMIT:
        return HttpResponse(status=413)
    properties = declared_interaction(body)
    if properties is None:
        return HttpResponse(status=400)
    allowed = within_limit(request.user.pk)
    if allowed is False:
        return HttpResponse(status=429, headers={"Retry-After": str(ratelimit.WINDOW)})
    if allowed:
        with on_the_page_of(request):
            analytics.track_event(request.user.pk, "feature_interaction", properties)
    return HttpResponse(status=204)


def declared_interaction(body: bytes) -> dict[str, str] | None:
    """A message's feature and action, if it is exactly that and both are declared; else None."""
    try:
        message = json.loads(body)
    except ValueError:
        return None
    if not isinstance(message, dict) or message.keys() != {"feature_flag", "action"}:
        return None
    feature, action = message["feature_flag"], message["action"]
    if (
        not isinstance(feature, str)
        or feature not in catalogue.features
        or action not in INTERACTIONS
    ):
        return None
    return {"feature_flag": feature, "action": action}


def within_limit(user_id: object) -> bool | None:
    """Count an interaction of a person; False where this minute is used up, in all processes.

    None where it cannot be counted: then it is not recorded either, and the browser need not know.
    """
    person = hashlib.sha256(str(user_id).encode()).hexdigest()  # any key fits every cache
    try:
        with patience.briefly():
            return ratelimit.claim(f"analytics.interactions.{person}", LIMIT)
    except Exception as error:  # a cache that is away is no reason for an error page
        outbox.lost(f"{type(error).__name__} in counting interactions")
        patience.let_go(error)
        return None


@contextmanager
def on_the_page_of(request: HttpRequest) -> Iterator[None]:
    """For the time of the block, events describe the page on which it happened.

    The address of this endpoint says nothing. Everything else stays the request's own.
    """
    endpoint = request.resolver_match
    request.resolver_match = page_of(request)
    try:
        with context.bound(request):
            yield
    finally:
        request.resolver_match = endpoint


def page_of(request: HttpRequest) -> ResolverMatch | None:
    """The route of the page that the `Referer` names, if it is one of this site; else None.

    Scheme and host of the recorded address are the request's; from the header comes the path alone,
    and of that what `addresses.clean_path` keeps of any path.
    """
    address = request.headers.get("Referer", "")
    try:
        parts = urlsplit(address)
        if len(address) > ADDRESS_LIMIT or parts.netloc.lower() != request.get_host().lower():
            return None
        path, prefix = unquote(parts.path, errors="strict"), get_script_prefix()
        if not path.startswith(prefix):
            return None
        return resolve("/" + path.removeprefix(prefix), getattr(request, "urlconf", None))
    except (ValueError, DisallowedHost, Resolver404):
        return None
