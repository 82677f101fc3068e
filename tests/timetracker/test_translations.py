"""The German catalogues: whole, sound and compiled; and the pages as Germans see them."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.test import Client

from accounts.models import User
from tracking import services
from tracking.models import Client as Customer, Project, Rate, Task, TimeEntry

ROOT = Path(__file__).parents[2]
APPS = ("accounts", "timetracker", "tracking")
SITE, ANALYTICS = ROOT / "locale", ROOT / "analytics" / "locale"
CATALOGUES = pytest.mark.parametrize("folder", [SITE, ANALYTICS], ids=["site", "analytics"])
GERMAN = Path("de") / "LC_MESSAGES"

VALUE = re.compile(r"%\(\w+\)[a-z]|%[a-z%]|\{\w*\}")
TAG = re.compile(r"</?\w[^>]*>")

LOGIN = "/accounts/login/"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday


def spoken(folder: Path) -> Catalog:
    with (folder / GERMAN / "django.po").open("rb") as file:
        return read_po(file, locale="de")


def compiled(folder: Path) -> Catalog:
    with (folder / GERMAN / "django.mo").open("rb") as file:
        return read_mo(file)


def forms(text: Any) -> tuple[str, ...]:
    """The singular and the plural, or the one form there is."""
    return (text,) if isinstance(text, str) else tuple(text)


def pairs(catalogue: Catalog) -> Iterator[tuple[str, str]]:
    """Each form of each message in both languages."""
    for message in catalogue:
        if message.id:
            yield from zip(forms(message.id), forms(message.string), strict=True)


def sentences(catalogue: Catalog) -> dict[tuple[Any, ...], tuple[str, ...]]:
    return {(m.context, *forms(m.id)): forms(m.string) for m in catalogue if m.id}


# --- the catalogues ---


@CATALOGUES
def test_it_says_everything_in_german(folder: Path) -> None:
    catalogue = spoken(folder)

    assert len(catalogue) > 30
    assert [english for english, german in pairs(catalogue) if not german.strip()] == []
    assert [m.id for m in catalogue if m.fuzzy] == []
    assert not catalogue.fuzzy
    assert not catalogue.obsolete


@CATALOGUES
def test_it_keeps_every_value_and_tag(folder: Path) -> None:
    wrong = [
        (english, german)
        for english, german in pairs(spoken(folder))
        for pattern in (VALUE, TAG)
        if Counter(pattern.findall(english)) != Counter(pattern.findall(german))
    ]

    assert wrong == []


@CATALOGUES
def test_it_is_set_as_german_is(folder: Path) -> None:
    """Quotes low and high, an ellipsis that is one sign; and it ends as the English does."""
    wrong = [
        german
        for english, german in pairs(spoken(folder))
        if "”" in german
        or "..." in german
        or '"' in TAG.sub("", german)
        or german.count("„") != german.count("“")
        or german != german.strip()
        or (english[-1] in ".?:") != (german[-1] in ".?:")
    ]

    # The one list item of the sign-in page that is a clause in English is a sentence in German.
    assert [german for german in wrong if "<code>" not in german and german != "j."] == []


@CATALOGUES
def test_what_is_compiled_says_the_same(folder: Path) -> None:
    """Nothing compiles it on the way to a server: what is committed is what people read."""
    assert sentences(compiled(folder)) == sentences(spoken(folder))


@CATALOGUES
def test_its_head_names_the_project_and_nobody(folder: Path) -> None:
    text = (folder / GERMAN / "django.po").read_text()
    head = text.partition("\n\n")[0]

    assert re.search(r'"Project-Id-Version: (TimeTracker|timetracker-analytics)\\n"', head)
    assert r"Plural-Forms: nplurals=2; plural=(n != 1);\n" in head
    assert not re.search(r"FULL NAME|FIRST AUTHOR|PACKAGE|EMAIL|@|YEAR", head)


@pytest.mark.skipif(not shutil.which("xgettext"), reason="GNU gettext is not on this machine.")
@pytest.mark.parametrize(
    ("apps", "folder"), [(APPS, SITE), (("analytics",), ANALYTICS)], ids=["site", "analytics"]
)
def test_it_lacks_no_string_of_the_source(
    apps: tuple[str, ...], folder: Path, tmp_path: Path
) -> None:
    for app in apps:
        shutil.copytree(ROOT / app, tmp_path / app, ignore=shutil.ignore_patterns("static", "*.mo"))
    found = tmp_path if folder == SITE else tmp_path / "analytics"
    shutil.rmtree(found / "locale", ignore_errors=True)
    (found / "locale").mkdir()

    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    subprocess.run(
        [sys.executable, "-m", "django", "makemessages", "-l", "de", "-v", "0"],
        cwd=found,
        env=environment,
        check=True,
        timeout=60,
    )

    source = sentences(spoken(found / "locale")).keys()
    assert len(source) > 30
    lacking = source - sentences(spoken(folder)).keys()
    assert lacking == set(), "run makemessages, translate and compilemessages"


# --- the pages ---


class Reader(HTMLParser):
    """What a page says, and its attributes."""

    SAID = ("aria-label", "title", "placeholder", "alt")

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.said += [value for name, value in attrs if name in self.SAID and value]

    def handle_data(self, data: str) -> None:
        if text := " ".join(data.split()):
            self.said.append(text)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


@pytest.fixture
def work(time_machine: Any, bob: Any, dora: Any) -> TimeEntry:
    """A Monday at noon in Berlin: a running timer, and an hour and 37 minutes on a project."""
    time_machine.move_to(NOON)
    for person in (bob, dora):
        User.objects.filter(pk=person.pk).update(language="de", time_zone="Europe/Berlin")
        person.refresh_from_db()
    aurora = Customer.objects.create(name="Aurora Coffee")
    shop = Project.objects.create(name="Shop", client=aurora, budget_hours=7)
    Rate.objects.create(project=shop, since=date(2000, 1, 1), cents=8550)
    task = Task.objects.create(project=shop, name="Checkout")
    start = NOON - timedelta(hours=4)
    entry = services.create_entry(
        bob, started_at=start, ended_at=start + timedelta(minutes=97), project=shop, task=task
    )
    day = start - timedelta(days=3)
    services.create_entry(bob, started_at=day, ended_at=day + timedelta(minutes=31), project=shop)
    services.start_timer(bob, description="Ablage")
    return entry


def seen_by(person: Any, path: str) -> str:
    """A page as a person gets it, who has chosen German; None is a stranger's browser."""
    client = Client(headers={"Accept-Language": "de"})
    if person is not None:
        client.force_login(person, "accounts.backends.LocalBackend")
    response = client.get(path)
    assert response.status_code == 200, path
    page = response.content.decode()
    assert '<html lang="de"' in page
    return page


