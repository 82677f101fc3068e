"""Addresses of imports, below a gate that the project puts before them."""

from django.urls import path

from tracking.views import imports

urlpatterns = [
    path("", imports.imports, name="imports"),
    path("<uuid:pk>/", imports.one_import, name="import"),
    path("<uuid:pk>/days/", imports.import_days, name="import_days"),
    path("<uuid:pk>/check/", imports.import_check, name="import_check"),
    path("<uuid:pk>/apply/", imports.import_apply, name="import_apply"),
    path("<uuid:pk>/discard/", imports.import_discard, name="import_discard"),
]
