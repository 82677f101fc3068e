"""The request that an event is recorded in, kept in a ContextVar.

The middleware binds the request as it is; nothing is read from it before an event needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from analytics import useragent
from analytics.addresses import clean_path

USER_AGENT_LIMIT = 512  # characters; longer ones are hostile, and parsing costs by length


class RequestContext:
    """What events take from a request; each part is computed once, when first needed."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        # By user id, so that each is looked up once a request.
        self.consent: dict[str, bool] = {}
        self.distinct_ids: dict[str, str] = {}

    @cached_property
    def properties(self) -> dict[str, Any]:
        """`$current_url`, `$pathname` and what the browser says of itself."""
        header = self.request.headers.get("User-Agent", "")[:USER_AGENT_LIMIT]
        return {**self._address(), **useragent.describe(header)}

    def _address(self) -> dict[str, str]:
        path = clean_path(self.request)
        if path is None:
            return {}
        try:
            host = self.request.get_host()
        except DisallowedHost:
            return {"$pathname": path}
        return {"$current_url": f"{self.request.scheme}://{host}{path}", "$pathname": path}

    @property
    def browser_objects(self) -> bool:
        """Whether the browser says `Sec-GPC: 1` or `DNT: 1`."""
        headers = self.request.headers
        return headers.get("Sec-GPC") == "1" or headers.get("DNT") == "1"

    def is_browser_of(self, user_id: object) -> bool:
        """Whether the person uses this browser: they are signed in on it, or nobody is.

        Nobody is while somebody signs up.
        """
        user = getattr(self.request, "user", None)
        return user is None or not user.is_authenticated or same_id(user.pk, user_id)

    def user_if(self, user_id: object) -> Any | None:
        """The request's signed-in person if that is who `user_id` names, else None."""
        user = getattr(self.request, "user", None)
        return user if user is not None and same_id(user.pk, user_id) else None


def same_id(one: object, other: object) -> bool:
    """Whether two keys name the same row, be they UUID, int or text."""
    return one is not None and str(one) == str(other)


_current: ContextVar[RequestContext | None] = ContextVar("analytics_request", default=None)


def current() -> RequestContext | None:
    """The context of the request in hand; None outside of one."""
    return _current.get()


@contextmanager
def bound(request: HttpRequest) -> Iterator[None]:
    """Bind a request for the time of the block."""
    token = _current.set(RequestContext(request))
    try:
        yield
    finally:
        _current.reset(token)