EVERYWHERE = "Übersicht Einträge Woche Kalender Projekte Einstellungen Abmelden Stopp Ändern"
EVERYWHERE_NOT = "Dashboard Entries Week Calendar Projects Preferences Stop Change"
PAGES = [
    ("/", "Heute, Diese Woche, Montag, Summe, fortsetzen", "Today, This week, Monday, Total"),
    ("/entries/", "Zeit von Hand eintragen, Zeitraum, Alle Projekte", "Add time, Range, Every"),
    ("/week/", "Zeile hinzufügen, Zeilen der Vorwoche übernehmen", "Add row, Copy rows"),
    ("/calendar/", "Heute, Ansicht, Ziehen Sie über freie Stunden", "Today, View, Drag over"),
    ("/projects/", "Name suchen, 1 Projekt, Aktiv", "Search by name, Active, 1 project"),
    (
        "/accounts/preferences/",
        "Vorname, Zeitzone, Woche beginnt am, Farbschema, Speichern, Nutzungsdaten teilen",
        "First name, Time zone, week starts on, theme, Save",
    ),
]


@pytest.mark.parametrize(("path", "german", "english"), PAGES)
def test_bob_reads_german(bob: Any, work: TimeEntry, path: str, german: str, english: str) -> None:
    said = " | ".join(read(seen_by(bob, path)).said)

    expected = [*EVERYWHERE.split(), *german.split(", ")]
    assert [words for words in expected if words not in said] == []
    left = [*EVERYWHERE_NOT.split(), *english.split(", ")]
    assert [words for words in left if re.search(rf"\b{words}\b", said)] == []


