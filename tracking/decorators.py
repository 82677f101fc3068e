"""Who may see a page."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from tracking.people import manages

P = ParamSpec("P")


class PersonRequest(HttpRequest):
    """A request of somebody who is signed in."""

    user: Any
    htmx: HtmxDetails


def person_required(
    view: Callable[Concatenate[PersonRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Send everybody else to the sign-in page, and from there back to the page they were on.

    Django's own decorator would lead back to the address of the request: after a lost session
    that may be one that takes only POST, and htmx would put the sign-in page into a part of this.
    """

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request = cast(PersonRequest, request)
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        to_sign_in = redirect_to_login(_page_of(request))
        return HttpResponseClientRedirect(to_sign_in.url) if request.htmx else to_sign_in

    return guarded


def manager_required(
    view: Callable[Concatenate[PersonRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """For managers and admins; others who are signed in get 403, strangers the sign-in page."""

    @person_required
    @wraps(view)
    def guarded(request: PersonRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not manages(request.user):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


def here(request: PersonRequest) -> str:
    """The page of this site that htmx says it is on; empty where it says none."""
    try:
        return (request.htmx and request.htmx.current_url_abs_path) or ""
    except ValueError:  # the header holds no address
        return ""


def _page_of(request: PersonRequest) -> str:
    if request.htmx:
        return here(request) or resolve_url("dashboard")
    return request.get_full_path() if request.method == "GET" else resolve_url("dashboard")
