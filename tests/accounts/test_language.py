"""The language of the pages: the person's choice, else what the browser asks for."""

from typing import Any

import pytest
from django.contrib.messages.views import SuccessMessageMixin
from django.test import Client
from django.utils import translation

from accounts.models import User

LOGIN, PREFERENCES = "/accounts/login/", "/accounts/preferences/"
GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}


@pytest.fixture
def signed_in(client: Client, bob: Any) -> Client:
    client.force_login(bob, "accounts.backends.LocalBackend")
    return client


def choose(language: str) -> None:
    User.objects.filter(username="bob").update(language=language)


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [("de-AT,de;q=0.9", "de"), ("en-GB", "en"), ("fr, de;q=0.1", "de"), ("fr", "en"), ("", "en")],
)
def test_strangers_get_what_their_browser_asks_for(
    client: Client, db: None, asked: str, spoken: str
) -> None:
    response = client.get(LOGIN, headers={"Accept-Language": asked} if asked else {})

    assert response["Content-Language"] == spoken
    assert f'<html lang="{spoken}"' in response.content.decode()


@pytest.mark.parametrize(
    ("chosen", "asked", "spoken"),
    [("", "de", "de"), ("", "en", "en"), ("en", "de", "en"), ("de", "en", "de")],
)
def test_a_persons_choice_goes_before_that(
    signed_in: Client, chosen: str, asked: str, spoken: str
) -> None:
    choose(chosen)

    response = signed_in.get(PREFERENCES, headers={"Accept-Language": asked})

    assert response["Content-Language"] == spoken
    assert f'<html lang="{spoken}"' in response.content.decode()


def test_no_cache_gives_one_persons_language_to_another(signed_in: Client) -> None:
    vary = {word.strip() for word in signed_in.get(PREFERENCES)["Vary"].split(",")}

    assert {"Accept-Language", "Cookie"} <= vary


def test_one_persons_language_does_not_stay_for_the_next(signed_in: Client) -> None:
    """The threads of a server answer many people."""
    choose("de")
    signed_in.get(PREFERENCES)

    assert Client().get(LOGIN)["Content-Language"] == "en"
    assert Client().get("/nowhere/")["Content-Language"] == "en"


def test_a_page_of_an_error_speaks_the_persons_language_too(signed_in: Client) -> None:
    choose("de")

    response = signed_in.get("/nowhere/")

    assert response.status_code == 404
    assert '<html lang="de"' in response.content.decode()


def test_a_language_that_the_site_no_longer_has_breaks_nothing(signed_in: Client) -> None:
    choose("xx")

    assert signed_in.get(PREFERENCES).status_code == 200


def test_djangos_own_words_follow(signed_in: Client) -> None:
    """As long as the site's own catalogue is not there, and for the words that it need not have."""
    form = {"time_zone": "", "week_start": "0", "theme": "dark", "hours_24": "True"}

    response = signed_in.post(PREFERENCES, form, headers=GERMAN)

    assert response.status_code == 422
    assert "Dieses Feld ist zwingend erforderlich." in response.content.decode()


def test_the_page_after_saving_says_so_in_the_new_language(
    signed_in: Client, monkeypatch: Any
) -> None:
    spoken: list[str | None] = []

    def said(_view: object, _data: dict[str, Any]) -> str:
        spoken.append(translation.get_language())
        return "saved"

    monkeypatch.setattr(SuccessMessageMixin, "get_success_message", said)
    form = {"time_zone": "UTC", "week_start": "0", "theme": "dark", "hours_24": "True"}

    signed_in.post(PREFERENCES, {**form, "language": "de"})
    signed_in.post(PREFERENCES, {**form, "language": ""}, headers={"Accept-Language": "en"})

    assert spoken == ["de", "en"]
