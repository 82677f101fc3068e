"""The form of an import: a file, and the time zone of its times."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _, gettext_lazy

from tracking.importing.files import MOST_BYTES
from tracking.people import Person

MEGABYTE = 1024 * 1024


def too_large(size: int) -> ValidationError:
    """What is said of a file of so many bytes."""
    return ValidationError(
        _("This file has %(size)d MB; at most %(most)d MB are read. Export shorter periods.")
        % {"size": -(-size // MEGABYTE), "most": MOST_BYTES // MEGABYTE}
    )


def zones() -> list[tuple[str, str]]:
    """Every IANA time zone, in the order of its name."""
    return [(name, name.replace("_", " ")) for name in sorted(available_timezones())]


class ImportForm(forms.Form):
    """Cleans to `file` and `time_zone`, the IANA name of a zone."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        allow_empty_file=True,  # said in our own words
        widget=forms.FileInput(attrs={"class": "form-control", "accept": ".csv,text/csv"}),
        error_messages={
            "required": gettext_lazy("Choose a CSV file of Toggl or Clockify."),
            "invalid": gettext_lazy("Choose a CSV file of Toggl or Clockify."),
        },
        help_text=gettext_lazy("The detailed report as CSV, at most 20 MB and 100,000 lines."),
    )
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone of its times"),
        choices=zones,
        widget=forms.Select(attrs={"class": "form-select"}),
        error_messages={
            "invalid_choice": gettext_lazy("“%(value)s” is no time zone; choose one from the list.")
        },
    )
    use_required_attribute = False

    def __init__(self, user: Person, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files, initial={"time_zone": user.time_zone})

    def clean_file(self) -> UploadedFile:
        """Refuse what is too large before it is read."""
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise too_large(file.size or 0)
        return file
