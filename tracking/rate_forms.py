"""What managers fill in for rates, and admins for the lock. What is allowed is up to `services`."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Case, F, Max, Q, Value, When, Window
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext, gettext_lazy as _

from tracking.forms import MORE, OfferedField
from tracking.models import Client, Project
from tracking.money import in_cents
from tracking.offers import OFFERED, offer_of
from tracking.people import Person
from tracking.project_forms import FilterForm, ManageForm, name_of, people
from tracking.services.rates import Level
from tracking.widgets import QuickSelect

NAMED = ("project", "person", "client")  # what a rate may name, as addresses and forms do


def day_field(label: Any, **kwargs: Any) -> forms.DateField:
    """A day, by the browser's own field."""
    return forms.DateField(
        label=label, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"), **kwargs
    )


def named_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """The rows that an address or a form names, None for what is none."""
    rows: dict[str, Any] = {
        "project": Project.objects.select_related("client"),
        "person": get_user_model()._default_manager,
        "client": Client.objects,
    }
    return {name: _row(rows[name], given.get(name)) for name in NAMED}


def _row(rows: Any, key: Any) -> Any:
    try:
        return rows.filter(pk=key).first() if key else None
    except (ValueError, TypeError, OverflowError, ValidationError):
        return None


class PersonField(forms.ModelChoiceField):
    """One of the people, by name."""

    def label_from_instance(self, obj: Any) -> str:
        """The name."""
        return name_of(obj)

    def to_python(self, value: Any) -> Any:
        """A person; what cannot be a key at all is nobody's, too (Django 5.2 would name UUIDs)."""
        try:
            return super().to_python(value)
        except ValidationError:
            raise ValidationError(self.error_messages["invalid_choice"], "invalid_choice") from None


def _select() -> QuickSelect:
    return QuickSelect({"class": "form-select"})


