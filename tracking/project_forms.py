"""What managers fill in: projects, clients, tasks and tags. What is allowed is up to `services`."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db.models import Q, QuerySet
from django.utils.functional import cached_property
from django.utils.translation import gettext, gettext_lazy as _

from tracking.models import Client, Membership, Project, Tag, Task, default_currency
from tracking.people import Person
from tracking.services import ProjectFields

OWN = "own"
# Each stands out from the ground of the light and of the dark pages (3:1 at least).
SWATCHES = [
    ("#5b6b8c", _("Slate")),
    ("#3b72d9", _("Blue")),
    ("#2a7f9e", _("Sea")),
    ("#1f8a7d", _("Teal")),
    ("#3d8b46", _("Green")),
    ("#7d8424", _("Olive")),
    ("#a8761c", _("Ochre")),
    ("#cf622b", _("Orange")),
    ("#d0473f", _("Red")),
    ("#c94a82", _("Pink")),
    ("#8b5fc4", _("Purple")),
    ("#8a6a55", _("Brown")),
]
LOOKS: dict[type, str] = {
    forms.Select: "form-select",
    forms.CheckboxInput: "form-check-input",
    forms.CheckboxSelectMultiple: "form-check-input",
    forms.RadioSelect: "",
}
BUDGETS = [
    ("", _("No budget")),
    ("hours", _("In hours")),
    ("money", _("In money")),
]


def name_of(person: Any) -> str:
    """What a person is called: first and last name, else the user name."""
    return str(person.get_full_name() or person.get_username())


class ManageForm(forms.Form):
    """A form of these pages: it takes refusals of a service, and its fields look like ours."""

    def __init__(self, data: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(data, auto_id=f"{self.prefix_of_ids}-%s", **kwargs)
        for field in self.fields.values():
            if look := LOOKS.get(type(field.widget), "form-control"):
                field.widget.attrs.setdefault("class", look)

    prefix_of_ids = "manage"

    def refuse(self, error: ValidationError) -> None:
        """Say a service's refusal beside its fields; above the form what belongs to none."""
        for name, errors in error.update_error_dict({}).items():
            self.add_error(name if name in self.fields else None, errors)


class PeopleField(forms.ModelMultipleChoiceField):
    """People, by their names; cleans to their keys."""

    def label_from_instance(self, obj: Any) -> str:
        """The name; of somebody who has left, that, too."""
        name = name_of(obj)
        return name if obj.is_active else gettext("%(name)s (deactivated)") % {"name": name}

    def clean(self, value: Any) -> Any:
        """The keys of the people who were chosen."""
        return [person.pk for person in super().clean(value)]


def _amount(label: Any, **kwargs: Any) -> forms.DecimalField:
    """Hours or money, as people of the active language write it."""
    field = Project._meta.get_field("budget_money")
    return forms.DecimalField(
        label=label,
        required=False,
        max_digits=field.max_digits,
        decimal_places=field.decimal_places,
        validators=[one for one in field.validators if isinstance(one, MinValueValidator)],
        localize=True,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        **kwargs,
    )


class ProjectForm(ManageForm):
    """A project with its budget and its members."""

    prefix_of_ids = "project"

    name = forms.CharField(label=_("Name"), max_length=200)
    client = forms.ModelChoiceField(
        Client.objects.none(), label=_("Client"), required=False, empty_label=_("No client")
    )
    new_client = forms.CharField(
        label=_("or a new client"),
        max_length=200,
        required=False,
        help_text=_("A name typed here counts instead of the list."),
    )
    color = forms.ChoiceField(
        label=_("Colour"),
        choices=[*SWATCHES, (OWN, _("Own colour"))],
        widget=forms.RadioSelect,
    )
    own_color = forms.CharField(
        label=_("Own colour"),
        required=False,
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}\Z", _("A colour such as #5b6b8c."))],
        widget=forms.TextInput(
            attrs={"type": "color", "class": "own-color", "aria-label": _("Own colour")}
        ),
    )
    billable = forms.BooleanField(
        label=_("Billable"),
        required=False,
        help_text=_("New entries of this project are billable at first."),
    )
    hourly_rate = _amount(
        _("Rate per hour"), help_text=_("In the currency of the client, else in %(currency)s.")
    )
    budget = forms.ChoiceField(
        label=_("Budget"), choices=BUDGETS, required=False, widget=forms.RadioSelect
    )
    budget_amount = _amount(
        _("Hours or money"),
        help_text=_(
            "One budget, in hours or in money: hours count all time, money counts billable time at"
            " the rates that are kept with it."
        ),
    )
    members = PeopleField(
        None,
        label=_("Members"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Nobody ticked: everybody sees it and may spend time on it."),
        error_messages={
            "invalid_choice": _("One of these people is not there any more. Check the list."),
        },
    )
    archived = forms.BooleanField(
        label=_("Archived"), required=False, help_text=_("It takes no more time; nothing is lost.")
    )

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, project: Project | None = None
    ) -> None:
        """An empty form, or one filled with a project that is to be changed."""
        super().__init__(data, initial=_initial(project))
        kept = project.client_id if project else None
        clients = Client.objects.filter(Q(archived=False) | Q(pk=kept)).order_by("name")
        self._field("client").queryset = clients
        there = Membership.objects.filter(project=project).values("user")
        # Who has left stays ticked: a project without any member would be everybody's.
        self._field("members").queryset = people().filter(Q(is_active=True) | Q(pk__in=there))
        rate = self.fields["hourly_rate"]
        rate.help_text = str(rate.help_text) % {"currency": default_currency()}
        # Of a project that is there a rate has a day from which it holds: the page of rates.
        del self.fields["archived" if project is None else "hourly_rate"]

    def _field(self, name: str) -> Any:
        return self.fields[name]

    def clean(self) -> dict[str, Any]:
        """Make one colour of the two fields, and one budget of kind and amount."""
        cleaned = super().clean() or {}
        own = cleaned.pop("own_color", "")
        if cleaned.get("color") == OWN and "own_color" not in self.errors:
            cleaned["color"] = own.lower()
            if not own:
                self.add_error("own_color", _("Choose a colour."))
        kind, amount = cleaned.pop("budget", ""), cleaned.pop("budget_amount", None)
        if kind and amount is None and "budget_amount" not in self.errors:
            self.add_error("budget_amount", _("Enter how much, or choose “No budget”."))
        cleaned["budget_hours"] = amount if kind == "hours" else None
        cleaned["budget_money"] = amount if kind == "money" else None
        return cleaned

    def given(self) -> dict[str, Any]:
        """What a valid form holds, as `services` takes it."""
        fields = dict(self.cleaned_data)
        others = {"new_client", "members", "hourly_rate"}
        extra = {name: fields.pop(name) for name in others & fields.keys()}
        return {"fields": cast(ProjectFields, fields), **extra}


