"""Addresses of the benchmarks: many events in one request, and the end of a day's work."""

import os

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

import analytics
from tests.site.urls import worker
from tracking.models import TimeEntry


def many(_request: HttpRequest, first: int, count: int) -> HttpResponse:
    """Record events with the numbers from `first` on, in one transaction."""
    with transaction.atomic():
        for number in range(first, first + count):
            analytics.track_event(worker().pk, "work.done", {"number": number})
    return JsonResponse({"pid": os.getpid()})


def forget(_request: HttpRequest) -> HttpResponse:
    """Delete the time entries: a day must not grow longer while it is measured."""
    TimeEntry.objects.all().delete()
    return HttpResponse()


urlpatterns = [
    path("many/<int:first>/<int:count>/", many),
    path("forget/", forget),
    path("", include("tests.site.urls")),
]
