"""Addresses of the exports, which the operator may switch off."""

from django.urls import path

from tracking.views import exports

urlpatterns = [
    path("entries.csv", exports.entries, {"kind": exports.CSV}, name="export_entries_csv"),
    path("entries.xlsx", exports.entries, {"kind": exports.XLSX}, name="export_entries_xlsx"),
    path("report.csv", exports.report, {"kind": exports.CSV}, name="export_report_csv"),
    path("report.xlsx", exports.report, {"kind": exports.XLSX}, name="export_report_xlsx"),
]
