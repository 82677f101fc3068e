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


def is_key(text: str) -> bool:
    """Whether a text is a row's number."""
    return text.isascii() and text.isdigit() and len(text) < 19


class ReadOnly(ModelAdmin):  # type: ignore[type-arg]  # takes none at run time
    """Rows that analytics writes: nobody adds or changes one by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They come from what people do."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Read only."""
        return False
