"""Writes the inputs of forms: Django renders two templates for each, and pages have a dozen."""

from html import escape
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString

FOLDER = "django/forms/widgets"
KINDS = ("input", "text", "number", "email", "password", "date", "time", "hidden", "checkbox")
INPUTS = {f"{FOLDER}/{kind}.html" for kind in KINDS}  # all of them are `input.html`


class QuickRenderer(DjangoTemplates):
    """Django's own, but for the plain inputs, which are written as their templates write them."""

    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> str:
        """A form, a field or a widget as HTML."""
        if template_name in INPUTS:
            return _input(context["widget"])
        return super().render(template_name, context, request)


def _input(widget: dict[str, Any]) -> SafeString:
    named = {"type": widget["type"], "name": widget["name"]}
    if widget["value"] is not None:
        named["value"] = widget["value"]
    attributes = "".join(_attribute(*each) for each in [*named.items(), *widget["attrs"].items()])
    return SafeString(f"<input{attributes}>")


def _attribute(name: str, value: Any) -> str:
    if value is False:
        return ""
    if value is True:
        return f" {escape(name)}"
    return f' {escape(name)}="{conditional_escape(value)}"'
