"""What an action answers: to htmx the parts that changed, to any other browser the next page.

Parts of a page that show entries listen to the event `entries-changed` and fetch themselves anew:

    <section id="day" hx-get="{{ request.get_full_path }}" hx-trigger="entries-changed from:body"
             hx-select="#day" hx-swap="outerHTML">
"""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme

from tracking.decorators import PersonRequest, here
from tracking.models import Deletion

CHANGED = "entries-changed"


def done(
    request: PersonRequest, sentence: str, *, undo: Deletion | None = None, to: str = "dashboard"
) -> HttpResponse:
    """Say what was done, with a way to undo it; htmx gets the timer bar and the toasts anew.

    `to` is where a browser without htmx goes, if the form does not say (`next`).
    """
    say(request, sentence, undo=undo)
    if not request.htmx:
        return redirect(next_page(request, to))
    response = render(request, "tracking/done.html")
    response["HX-Reswap"] = "none"
    response["HX-Trigger"] = CHANGED
    return response


def say(request: PersonRequest, sentence: str, *, undo: Deletion | None = None) -> None:
    """Show a toast on the page that follows."""
    if undo is None:
        messages.success(request, sentence)
        return
    context = {"sentence": sentence, "undo": undo, "next": next_page(request, "dashboard")}
    messages.success(request, render_to_string("tracking/undo.html", context, request))


def next_page(request: PersonRequest, to: str) -> str:
    """The page of this site that the form names as `next` or that htmx is on, else `to`."""
    wished = request.POST.get("next", "")
    if request.htmx:
        wished = here(request)
    return wished if is_here(wished) else resolve_url(to)


def is_here(address: str) -> bool:
    """Whether an address that somebody sent is a path of this site (and no view's name, which
    Django's `redirect` would look up).
    """
    return address.startswith("/") and url_has_allowed_host_and_scheme(address, allowed_hosts=None)
