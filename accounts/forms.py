"""The forms of signing in and of a person's preferences."""

from typing import Any, ClassVar
from zoneinfo import available_timezones

from allauth.account.forms import LoginForm
from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class SignInForm(LoginForm):
    """allauth's form with our words; the link to a forgotten password stands in the template."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("User name or e-mail")
        self.fields["login"].widget.attrs.update(autocomplete="username", autofocus=True)
        self.fields["remember"].label = _("Stay signed in")
        self.fields["password"].help_text = ""


def time_zone_choices() -> list[tuple[str, str]]:
    """Every IANA time zone, in the order of its name."""
    return [(name, name.replace("_", " ")) for name in sorted(available_timezones())]


class PreferencesForm(forms.ModelForm):
    """What a person decides about themselves."""

    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=time_zone_choices,
        error_messages={
            "invalid_choice": _("“%(value)s” is no time zone; choose one from the list.")
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Django compares a field whose default is a function with a hidden input beside it.
        self.fields["share_analytics"].show_hidden_initial = False

    def save(self, commit: bool = True) -> User:
        """Save these columns alone: the others may have changed since the page was asked for.

        Cleaning has normalised the user name, too, which must not become another person's.
        """
        user: User = self.instance
        user.save(update_fields=self._meta.fields)
        return user

    class Meta:
        model = User
        fields: ClassVar = [
            "first_name",
            "last_name",
            "time_zone",
            "week_start",
            "hours_24",
            "language",
            "theme",
            "share_analytics",
        ]
        widgets: ClassVar = {
            "first_name": forms.TextInput(attrs={"autocomplete": "given-name"}),
            "last_name": forms.TextInput(attrs={"autocomplete": "family-name"}),
        }
        help_texts: ClassVar = {
            "share_analytics": _(
                "On: what you do on this site and when (such as starting a timer, and how long it"
                " ran), your role, how you sign in, and the kinds of your browser and system go,"
                " under a number that stands for you, to the analytics service that the site's"
                " operator has set up, if any. Never sent: names, e-mail addresses, clients,"
                " projects or notes. Off: nothing about you is recorded."
            )
        }
