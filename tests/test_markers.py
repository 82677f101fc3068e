"""Nothing personal leaves.

Every text column holds a marker of its own, and every address and form of the site is used.
"""

import json
import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.regex_helper import normalize

from accounts.models import User
from analytics import delivery
from analytics.models import Event, Person
from tests.accounts.conftest import sent, sign_in as sign_in_through_provider
from tests.accounts.provider import running_provider
from tests.conftest import PASSWORD
from tracking.models import Client as Customer, Project, Task, TimeEntry

pytestmark = pytest.mark.django_db
OURS = ("accounts", "tracking", "account")
MARKER = "mrk7q"
LOGIN, PREFERENCES = "/accounts/login/", "/accounts/preferences/"


def marker(*parts: str) -> str:
    return "".join((MARKER, *parts))


def mark_every_text_column() -> set[str]:
    """Write a marker of its own into each free text column of each row of ours; returns them."""
    written = set()
    for model in apps.get_models():
        if model._meta.app_label not in OURS:
            continue
        for field in model._meta.fields:
            if not markable(field):
                continue
            for number, row in enumerate(model._default_manager.all()):
                word = marker(str(model._meta.model_name), field.attname, str(number))
                value = f"{word}@example.org" if isinstance(field, models.EmailField) else word
                model._default_manager.filter(pk=row.pk).update(**{field.name: value})
                written.add(f"{model._meta.label}.{field.name}")
    return written


def markable(field: models.Field) -> bool:
    """Whether anybody may write anything into it (and the site works on)."""
    free = isinstance(field, models.CharField | models.TextField) and not field.choices
    return free and field.name not in ("password", "time_zone", "color", "currency")


def addresses(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    """One address for every route; a parameter that takes text is given a marker."""
    for pattern in patterns:
        route = str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, prefix + route)
        else:
            yield "/" + fill(re.sub(r"\^|\$$|\\Z$", "", prefix + route))


def fill(route: str) -> str:
    values = {"int": "1", "uuid": "00000000-0000-4000-8000-000000000001"}
    if "(?P" in route:  # a regular expression: Django's own tool fills it in
        template, names = normalize(route)[0]
        return template % dict.fromkeys(names, f"{MARKER}path")
    return re.sub(
        r"<(?:(\w+):)?\w+>", lambda found: values.get(found[1] or "", f"{MARKER}path"), route
    )


@pytest.fixture
def people(alice, bob):
    """alice (admin) and bob, with work of their own; every text column marked."""
    customer = Customer.objects.create(name="x")
    project = Project.objects.create(name="x", client=customer)
    task = Task.objects.create(name="x", project=project)
    from django.utils import timezone

    now = timezone.now()
    for person in (alice, bob):
        TimeEntry.objects.create(
            user=person, project=project, task=task, description="x", started_at=now, ended_at=now
        )
    written = mark_every_text_column()
    assert {"accounts.User.email", "accounts.User.first_name", "tracking.Client.name"} <= written
    assert {"tracking.Project.name", "tracking.Task.name", "tracking.TimeEntry.description"} <= (
        written
    )
    alice.refresh_from_db()
    bob.refresh_from_db()
    return alice, bob


def everything_recorded() -> str:
    events = [(e.event, e.distinct_id, e.properties, e.last_error) for e in Event.objects.all()]
    persons = [(p.distinct_id, p.properties) for p in Person.objects.all()]
    return json.dumps([events, persons]).lower()


def check_nothing_personal(posthog, *secrets: str) -> None:
    while delivery.deliver(everything=True).delivered:
        pass
    sent = b"".join(posthog.bodies).decode().lower()
    for text in (everything_recorded(), sent):
        assert len(text) > 1000
        for word in (MARKER, "@", "example.org", PASSWORD, *secrets):
            assert word.lower() not in text, word


def test_events_08_nothing_personal_leaves_by_any_address(people, analytics_on, posthog, settings):
    alice, bob = people
    settings.ALLOW_SELF_REGISTER = True
    form = dict.fromkeys(
        ("login", "password", "username", "email", "description", "first_name", "name", "q"),
        f"{MARKER}typed",
    )
    visited = set()
    for person in (None, bob, alice):
        for address in addresses(get_resolver().url_patterns):
            if "oidc" in address:
                continue  # below: asks a provider
            client = Client(raise_request_exception=True)
            if person is not None:
                client.force_login(person, backend="accounts.backends.LocalBackend")
            for query in ("", f"?q={MARKER}search&next=/{MARKER}next"):
                visited.add(client.get(address + query).status_code)
            visited.add(client.post(address, form).status_code)
    assert {200, 302, 404, 405} <= visited
    assert not {status for status in visited if status >= 500}

    check_nothing_personal(posthog)


def test_events_08_nothing_personal_leaves_where_all_goes_well(
    people, client, analytics_on, posthog, settings, mailoutbox
):
    alice, bob = people
    settings.ALLOW_SELF_REGISTER = True
    settings.EMAIL_URL = {"EMAIL_BACKEND": "locmem"}
    client.post(LOGIN, {"login": bob.username, "password": f"{MARKER}wrong"})
    client.post(LOGIN, {"login": bob.username, "password": PASSWORD})
    client.post("/timer/start/", {"description": f"{MARKER} with the lawyers"})
    client.post("/timer/stop/")
    names = {"first_name": f"{MARKER}first", "last_name": f"{MARKER}last"}
    settled = {"time_zone": "Europe/Berlin", "week_start": "0", "theme": "dark", "hours_24": "True"}
    saved = client.post(PREFERENCES, {**names, **settled, "share_analytics": "on"})
    assert saved.status_code == 302
    client.get(f"/nowhere/{MARKER}/?q={MARKER}")
    client.post("/accounts/logout/")

    client.post("/accounts/password/reset/", {"email": bob.email})
    (link,) = re.findall(r"/accounts/password/reset/key/\S+", sent()[-1].body)
    key = link.rstrip("/").rpartition("/")[2]
    form_page = client.get(link, follow=True)
    new = {"password1": f"{PASSWORD}2", "password2": f"{PASSWORD}2"}
    client.post(form_page.redirect_chain[-1][0], new)
    client.post(LOGIN, {"login": bob.username, "password": f"{PASSWORD}2"})
    client.post("/accounts/logout/")

    account = {"username": f"{MARKER}new", "email": f"{MARKER}new@example.org"}
    passwords = {"password1": PASSWORD, "password2": PASSWORD}
    client.post("/accounts/signup/", {**account, **passwords})
    assert User.objects.filter(username=f"{MARKER}new").exists()
    client.post("/accounts/logout/")

    client.force_login(alice, backend="accounts.backends.LocalBackend")
    client.post("/admin/tracking/client/add/", {"name": f"{MARKER}customer", "currency": "EUR"})
    assert Customer.objects.filter(name=f"{MARKER}customer").exists()
    client.get(f"/admin/tracking/client/?q={MARKER}")
    with running_provider() as provider:
        settings.OIDC_ISSUER = provider.issuer
        provider.person.update(preferred_username=f"{MARKER}oidc", given_name=f"{MARKER}given")
        assert sign_in_through_provider(Client()).status_code == 302

    names = set(Event.objects.values_list("event", flat=True))
    assert names >= {
        *("auth.login", "auth.logout", "auth.login_failed", "auth.signup", "$set"),
        *("timer.started", "timer.stopped", "preferences.updated"),
    }
    check_nothing_personal(posthog, key, f"{PASSWORD}2", "lawyers")
