"""The addresses below /accounts/: our own doors first, django-allauth's pages behind them."""

from allauth.account import views as allauth_views
from django.urls import include, path, re_path

from accounts.oidc.views import AuthenticateView, CallbackView
from accounts.stored import StoredView, stored_file
from accounts.views import (
    PreferencesView,
    ResetView,
    SignInView,
    SignUpView,
    sign_out,
    where_passwords_are_kept as passwords,
)

urlpatterns = [
    path("login/", SignInView.as_view(), name="account_login"),
    path("logout/", sign_out, name="account_logout"),
    path("signup/", SignUpView.as_view(), name="account_signup"),
    path("preferences/", PreferencesView.as_view(), name="account_preferences"),
    path("preferences/stored/", StoredView.as_view(), name="account_stored"),
    path("preferences/stored.json", stored_file, name="account_stored_file"),
    path("oidc/authenticate/", AuthenticateView.as_view(), name="oidc_authentication_init"),
    path("oidc/callback/", CallbackView.as_view(), name="oidc_authentication_callback"),
    path("email/", passwords(allauth_views.email), name="account_email"),
    path(
        "password/change/",
        passwords(allauth_views.password_change),
        name="account_change_password",
    ),
    path("password/set/", passwords(allauth_views.password_set), name="account_set_password"),
    path("password/reset/", passwords(ResetView.as_view()), name="account_reset_password"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        passwords(allauth_views.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path("", include("allauth.account.urls")),
]
