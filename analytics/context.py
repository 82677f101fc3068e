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
from django.utils.functional import SimpleLazyObject, empty

from analytics import useragent
from analytics.addresses import clean_path

USER_AGENT_LIMIT = 512  # characters; longer ones are hostile, and parsing costs by length


class RequestContext:
    """What events take from a request; each part is computed once, when first needed."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        # By user id, so that each is looked up once a request.
        self.consent: dict[Any, bool] = {}
        self.distinct_ids: dict[str, str] = {}
        self.original_ids: dict[Any, str] = {}
        self.waited = 0.0  # seconds, for locks; see `analytics.patience`

    @cached_property
    def properties(self) -> dict[str, Any]:
        """`$current_url`, `$pathname` and what the browser says of itself."""
        header = self.request.META.get("HTTP_USER_AGENT", "")[:USER_AGENT_LIMIT]
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
        meta = self.request.META  # `headers` would be made of all of them first
        return meta.get("HTTP_SEC_GPC") == "1" or meta.get("HTTP_DNT") == "1"

    def is_browser_of(self, key: object) -> bool:
        """Whether the person uses this browser: they are signed in on it, or nobody is.

        Nobody is while somebody signs up. This loads the user, and with it the session.
        """
        user = getattr(self.request, "user", None)
        return user is None or not user.is_authenticated or user.pk == key

    def loaded_user(self, key: object) -> Any | None:
        """The request's person if that is who `key` names and the page has loaded them already."""
        user = self.request.__dict__.get("user")
        if isinstance(user, SimpleLazyObject) and user.__dict__["_wrapped"] is empty:
            return None  # to load it now would read the session, for which a page varies by cookie
        return user if user is not None and user.pk == key else None


_current: ContextVar[RequestContext | None] = ContextVar("analytics_request", default=None)


def current() -> RequestContext | None:
    """The context of the request in hand; None outside of one."""
    return _current.get()


@contextmanager
def bound(request: HttpRequest) -> Iterator[None]:
    """Bind a request for the time of the block."""
    made, outer = RequestContext(request), current()
    if outer and outer.request is request:  # described anew, but waiting for the same person
        made.waited = outer.waited
    token = _current.set(made)
    try:
        yield
    finally:
        _current.reset(token)
