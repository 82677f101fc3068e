"""Inputs are written as Django's templates write them."""

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from timetracker.renderer import QuickRenderer

WIDGETS = [
    forms.TextInput(),
    forms.TextInput({"class": "wide", "placeholder": gettext_lazy("Any words"), "maxlength": 5}),
    forms.NumberInput({"min": 0, "step": 0.5}),
    forms.EmailInput({"autofocus": True, "required": False}),
    forms.PasswordInput(render_value=True),
    forms.DateInput({"type": "date"}, "%Y-%m-%d"),
    forms.TimeInput(),
    forms.HiddenInput(),
    forms.CheckboxInput({"data-x": SafeString("&amp;")}),
    forms.TextInput({"on<load": "'\"<>&", "none": None}),
]
VALUES = [None, "", "Zoë", "<b>\"'&", SafeString("&lt;"), 0, 1000000, True]


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: type(widget).__name__)
def test_it_writes_what_django_writes(widget, value):
    written, expected = (
        widget.render("field", value, {"id": "id_field"}, made())
        for made in (QuickRenderer, DjangoTemplates)
    )
    assert written == expected


def test_all_else_is_django_s():
    select = forms.Select(choices=[("a", "A")])
    assert select.render("s", "a", renderer=QuickRenderer()) == select.render("s", "a")


def test_the_site_uses_it(settings):
    assert forms.renderers.get_default_renderer().__class__ is QuickRenderer
