"""A form that is sent twice, as by a double click without the script, does once what it says."""

import hashlib

from django.core.cache import cache

from tracking.decorators import PersonRequest


def first_time(request: PersonRequest, seconds: int) -> bool:
    """Whether this very form, of this very rendering of the page, was not sent so shortly before.

    A form carries a token that is masked anew with every page. htmx sends none: there the button is
    off while its request is on the way.
    """
    return "csrfmiddlewaretoken" not in request.POST or cache.add(_key(request), 1, seconds)


def forget_first_time(request: PersonRequest) -> None:
    """What was refused may be sent again."""
    cache.delete(_key(request))


def _key(request: PersonRequest) -> str:
    sent = f"{request.user.pk} {request.path} {request.POST.urlencode()}"
    return f"form-{hashlib.sha256(sent.encode()).hexdigest()}"
