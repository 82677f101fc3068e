"""What every answer of the site carries, and how much it is willing to be sent."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views import defaults
from django.views.decorators.csrf import requires_csrf_token

from tracking.importing.files import length_of

# Nothing of a browser's machine is needed here, nor may what somebody smuggled into a page ask.
FEATURES = (
    "accelerometer browsing-topics camera display-capture encrypted-media fullscreen geolocation"
    " gyroscope magnetometer microphone midi payment picture-in-picture screen-wake-lock serial usb"
    " xr-spatial-tracking"
)
PERMISSIONS_POLICY = ", ".join(f"{feature}=()" for feature in FEATURES.split())
TOO_LARGE = _("What was sent is larger than this page takes. Nothing was saved; send less at once.")
NO_LENGTH = _("What was sent does not say how long it is. Nothing was saved.")


class HeadersMiddleware(MiddlewareMixin):
    """Adds what neither Django nor django-csp adds. Stands before whatever answers by itself."""

    def process_response(self, _request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Permissions-Policy; and no cache between here and the browser keeps what says nothing."""
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        if "Cache-Control" not in response.headers:
            patch_cache_control(response, private=True)
        return response


class BodyMiddleware(MiddlewareMixin):
    """Refuses a body that is too large, or of unknown length, before anybody reads of it.

    Stands before Django's CsrfViewMiddleware, which reads forms to find the token. Bodies are read
    as they are: a Content-Encoding is never undone, so that none is larger than what was sent.
    """

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """413, or 411 (Django reads such a body as an empty one); None where all is well."""
        if "Transfer-Encoding" in request.headers and not request.META.get("CONTENT_LENGTH"):
            return refusal(request, 411, NO_LENGTH)
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if length_of(request) > limit and not getattr(view, "judges_length", False):
            return refusal(request, 413, TOO_LARGE)
        return None


def refusal(request: HttpRequest, status: int, sentence: Promise) -> HttpResponse:
    """The sentence as a page; alone for htmx, whose pages show it as a notice, and for scripts."""
    if "HX-Request" in request.headers or request.content_type == "application/json":
        return HttpResponse(sentence, "text/plain; charset=utf-8", status)
    return render(request, "refused.html", {"sentence": sentence}, status=status)


@requires_csrf_token
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler400`, which tells what is too large only when it is read from the rest."""
    if isinstance(exception, RequestDataTooBig):
        return refusal(request, 413, TOO_LARGE)
    return defaults.bad_request(request, exception)
