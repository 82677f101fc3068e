"""The pages of imports: a file is chosen, checked, looked at and imported."""

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.tracking.importing import HEADER, checked, fixture, line, toggl
from tracking.importing.files import MOST_BYTES
from tracking.models import Import, TimeEntry

pytestmark = pytest.mark.django_db
PAGE = "/imports/"


def choose(client: Client, content: bytes, name: str = "time.csv", **data: str):
    """Send a file."""
    sent = {"file": SimpleUploadedFile(name, content), "time_zone": "Europe/Berlin", **data}
    return client.post(PAGE, sent)


def sentence(response, status: int = 422) -> str:
    """What is said beside the file."""
    assert response.status_code == status
    return " ".join(response.context["form"].errors["file"])


def test_it_shows_a_form_with_ones_own_zone(bob_in, bob):
    bob.time_zone = "America/New_York"
    bob.save()
    response = bob_in.get(PAGE)

    assert '<option value="America/New_York" selected>' in response.content.decode()


def test_a_file_is_checked_looked_at_and_imported_without_a_script(bob_in, work):
    content = toggl(line(project="Garden", description="Rake <b>leaves</b>"), line(4))
    response = choose(bob_in, content, "March.csv")
    address = response["Location"]
    assert "0 of 2 lines" in bob_in.get(address).content.decode()

    response = bob_in.post(f"{address}check/")
    assert response["Location"] == address
    page = bob_in.get(address).content.decode()
    assert "2 entries will be made" in page
    assert "Rake &lt;b&gt;leaves&lt;/b&gt;" in page
    assert "Amounts of the file do not count" in page
    assert "with times in Europe/Berlin" in page
    assert not TimeEntry.objects.exists()

    response = bob_in.post(f"{address}apply/")
    assert response["Location"] == address
    assert "2 entries were imported" in bob_in.get(address).content.decode()
    assert TimeEntry.objects.count() == 2
    assert "2 entries imported" in bob_in.get(PAGE).content.decode()

    again = choose(bob_in, content)["Location"]
    bob_in.post(f"{again}check/")
    page = bob_in.get(again).content.decode()
    assert "There is nothing to import" in page
    assert "2 lines are here already" in page
    assert "apply/" not in page


def test_htmx_gets_how_far_it_is_then_the_preview(bob_in, bob, work, monkeypatch):
    monkeypatch.setattr("tracking.services.imports.CHUNK", 1)
    address = choose(bob_in, toggl(line(), line(4)))["Location"]

    parts = [
        bob_in.post(f"{address}check/", headers={"HX-Request": "true"}).content.decode()
        for _step in range(2)
    ]

    assert 'max="2" value="1"' in parts[0]
    assert 'hx-trigger="load"' in parts[0]
    assert "2 entries will be made" in parts[1]
    assert "<html" not in parts[1]


def test_it_asks_for_the_order_of_day_and_month(bob_in, work):
    address = choose(bob_in, fixture("clockify_undecided.csv"))["Location"]
    page = bob_in.get(address).content.decode()
    assert "Which day is 3/4/2025?" in page
    assert "April 3, 2025" in page
    assert "March 4, 2025" in page

    response = bob_in.post(f"{address}days/", {"order": "neither"})
    assert response.status_code == 422
    assert "Choose which day is meant." in response.content.decode()

    bob_in.post(f"{address}days/", {"order": "month"})
    bob_in.post(f"{address}check/")
    bob_in.post(f"{address}apply/")
    assert {entry.day.isoformat() for entry in TimeEntry.objects.all()} == {
        *("2025-03-04", "2025-05-05"),
    }


def test_errors_stand_with_the_numbers_of_their_lines(bob_in, work):
    address = choose(bob_in, fixture("toggl_wrong.csv"))["Location"]
    bob_in.post(f"{address}check/")
    page = bob_in.get(address).content.decode()

    assert "13 lines are wrong" in page
    assert '<td class="import-lines">4–5</td>' in page
    assert '<td class="import-lines">6, 8</td>' in page
    assert "apply/" not in page


def test_an_admin_sees_for_whom_it_is(client, alice, bob):
    client.force_login(alice, backend="accounts.backends.LocalBackend")
    address = choose(client, fixture("toggl.csv"))["Location"]
    client.post(f"{address}check/")
    page = client.get(address).content.decode()

    assert "bob (4)" in page
    assert "1 new client" in page
    assert "Aurora Coffee / Online shop" in page


