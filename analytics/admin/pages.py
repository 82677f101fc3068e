"""What the pages of this app share in Django's admin."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest
from django.template.response import TemplateResponse


def page(
    model_admin: ModelAdmin[Any], request: HttpRequest, name: str, context: dict[str, Any]
) -> TemplateResponse:
    """The page `admin/analytics/<model>/<name>.html` with what every page of the site needs."""
    request.current_app = model_admin.admin_site.name
    opts = model_admin.opts
    everywhere = {**model_admin.admin_site.each_context(request), "opts": opts}
    template = f"admin/analytics/{opts.model_name}/{name}.html"
    return TemplateResponse(request, template, {**everywhere, **context})
