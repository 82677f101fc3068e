"""Parts of the site that the operator switches off: the address says so, the way in disappears."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.template import RequestContext, Template
from django.test import Client, RequestFactory
from django.urls import get_resolver, include, path, resolve, reverse

from timetracker.gates import EXPORTS, IMPORTS, REPORTS, gated

PARTS = [("reports", REPORTS), ("exports", EXPORTS), ("imports", IMPORTS)]


def view(_request: HttpRequest, number: int = 0) -> HttpResponse:
    return HttpResponse(f"open {number}")


below = [path("", view, name="first"), path("weekly/<int:number>/", view, name="weekly")]
urlpatterns = [
    *(gated(f"{name}/", include((below, name)), gate) for name, gate in PARTS),
    path("", include("timetracker.urls")),
]


@pytest.fixture(autouse=True)
def _urls(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.timetracker.test_gates"


@pytest.mark.parametrize(("name", "gate"), PARTS)
def test_it_is_open_by_default(client: Client, db: None, name: str, gate: Any) -> None:
    assert gate.is_open
    assert client.get(f"/{name}/").content == b"open 0"
    assert client.get(f"/{name}/weekly/7/").content == b"open 7"
    assert client.get(f"/{name}/nothing/").status_code == 404


@pytest.mark.parametrize(("name", "gate"), PARTS)
@pytest.mark.parametrize("below", ["", "weekly/7/", "nothing/", "a/b?c=d"])
def test_closed_every_address_below_answers_with_a_sentence(
    client: Client, settings: Any, db: None, name: str, gate: Any, below: str
) -> None:
    setattr(settings, gate.setting, False)

    response = client.get(f"/{name}/{below}")

    page = response.content.decode()
    assert response.status_code == 403
    assert f"{name.capitalize()} are switched off on this site." in page
    assert page.count("<h1") == 1
    assert 'href="/"' in page
    assert "open 0" not in page


def test_closed_it_leaves_all_else_open(client: Client, settings: Any, db: None) -> None:
    settings.ENABLE_REPORTS = False

    assert client.get("/exports/").content == b"open 0"
    assert client.get("/accounts/login/").status_code == 200
    assert client.get("/reports")["Location"] == "/reports/"
    assert client.get("/reportsandmore/").status_code == 404


def test_closed_it_answers_people_who_are_signed_in_the_same(
    client: Client, settings: Any, alice: Any
) -> None:
    settings.ENABLE_REPORTS = False
    client.force_login(alice, "accounts.backends.LocalBackend")

    assert client.get("/reports/").status_code == 403
    assert client.post("/reports/").status_code == 403


def test_closed_a_form_that_was_open_gets_the_sentence_whatever_its_token(
    settings: Any, db: None
) -> None:
    settings.ENABLE_IMPORTS = False

    response = Client(enforce_csrf_checks=True).post("/imports/", {"file": "x"})

    assert "Imports are switched off" in response.content.decode()


def test_closed_htmx_gets_the_sentence_alone_for_its_notice(
    client: Client, settings: Any, db: None
) -> None:
    settings.ENABLE_EXPORTS = False

    response = client.get("/exports/weekly/7/", headers={"HX-Request": "true"})

    assert (response.status_code, response["Content-Type"]) == (403, "text/plain; charset=utf-8")
    assert response.content.decode().startswith("Exports are switched off")
    assert b"<" not in response.content


def test_it_stays_an_address_that_templates_can_name(settings: Any) -> None:
    settings.ENABLE_REPORTS = False
    assert reverse("reports:weekly", kwargs={"number": 7}) == "/reports/weekly/7/"


def test_events_see_the_prefix_and_nothing_of_what_stands_below(settings: Any) -> None:
    settings.ENABLE_REPORTS = False
    assert resolve("/reports/secret/").route == "reports/"


def test_the_way_in_disappears(settings: Any) -> None:
    settings.ENABLE_REPORTS = False
    link = (
        "{% for name, is_open in gates.items %}{% if is_open %}{{ name }} {% endif %}{% endfor %}"
    )

    request = RequestFactory().get("/")
    shown = Template(link).render(RequestContext(request))

    assert shown.split() == ["exports", "imports"]


@pytest.mark.parametrize("name", ["reports", "exports", "imports"])
def test_the_site_has_a_gate_before_each_part_that_it_has(
    client: Client, settings: Any, db: None, name: str
) -> None:
    """Where nothing stands behind one yet, there is no such address at all."""
    settings.ROOT_URLCONF = "timetracker.urls"
    there = [p for p in get_resolver().url_patterns if str(p.pattern).startswith(f"{name}/")]
    setattr(settings, f"ENABLE_{name.upper()}", False)

    assert client.get(f"/{name}/").status_code == (403 if there else 404)
