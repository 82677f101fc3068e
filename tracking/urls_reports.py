"""Addresses of reports, below the prefix at which the site mounts them."""

from django.urls import path

from tracking.views import reports

urlpatterns = [
    path("", reports.reports, name="reports"),
    path("entries/", reports.report_entries, name="report_entries"),
    path("saved/", reports.report_save, name="report_save"),
    path("saved/<int:pk>/delete/", reports.report_delete, name="report_delete"),
]
