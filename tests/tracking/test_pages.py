"""The frame's other pages, and what they are made of."""

import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.http import Http404
from django.test import RequestFactory
from django.views import defaults

from timetracker.settings import BASE_DIR

STATIC = BASE_DIR / "timetracker" / "static"


@pytest.mark.django_db
class TestErrorPages:
    def test_it_says_that_there_is_no_such_page(self, bob_in):
        response = bob_in.get("/nothing/")

        assert response.status_code == 404
        assert "There is no such page" in response.content.decode()

    def test_it_says_so_to_strangers_too(self, client):
        assert "There is no such page" in client.get("/nothing/").content.decode()

    @pytest.mark.parametrize(
        ("view", "code", "words"),
        [
            (defaults.bad_request, 400, "This request was not understood"),
            (defaults.permission_denied, 403, "This is not open to you"),
            (defaults.page_not_found, 404, "There is no such page"),
        ],
    )
    def test_it_needs_no_middleware(self, view, code, words):
        """A request may be refused before anybody is known."""
        response = view(RequestFactory().get("/"), Http404())

        assert response.status_code == code
        assert words in response.content.decode()


def test_it_answers_an_error_without_database_template_tags_or_settings():
    response = defaults.server_error(RequestFactory().get("/"))

    page = response.content.decode()
    assert response.status_code == 500
    assert "Something went wrong" in page
    source = (BASE_DIR / "timetracker" / "templates" / "500.html").read_text()
    assert "{%" not in source
    assert "{{" not in source
    assert '<section lang="de">' in page  # it knows nobody's language
    assert "Etwas ist schiefgegangen" in page


def test_it_names_style_sheets_on_the_error_page_that_exist():
    source = (BASE_DIR / "timetracker" / "templates" / "500.html").read_text()
    for path in re.findall(r'href="/static/([^"]+)"', source):
        assert (STATIC / path).is_file()


def test_it_collects_static_files_under_hashed_names(settings, tmp_path):
    """A file that names another one which is not there would stop the start in production."""
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    }

    call_command("collectstatic", interactive=False, verbosity=0)

    assert list((tmp_path / "timetracker").glob("app.*.css"))
    assert list((tmp_path / "vendor" / "htmx.org").glob("htmx.min.*.js"))


@pytest.mark.parametrize(
    "folder", [path.name for path in sorted(STATIC.glob("vendor/*")) if path.is_dir()]
)
def test_it_keeps_the_licence_and_version_of_what_others_made(folder):
    vendor = STATIC / "vendor"
    assert (vendor / folder / "LICENSE").stat().st_size > 100
    assert f"| {folder} | " in (vendor / "README.md").read_text()


@pytest.mark.parametrize(
    "path", [*STATIC.rglob("*.css"), *STATIC.rglob("*.js")], ids=lambda path: path.name
)
def test_it_points_to_no_source_map(path: Path):
    assert "sourceMappingURL" not in path.read_text()
