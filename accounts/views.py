"""The pages of signing in and out, and of a person's preferences."""

from collections.abc import Callable
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.views import LoginView, PasswordResetView, SignupView
from django.conf import settings
from django.contrib import auth, messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.messages.views import SuccessMessageMixin
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import reverse, reverse_lazy
from django.utils import translation
from django.utils.http import urlencode
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.generic import UpdateView

import analytics
from accounts import doors
from accounts.demo import DEMO_USERNAME, demo_password
from accounts.forms import PreferencesForm, SignInForm
from accounts.models import User
from accounts.oidc.discovery import recently_failed
from accounts.oidc.errors import ProviderUnavailable
from accounts.oidc.sign_out import ID_TOKEN, is_allowed_after_a_form, sign_out_address

View = Callable[..., HttpResponseBase]


class SignInView(LoginView):
    """The sign-in page: a form, a button to the provider, or both."""

    form_class = SignInForm

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Sign in with a password, where one is kept here."""
        response: HttpResponse
        if not doors.local_open():
            response = self.render_to_response(self.get_context_data(), status=403)
        else:
            response = super().post(request, *args, **kwargs)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what the page shows beside the form. Never asks the provider."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context.update(
            local_open=doors.local_open(),
            passwords_open=doors.passwords_open(),
            sign_up_open=doors.sign_up_open(),
            oidc_address=self._oidc_address() if doors.oidc_open() else "",
            provider_failed=doors.oidc_open() and recently_failed(),
            no_account_yet=not User.objects.exists(),
            demo=_demo_account(),
            demo_missing=not User.objects.filter(
                username=DEMO_USERNAME, is_active=True, is_staff=False
            ).exists(),
        )
        return context

    def _oidc_address(self) -> str:
        address = reverse("oidc_authentication_init")
        goal = self.get_next_url()
        return f"{address}?{urlencode({'next': goal})}" if goal else address


class SignUpView(SignupView):
    """Making an account, where the operator has opened that."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Make it, unless somebody took the name since the form was checked."""
        response: HttpResponse
        try:
            response = super().form_valid(form)
        except IntegrityError:
            form.add_error("username", get_adapter().validation_error("username_taken"))
            response = self.form_invalid(form)
        return response

    def closed(self) -> HttpResponse:
        """Say so, with a status that says so too."""
        return render(self.request, "account/signup_closed.html", status=403)


class ResetView(PasswordResetView):
    """Asking for a new password by mail; without a mail server, what to do instead."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the form only where a mail can follow."""
        if not doors.mail_works():
            return render(request, "accounts/reset_without_mail.html")
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response


class PreferencesView(LoginRequiredMixin, SuccessMessageMixin, UpdateView):
    """A person's own preferences."""

    form_class = PreferencesForm
    template_name = "accounts/preferences.html"
    success_url = reverse_lazy("account_preferences")
    success_message = gettext_lazy("Your preferences are saved.")

    def get_object(self, queryset: object = None) -> User:
        """A copy of the signed-in person: what is refused must not show in the page's head."""
        user = self.request.user
        assert user.is_authenticated  # LoginRequiredMixin
        return User.objects.get(pk=user.pk)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the sentences beside the fields, with a status that says so too."""
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def get_success_message(self, cleaned_data: dict[str, Any]) -> str:
        """In the language that was just chosen: it is shown on the next page."""
        language = cleaned_data["language"] or translation.get_language_from_request(self.request)
        with translation.override(language):
            return str(super().get_success_message(cleaned_data))

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        """Save and record that, neither without the other."""
        response = super().form_valid(form)
        changed = {"fields_changed": len(form.changed_data)}
        analytics.track_event(form.instance.pk, "preferences.updated", changed)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add which of the other account pages there are."""
        return super().get_context_data(
            **kwargs, passwords_open=doors.passwords_open(), demo=_demo_account()
        )


def where_passwords_are_kept(view: View) -> View:
    """Close a page where no password may be changed: with DEMO_MODE, and without local sign-in."""

    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if doors.passwords_open():
            return view(request, *args, **kwargs)
        return render(
            request, "accounts/passwords_closed.html", {"demo": _demo_account()}, status=403
        )

    return wrapped


@never_cache
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session and, where it began at the provider, the provider's session too.

    POST only: another site's link or picture must not sign anybody out. Anything else gets a page
    with the button.
    """
    if request.method != "POST":
        page = render(request, "account/logout.html", status=405)
        page["Allow"] = "POST"
        return page
    id_token = request.session.get(ID_TOKEN)
    auth.logout(request)
    address = _provider_sign_out(request, id_token) if id_token else ""
    if not address:
        return HttpResponseRedirect(resolve_url("account_login"))
    if is_allowed_after_a_form(address):
        return HttpResponseRedirect(address)
    # Chromium would stop this redirect (CSP form-action): a page that moves on by itself may go.
    page = render(request, "accounts/signed_out.html", {"address": address})
    page["Refresh"] = f"0; url={address}"
    return page


def _provider_sign_out(request: HttpRequest, id_token: str) -> str:
    """The provider's address for it; where the provider is down, a message about what is left."""
    try:
        return sign_out_address(request, id_token)
    except ProviderUnavailable:
        messages.warning(
            request,
            _("You are signed out here. The provider does not answer: it may not be so there."),
        )
        return ""


def _demo_account() -> dict[str, str] | None:
    """The demo account's name and password, with DEMO_MODE only."""
    if not settings.DEMO_MODE:
        return None
    return {"username": DEMO_USERNAME, "password": demo_password(DEMO_USERNAME)}