def test_a_stranger_signs_in_in_german(db: None) -> None:
    said = " | ".join(read(seen_by(None, LOGIN)).said)

    for german in ("Anmelden", "Benutzername oder E-Mail", "Passwort", "Angemeldet bleiben"):
        assert german in said
    for english in ("Sign in", "User name", "Password", "Stay signed in"):
        assert english not in said


@pytest.mark.parametrize(
    ("path", "date"),
    [
        ("/", "Montag, 23. November"),
        ("/entries/", "Montag, 23. November"),
        ("/week/", "23. – 29. November"),
        ("/week/2026-11-30/", "30. Nov – 6. Dez"),
        ("/calendar/", "23. – 29. November 2026"),
        ("/calendar/?view=day", "Montag, 23. November 2026"),
    ],
)
def test_dates_are_written_in_german(bob: Any, work: TimeEntry, path: str, date: str) -> None:
    assert date in " ".join(read(seen_by(bob, path)).said)


def test_sentences_write_dates_in_german_too(bob: Any, work: TimeEntry, settings: Any) -> None:
    settings.OVERLAPPING_ENTRIES = "refuse"
    client = Client()
    client.force_login(bob, "accounts.backends.LocalBackend")

    answer = client.post("/entries/new/", {"day": "23.11.2026", "time": "9:15–9:30"})

    assert "(23. November, 09:00–10:37)" in answer.content.decode()


EVERY_PAGE = [
    ("bob", "/"),
    ("bob", "/entries/"),
    ("bob", "/entries/?range=all&text=nothing"),
    ("bob", "/entries/?since=2026-11-01"),
    ("bob", "/entries/new/"),
    ("bob", "/entries/{entry}/"),
    ("bob", "/entries/{entry}/split/"),
    ("bob", "/week/"),
    ("bob", "/week/2026-01-05/"),
    ("bob", "/calendar/"),
    ("bob", "/calendar/?view=day&day=2026-11-20"),
    ("bob", "/projects/"),
    ("bob", "/projects/{project}/"),
    ("bob", "/accounts/preferences/"),
    ("bob", "/accounts/email/"),
    ("bob", "/accounts/password/change/"),
    ("dora", "/team/"),
    ("dora", "/entries/"),
    ("dora", "/entries/?person={person}"),
    ("dora", "/projects/{project}/"),
    ("dora", "/projects/{project}/edit/"),
    ("dora", "/projects/new/"),
    ("dora", "/clients/"),
    ("dora", "/clients/new/"),
    ("dora", "/tags/"),
]
NUMBERS = re.compile(
    r"data-.*|width|height|x|y|r|[cr][xy]|[xy][12]|transform|datetime|min|max|step"
)


@pytest.mark.parametrize(("who", "path"), EVERY_PAGE)
def test_no_english_is_left(request: Any, work: TimeEntry, who: str, path: str) -> None:
    page = read(seen_by(*_asked(request, work, who, path)))

    english = {said for said in page.said if any(one.fullmatch(said) for one in leftovers())}
    assert english == set()


@pytest.mark.parametrize(("who", "path"), EVERY_PAGE)
def test_machines_read_points(request: Any, work: TimeEntry, who: str, path: str) -> None:
    """Browsers and scripts know no decimal comma."""
    page = read(seen_by(*_asked(request, work, who, path)))

    commas = [found for found in page.attributes if NUMBERS.fullmatch(found[1])]
    assert len(commas) > 5
    assert [found for found in commas if re.search(r"\d,\d", found[2])] == []


def _asked(request: Any, work: TimeEntry, who: str, path: str) -> tuple[Any, str]:
    keys = {"entry": work.pk, "project": work.project_id, "person": work.user_id}
    return request.getfixturevalue(who), path.format(**keys)


LEFTOVERS: list[re.Pattern[str]] = []


def leftovers() -> list[re.Pattern[str]]:
    """What the English texts of the catalogue look like, but for those that Germans write, too."""
    if not LEFTOVERS:
        catalogue = list(pairs(spoken(SITE)))
        german = {said for _english, said in catalogue}
        for english in {english for english, _german in catalogue} - german:
            if re.search("[a-z]{2}", VALUE.sub("", english)):
                parts = [re.escape(part) for part in VALUE.split(english)]
                LEFTOVERS.append(re.compile(".+".join(parts)))
    return LEFTOVERS
