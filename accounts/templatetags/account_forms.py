"""Form fields in the site's look, for the templates of the account pages."""

from django import forms, template
from django.forms import BoundField
from django.utils.safestring import SafeString

register = template.Library()


def css_class(widget: forms.Widget) -> str:
    """Bootstrap's class for a widget."""
    if isinstance(widget, forms.CheckboxInput | forms.RadioSelect):
        return "form-check-input"
    return "form-select" if isinstance(widget, forms.Select) else "form-control"


@register.filter
def control(field: BoundField) -> SafeString:
    """The field's input in Bootstrap's look. It has a label, so it needs no placeholder."""
    widget = field.field.widget
    widget.attrs.pop("placeholder", None)
    invalid = " is-invalid" if field.errors else ""
    return field.as_widget(attrs={"class": css_class(widget) + invalid})


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Whether the label stands behind the input."""
    return isinstance(field.field.widget, forms.CheckboxInput)