class RateForm(ManageForm):
    """A rate: whom and what it is for says its level."""

    prefix_of_ids = "rate"

    project = OfferedField(
        Project.objects.none(),
        label=_("Project"),
        required=False,
        empty_label=_("Every project"),
        widget=_select(),
        error_messages={"invalid_choice": _("This project was removed. Choose another one.")},
    )
    person = PersonField(
        None,
        label=_("Person"),
        required=False,
        empty_label=_("Everybody"),
        widget=_select(),
        error_messages={"invalid_choice": _("This person was removed. Choose another one.")},
    )
    client = forms.ModelChoiceField(
        Client.objects.none(),
        label=_("Client"),
        required=False,
        empty_label=_("Every client"),
        widget=_select(),
        error_messages={"invalid_choice": _("This client was removed. Choose another one.")},
    )
    amount = forms.DecimalField(
        label=_("Amount per hour"),
        localize=True,
        max_digits=20,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    since = day_field(_("From"), help_text=_("The first day for which it holds."))

    def __init__(
        self,
        user: Person,
        data: Mapping[str, Any] | None = None,
        *,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        """An empty form; `initial` fills it with keys of what the rate names, and a day."""
        super().__init__(data, initial=initial)
        given = data if data is not None else self.initial
        row = named_in(given)
        fields: Any = self.fields
        fields["person"].queryset = people().filter(Q(is_active=True) | Q(pk=_pk(row["person"])))
        clients = Client.objects.filter(Q(archived=False) | Q(pk=_pk(row["client"])))
        fields["client"].queryset = clients.order_by("name")
        self._offer(user, row["project"], more=given.get("project") == MORE)

    def _offer(self, user: Person, chosen: Project | None, *, more: bool) -> None:
        """The latest projects, and the chosen one; “More projects…” shows all."""
        field = self.fields["project"]
        assert isinstance(field, OfferedField)
        field.allowed = Project.objects.select_related("client").all
        offer = offer_of(user, None if more else OFFERED)
        beside = [(chosen.pk, chosen.name)] if chosen else []
        if chosen and (chosen.pk, None) in offer.works:
            beside = []
        field.offer([*beside, *offer.projects], more=offer.more)
        if offer.more:
            field.widget.attrs["data-more"] = reverse("work_options")

    def refuse(self, error: ValidationError) -> None:
        """As the fields of this form are called, which are not those of the model."""
        errors = error.update_error_dict({})
        names = {"user": "person", "cents": "amount"}
        super().refuse(ValidationError({names.get(name, name): e for name, e in errors.items()}))

    def clean_amount(self) -> int:
        """In cents."""
        return in_cents(self.cleaned_data["amount"])

    def clean(self) -> dict[str, Any]:
        """A client's rate is for all of its projects and for everybody."""
        cleaned = super().clean() or {}
        if cleaned.get("client") and (cleaned.get("project") or cleaned.get("person")):
            sentence = _("A client’s rate is for all its projects and everybody: name it alone.")
            self.add_error("client", sentence)
        return cleaned

    def level(self) -> Level:
        """Whom and what the rate of a valid form is for."""
        told = self.cleaned_data
        return Level(told["person"], told["project"], told["client"])


def _pk(row: Any) -> Any:
    return row.pk if row else None


class RateFilterForm(FilterForm):
    """A list of rates, narrowed by a name, to those that hold today, or to what is named."""

    def __init__(self, data: Mapping[str, Any], today: date) -> None:
        super().__init__(data)
        self.today = today
        state: Any = self.fields["state"]
        state.choices = [("", _("Every rate")), ("today", _("Holding today"))]
        for name, row in self.named.items():
            if row is not None:
                self.fields[name] = forms.CharField(required=False, widget=forms.HiddenInput)

    @cached_property
    def named(self) -> dict[str, Any]:
        """What the address names, None for what is none."""
        return named_in(self.data)

    def narrowed(self, rows: Any) -> Any:
        """The rates that are asked for, by level; `latest` is the day of that which holds."""
        project, person, client = (self.named[name] for name in NAMED)
        if project:
            rows = rows.filter(project=project)
        if person:
            rows = rows.filter(user=person)
        if client:
            rows = rows.filter(Q(client=client) | Q(project__client=client))
        if q := self.chosen.get("q"):
            rows = rows.filter(_like(q))
        begun = Max("since", filter=Q(since__lte=self.today))
        rows = rows.annotate(
            rank=RANK, latest=Window(begun, partition_by=["user", "project", "client"])
        )
        if self.chosen.get("state") == "today":
            rows = rows.filter(since=F("latest"))
        return rows.order_by(
            "rank",
            F("project__client__name").asc(nulls_last=True),
            "project__name",
            "client__name",
            "user__first_name",
            "user__last_name",
            "user__username",
            "-since",
        )


RANK = Case(
    When(project=None, user=None, client=None, then=Value(0)),
    When(client__isnull=False, then=Value(1)),
    When(project=None, then=Value(2)),
    When(user=None, then=Value(3)),
    default=Value(4),
)
LEVELS = [
    _("The whole installation"),
    _("Clients"),
    _("People"),
    _("Projects"),
    _("People on projects"),
]


def _like(text: str) -> Q:
    """Rates that name a client, project or person of such a name."""
    names = ("client__name", "project__name", "project__client__name")
    of_people = ("user__username", "user__first_name", "user__last_name")
    found = Q()
    for name in (*names, *of_people):
        found |= Q((f"{name}__icontains", text))
    return found


def said(level: Level) -> str:
    """Whom and what a level is for, in words."""
    name = name_of(level.user) if level.user is not None else ""
    if level.project is not None and name:
        return gettext("%(person)s on %(project)s") % {"person": name, "project": level.project}
    return name or str(level.project or level.client or gettext("The whole installation"))


class LockForm(ManageForm):
    """Up to which day time is locked."""

    prefix_of_ids = "lock"

    until = day_field(_("Lock time up to"), help_text=_("The last day that is locked."))
