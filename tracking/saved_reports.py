"""Reports that a person has saved under a name, each their own."""

from dataclasses import dataclass

from django import forms
from django.db import transaction
from django.http import QueryDict
from django.utils.translation import gettext as _, gettext_lazy

from tracking.models import SavedReport
from tracking.people import Person
from tracking.report_forms import ReportForm

MOST = 100  # of a person


@dataclass(frozen=True)
class Saved:
    """A saved report as a page lists it."""

    pk: int
    name: str
    query: str
    here: bool  # it is what the page shows


def saved_reports(user: Person, query: str) -> list[Saved]:
    """Those of a person by name; that of the `query` is marked."""
    rows = SavedReport.objects.filter(user_id=user.pk).values_list("pk", "name", "query")
    return [Saved(pk, name, asked, asked == query) for pk, name, asked in rows]


class SaveForm(forms.Form):
    """A name for a report. One that there is already is replaced only when that was said."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        widget=forms.TextInput({"class": "form-control", "autocomplete": "off"}),
    )
    query = forms.CharField(required=False, widget=forms.HiddenInput)
    replace = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, user: Person, data: QueryDict | None = None, query: str = "") -> None:
        given = data.dict() if data is not None else None
        super().__init__(given, initial={"query": query}, auto_id="save-%s")
        self.user = user

    def clean_query(self) -> str:
        """What it asks for, without what is not there."""
        return ReportForm(self.user, QueryDict(self.cleaned_data["query"])).query

    def clean(self) -> None:
        """Refuse one name too many, and one that there is unless it was said."""
        name = self.cleaned_data.get("name")
        if name is None:
            return
        own = SavedReport.objects.filter(user_id=self.user.pk)
        if own.filter(name=name).exists():
            self._refuse_to_replace(name)
        elif own.count() >= MOST:
            sentence = _("You have saved %(count)d reports. Delete one first.")
            self.add_error("name", sentence % {"count": MOST})

    def _refuse_to_replace(self, name: str) -> None:
        if self.cleaned_data.get("replace") == name:
            return
        self.data = {**self.data, "replace": name}
        sentence = _("You have a report “%(name)s” already. Save again to replace it.")
        self.add_error("name", sentence % {"name": name})

    def save(self) -> SavedReport:
        """Keep it, in the place of one of the same name."""
        with transaction.atomic():
            report, _made = SavedReport.objects.update_or_create(
                user_id=self.user.pk,
                name=self.cleaned_data["name"],
                defaults={"query": self.cleaned_data["query"]},
            )
        return report
