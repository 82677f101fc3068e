"""Puts the request's context on every event that is recorded while it is handled."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from analytics import context

GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class AnalyticsMiddleware:
    """Binds the request to a ContextVar. It reads neither user nor session, and adds no header."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Handle a request; under ASGI the answer is a coroutine."""
        if self.is_async:
            return self._acall(request)
        with context.bound(request):
            return self.get_response(request)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        with context.bound(request):
            response = self.get_response(request)
            assert isinstance(response, Awaitable)
            return await response
