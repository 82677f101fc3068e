import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.models import Event
from tracking.models import Client, Project

pytestmark = pytest.mark.django_db


@pytest.fixture
def dora_in(client, dora):
    """A client of dora, who is signed in."""
    client.force_login(dora, backend="accounts.backends.LocalBackend")
    return client


@pytest.mark.parametrize(
    "path", ["/clients/", "/clients/new/", "/clients/{pk}/", "/clients/{pk}/archive/"]
)
def test_users_neither_see_nor_change_clients(bob_in, work, path):
    path = path.format(pk=work.client.pk)
    before = list(Client.objects.values())

    assert bob_in.get(path).status_code in (403, 405)
    assert bob_in.post(path, {"name": "Mine", "currency": "EUR"}).status_code in (403, 405)
    assert list(Client.objects.values()) == before


def test_it_lists_clients_with_their_projects(dora_in, work):
    Project.objects.create(name="Old", client=work.client, archived=True)
    Client.objects.create(name="Former", archived=True)

    page = dora_in.get("/clients/").content.decode()

    assert "Aurora Coffee" in page
    assert "1 active project" in page
    assert "1 client<" in page
    assert "Former" not in page
    assert "Former" in dora_in.get("/clients/?state=archived").content.decode()
    assert "No client matches." in dora_in.get("/clients/?q=nobody").content.decode()


def test_it_says_how_to_begin(dora_in):
    assert "Make the first client" in dora_in.get("/clients/").content.decode()


def test_it_makes_a_client(dora_in):
    response = dora_in.post("/clients/new/", {"name": "Helix Labs", "currency": "usd"})

    assert response["Location"] == "/clients/"
    assert Client.objects.values_list("name", "currency").get() == ("Helix Labs", "USD")
    assert Event.objects.filter(event="client.created").count() == 1
    assert "The client “Helix Labs” is there." in dora_in.get("/clients/").content.decode()


@pytest.mark.parametrize(
    ("fields", "name", "sentence"),
    [
        ({"name": ""}, "name", "This field is required."),
        ({"name": "x" * 10_000}, "name", "at most 200 characters"),
        ({"name": "a\0b"}, "name", "Null characters are not allowed."),
        ({"name": "aurora coffee"}, "name", "There is a client “aurora coffee” already."),
        ({"currency": "euro"}, "currency", "Three capital letters such as EUR."),
        ({"currency": ""}, "currency", "This field is required."),
        ({"currency": "€€€"}, "currency", "Three capital letters such as EUR."),
        ({"currency": "E\nR"}, "currency", "Three capital letters such as EUR."),
    ],
)
@pytest.mark.parametrize("path", ["/clients/new/", "/clients/{pk}/"])
def test_it_says_beside_the_field_what_is_wrong(dora_in, work, path, fields, name, sentence):
    other = Client.objects.create(name="Helix")
    before = list(Client.objects.values())

    response = dora_in.post(
        path.format(pk=other.pk), {"name": "Helix Labs", "currency": "EUR"} | fields
    )

    assert response.status_code == 422
    said = response.content.decode().partition(f'id="client-{name}_error"')[2]
    assert sentence in said.partition("</ul>")[0]
    assert list(Client.objects.values()) == before
    assert not Event.objects.filter(event="client.created").exists()


def test_it_renames(dora_in, work):
    path = f"/clients/{work.client.pk}/"
    assert 'value="Aurora Coffee"' in dora_in.get(path).content.decode()

    assert dora_in.post(path, {"name": "<b>Aurora</b>", "currency": "CHF"}).status_code == 302

    work.client.refresh_from_db()
    assert (work.client.name, work.client.currency) == ("<b>Aurora</b>", "CHF")
    assert "<b>Aurora</b>" not in dora_in.get("/clients/").content.decode()


def test_two_tabs_that_change_different_things_keep_both(dora_in, work):
    path = f"/clients/{work.client.pk}/"
    opened = {"initial-name": "Aurora Coffee", "initial-currency": "EUR"}
    for name, value in opened.items():
        assert f'name="{name}" value="{value}"' in dora_in.get(path).content.decode()

    dora_in.post(path, {"name": "Aurora Coffee", "currency": "CHF", **opened})
    dora_in.post(path, {"name": "Aurora", "currency": "EUR", **opened})

    work.client.refresh_from_db()
    assert (work.client.name, work.client.currency) == ("Aurora", "CHF")


def test_it_archives_and_restores(dora_in, work):
    path = f"/clients/{work.client.pk}/archive/"

    dora_in.post(path, {"archived": "1"})
    assert Client.objects.get().archived
    dora_in.post(path, {"archived": "0"})
    assert not Client.objects.get().archived


@pytest.mark.parametrize("path", ["/clients/99/", "/clients/99/archive/", f"/clients/{'9' * 30}/"])
def test_a_client_that_is_none_is_not_there(dora_in, path):
    assert dora_in.post(path, {"name": "x", "currency": "EUR"}).status_code == 404


def test_it_takes_as_many_queries_for_thirty_clients_as_for_three(dora_in):
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            dora_in.get("/clients/")
        return len(found)

    for number in range(30):
        customer = Client.objects.create(name=f"Client {number}")
        Project.objects.create(name="Site", client=customer)
        if number == 2:
            three = queries()
    assert queries() == three