def test_what_has_changed_since_is_said(bob_in, bob, work):
    made = checked(bob, toggl(line(project="Garden")))
    work.garden.archived = True
    work.garden.save()

    response = bob_in.post(f"{PAGE}{made.pk}/apply/")

    assert response.status_code == 422
    assert "Nothing was imported." in response.content.decode()
    assert "“Garden” is archived" in response.content.decode()


def test_an_import_can_be_thrown_away(bob_in, bob):
    made = checked(bob, toggl(line()))

    assert bob_in.post(f"{PAGE}{made.pk}/discard/")["Location"] == PAGE
    assert not Import.objects.exists()


@pytest.mark.parametrize("address", ["", "days/", "check/", "apply/", "discard/"])
def test_somebody_elses_import_is_not_there(client, bob, charlie, alice, address):
    made = checked(bob, toggl(line()))
    for person in (charlie, alice):
        client.force_login(person, backend="accounts.backends.LocalBackend")
        method = client.post if address else client.get
        assert method(f"{PAGE}{made.pk}/{address}", {"order": "day"}).status_code == 404
    assert Import.objects.get().state == "checked"


# --- bad input ---


def test_it_asks_for_a_file_and_a_zone(bob_in):
    response = bob_in.post(PAGE, {"time_zone": "Mars/Olympus"})

    assert sentence(response) == "Choose a CSV file of Toggl or Clockify."
    assert "“Mars/Olympus” is no time zone" in response.content.decode()


def workbook() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "This file is empty."),
        (b"\xef\xbb\xbf", "names no columns"),
        (workbook(), "This is a spreadsheet or an archive"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "holds a zero byte"),
        (b"\xff\xd8\xff\xe0 no text \x81\x8d", "no text in UTF-8"),
        (b"Dear Sir or Madam,\nthis is a letter.\n", "names no columns"),
        (b"Project,Client,Duration\nGarden,,1:00\n", "“Start date” is missing"),
        (HEADER.encode(), "no lines below it"),
        (toggl('Bob,"open'), "a quotation mark"),
        (toggl(line()).replace(b"Bob", b"B\0b"), "Line 2 holds a zero byte"),
        (
            fixture("clockify_undecided.csv").replace(b"05/05/", b"13/05/", 1)
            + fixture("clockify_undecided.csv").splitlines()[1].replace(b"03/04/", b"03/24/"),
            "contradict each other",
        ),
    ],
)
def test_what_cannot_be_read_is_said_beside_the_file(bob_in, content, said):
    assert said in sentence(choose(bob_in, content))
    assert not Import.objects.exists()


def test_a_file_that_is_too_large_is_refused(bob_in):
    assert "This file has 21 MB; at most 20 MB are read." in sentence(
        choose(bob_in, b"x" * (MOST_BYTES + 1))
    )


def test_what_is_far_too_large_is_refused_unread(bob_in):
    class Unread(io.BytesIO):
        def read(self, *args):
            raise AssertionError("nobody should read this")

    response = bob_in.generic(
        "POST",
        PAGE,
        b"",
        "multipart/form-data; boundary=x",
        **{"CONTENT_LENGTH": str(200 * 1024 * 1024), "wsgi.input": Unread()},
    )

    assert "This file has 200 MB" in sentence(response, 413)


def test_a_form_of_another_site_is_refused(bob):
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob, backend="accounts.backends.LocalBackend")

    assert choose(client, toggl(line())).status_code == 403
    assert not Import.objects.exists()


def test_windows_letters_are_said(bob_in, bob, work):
    made = checked(bob, fixture("clockify_semicolons.csv"))
    page = bob_in.get(f"{PAGE}{made.pk}/").content.decode()

    assert "It was read as Windows-1252" in page
    assert "Äpfel pflücken" in page


def test_it_is_closed_where_the_operator_says_so(bob_in, settings):
    settings.ENABLE_IMPORTS = False

    assert bob_in.get(PAGE).status_code == 403


def test_strangers_sign_in_first(client, db):
    assert client.get(PAGE)["Location"] == "/accounts/login/?next=/imports/"
    assert choose(client, b"x").status_code == 302