def _initial(project: Project | None) -> dict[str, Any]:
    if project is None:
        return {"billable": True, "color": SWATCHES[0][0], "own_color": "#334455", "budget": ""}
    swatch = project.color in dict(SWATCHES)
    kinds = {"hours": project.budget_hours, "money": project.budget_money}
    kind = next((kind for kind, amount in kinds.items() if amount is not None), "")
    return {
        "name": project.name,
        "client": project.client_id,
        "color": project.color if swatch else OWN,
        "own_color": project.color,
        "billable": project.billable,
        "budget": kind,
        "budget_amount": _plain(kinds.get(kind)),
        "members": project.members.values_list("pk", flat=True),
        "archived": project.archived,
    }


def _plain(amount: Decimal | None) -> Decimal | None:
    """40 for 40.00, as one would type it."""
    return amount.to_integral_value() if amount is not None and amount % 1 == 0 else amount


def people() -> QuerySet[Any]:
    """Everybody, with what their names need, by name."""
    user = get_user_model()
    fields = ("username", "first_name", "last_name", "is_active")
    return user._default_manager.only(*fields).order_by("first_name", "last_name", "username")


class ClientForm(ManageForm):
    """A client. It knows what it was opened with, so that only what was changed is saved."""

    prefix_of_ids = "client"

    name = forms.CharField(label=_("Name"), max_length=200, show_hidden_initial=True)
    currency = forms.CharField(
        label=_("Currency"),
        initial=default_currency,
        show_hidden_initial=True,
        help_text=_("Three capital letters such as EUR: rates and budgets of its projects."),
        widget=forms.TextInput(attrs={"maxlength": 3, "autocomplete": "off", "size": 4}),
    )

    def clean_currency(self) -> str:
        """In capital letters, as the model wants it."""
        currency = str(self.cleaned_data["currency"]).upper()
        Client._meta.get_field("currency").run_validators(currency)
        return currency

    def changes(self) -> dict[str, Any]:
        """What is to be another one than when the form was opened, maybe in another tab."""
        return {name: self.cleaned_data[name] for name in self.changed_data}


class TaskForm(ManageForm):
    """A task's name."""

    prefix_of_ids = "task"

    name = forms.CharField(label=_("Task"), max_length=Task._meta.get_field("name").max_length)


class TagForm(ManageForm):
    """A tag's name."""

    prefix_of_ids = "tag"

    name = forms.CharField(label=_("Name"), max_length=Tag._meta.get_field("name").max_length)


class FilterForm(forms.Form):
    """What a list is narrowed to. What makes no sense narrows nothing."""

    q = forms.CharField(
        required=False,
        label=_("Search by name"),
        widget=forms.TextInput(
            attrs={"type": "search", "class": "form-control", "placeholder": _("Search by name")}
        ),
    )
    state = forms.ChoiceField(
        required=False,
        label=_("State"),
        choices=[("", _("Active")), ("archived", _("Archived")), ("all", _("All"))],
        widget=forms.Select(attrs={"class": "form-select"}),
    )

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data, auto_id="filter-%s")

    @cached_property
    def chosen(self) -> dict[str, Any]:
        """What was asked for and makes sense."""
        self.full_clean()
        return {name: value for name, value in self.cleaned_data.items() if value}

    def narrowed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows that the form asks for."""
        if "q" in self.chosen:
            rows = rows.filter(name__icontains=self.chosen["q"])
        state = self.chosen.get("state")
        return rows if state == "all" else rows.filter(archived=state == "archived")


class ProjectFilterForm(FilterForm):
    """A list of projects, narrowed also to a client's."""

    client = forms.ModelChoiceField(
        Client.objects.none(),
        required=False,
        label=_("Client"),
        empty_label=_("All clients"),
        widget=forms.Select(attrs={"class": "form-select"}),
    )

    def __init__(self, data: Mapping[str, Any], user: Person) -> None:
        """With the clients of the projects that the person sees."""
        super().__init__(data)
        clients: Any = self.fields["client"]
        mine = Project.objects.visible_to(user).filter(client__isnull=False)
        clients.queryset = Client.objects.filter(pk__in=mine.values("client")).order_by("name")

    def narrowed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows that the form asks for; a project of an archived client counts as archived."""
        if q := self.chosen.get("q"):
            rows = rows.filter(Q(name__icontains=q) | Q(client__name__icontains=q))
        if client := self.chosen.get("client"):
            rows = rows.filter(client=client)
        closed = Q(archived=True) | Q(client__archived=True)
        match self.chosen.get("state"):
            case "all":
                return rows
            case "archived":
                return rows.filter(closed)
        return rows.exclude(closed)
