"""Routes with arguments of different kinds."""

from django.http import HttpResponse
from django.urls import path


def view(*_args: object, **_kwargs: object) -> HttpResponse:
    return HttpResponse()


urlpatterns = [
    path("number/<int:number>/", view),
    path("uuid/<uuid:key>/", view),
    path("word/<str:name>/", view),
]
