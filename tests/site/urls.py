"""Pages that record an event each, numbered so that what arrives can be told apart.

Each answers with the process that served it and the event's uuid.
"""

import os
from functools import cache

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

import analytics
from accounts.models import User
from tracking.models import Client

PERSON = "worker"


@cache
def worker() -> User:
    """The person who does the work; `User.objects.create_user("worker")` makes them."""
    return User.objects.get(username=PERSON)


def record(number: int) -> HttpResponse:
    """Record the event of a number."""
    uuid = analytics.track_event(worker().pk, "work.done", {"number": number})
    return JsonResponse({"pid": os.getpid(), "uuid": str(uuid) if uuid else None})


def work(_request: HttpRequest, number: int) -> HttpResponse:
    """A client named by the number, and the event, in one transaction."""
    with transaction.atomic():
        Client.objects.create(name=str(number))
        return record(number)


def fail(_request: HttpRequest, number: int) -> HttpResponse:
    """The same, rolled back."""
    with transaction.atomic():
        Client.objects.create(name=str(number))
        record(number)
        transaction.set_rollback(True)
    return HttpResponse(status=500)


def track(_request: HttpRequest, number: int) -> HttpResponse:
    """The event alone, outside of a transaction."""
    return record(number)


def plain(_request: HttpRequest) -> HttpResponse:
    """Nothing at all."""
    return HttpResponse("plain")


urlpatterns = [
    path("work/<int:number>/", work),
    path("fail/<int:number>/", fail),
    path("track/<int:number>/", track),
    path("plain/", plain),
    path("", include("timetracker.urls")),
]
