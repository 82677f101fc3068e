"""The web app manifest: what a phone needs to install the site."""

import json
import struct
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.test import Client

MANIFEST = "/manifest.webmanifest"
STATIC = Path(__file__).parents[2] / "timetracker" / "static" / "timetracker"


def test_everybody_gets_it_without_signing_in(client: Client, db: None) -> None:
    response = client.get(MANIFEST)

    assert (response.status_code, response["Content-Type"]) == (200, "application/manifest+json")
    said = response.json()
    assert (said["name"], said["start_url"], said["display"]) == ("TimeTracker", "/", "standalone")
    assert client.post(MANIFEST).status_code == 405
    assert client.head(MANIFEST).status_code == 200


def test_nothing_of_the_session_is_read(client: Client, alice: Any) -> None:
    client.force_login(alice, "accounts.backends.LocalBackend")

    assert client.get(MANIFEST).json()["short_name"] == "TimeTracker"


def test_its_colour_is_that_of_the_pages(client: Client, db: None) -> None:
    said = client.get(MANIFEST).json()

    assert said["background_color"] == said["theme_color"]
    assert f"--ground: light-dark({said['background_color']}," in (STATIC / "app.css").read_text()


def test_its_icons_are_there_in_the_sizes_that_it_names(client: Client, db: None) -> None:
    icons = client.get(MANIFEST).json()["icons"]

    assert {icon["purpose"] for icon in icons} == {"any", "maskable"}
    for icon in icons:
        file = finders.find(icon["src"].removeprefix("/static/"))
        assert file, icon
        if icon["type"] == "image/png":
            assert icon["sizes"] == size_of(Path(file))


def test_the_icon_of_apples_home_screen_is_a_full_square() -> None:
    assert size_of(STATIC / "apple-touch-icon.png") == "180x180"


def size_of(file: Path) -> str:
    header = file.read_bytes()[:24]
    assert header.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", header[16:])
    return f"{width}x{height}"


def test_it_names_the_hashed_files_that_may_be_kept_for_ever(
    client: Client, settings: Any, db: None, tmp_path: Path
) -> None:
    names = [f"timetracker/{file.name}" for file in STATIC.iterdir()]
    hashed = {name: name.replace(".", ".0123456789ab.") for name in names}
    manifest = {"version": "1.1", "hash": "", "paths": hashed}
    (tmp_path / "staticfiles.json").write_text(json.dumps(manifest))
    storage = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    options = {"location": str(tmp_path), "base_url": "/static/"}
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": storage, "OPTIONS": options},
    }

    sources = [icon["src"] for icon in client.get(MANIFEST).json()["icons"]]

    assert "/static/timetracker/icon-192.0123456789ab.png" in sources
    assert all("0123456789ab" in source for source in sources)


def test_the_content_security_policy_lets_browsers_read_it(client: Client, db: None) -> None:
    policy = client.get("/accounts/login/")["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "manifest-src" not in policy  # so the default counts
