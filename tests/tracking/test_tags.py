import pytest

from tracking.models import Tag, TimeEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def dora_in(client, dora):
    """A client of dora, who is signed in."""
    client.force_login(dora, backend="accounts.backends.LocalBackend")
    return client


@pytest.fixture
def travel(db):
    return Tag.objects.create(name="Travel")


@pytest.mark.parametrize("path", ["/tags/", "/tags/new/", "/tags/{pk}/"])
def test_users_neither_list_nor_change_tags(bob_in, travel, path):
    path = path.format(pk=travel.pk)

    assert bob_in.get(path).status_code in (403, 405)
    assert bob_in.post(path, {"name": "Mine", "archived": "1"}).status_code in (403, 405)
    assert list(Tag.objects.values_list("name", "archived")) == [("Travel", False)]


def test_it_lists_tags(dora_in, travel, django_assert_num_queries):
    Tag.objects.create(name="Legacy", archived=True)

    page = dora_in.get("/tags/").content.decode()

    assert "Travel" in page
    assert "1 tag<" in page
    assert "Legacy" not in page
    assert "Legacy" in dora_in.get("/tags/?state=all").content.decode()
    assert "No tag matches." in dora_in.get("/tags/?q=nothing").content.decode()


def test_it_pages(dora_in):
    Tag.objects.bulk_create(Tag(name=f"tag {number:03}") for number in range(120))

    page = dora_in.get("/tags/?q=tag&page=2").content.decode()

    assert "Page 2 of 3" in page
    assert "?q=tag&amp;page=3" in page
    assert "120 tags" in page


def test_it_says_how_to_begin(dora_in):
    assert "No tag yet." in dora_in.get("/tags/").content.decode()


def test_it_makes_a_tag(dora_in):
    response = dora_in.post("/tags/new/", {"name": " deep  work ", "next": "/tags/?state=all"})

    assert response["Location"] == "/tags/?state=all"
    assert Tag.objects.get().name == "deep work"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "This field is required."),
        ("x" * 10_000, "at most 50 characters"),
        ("a\0b", "Null characters are not allowed."),
        ("TRAVEL", "There is a tag “TRAVEL” already. Choose another name."),
        ("one, two", "Commas separate tags: a name cannot hold one."),
    ],
)
@pytest.mark.parametrize("path", ["/tags/new/", "/tags/{pk}/"])
def test_it_says_beside_the_field_what_is_wrong(dora_in, travel, path, name, sentence):
    other = Tag.objects.create(name="Meeting")

    response = dora_in.post(path.format(pk=other.pk), {"name": name})

    assert response.status_code == 422
    said = response.content.decode().partition('id="tag-name_error"')[2]
    assert sentence in said.partition("</ul>")[0]
    assert set(Tag.objects.values_list("name", flat=True)) == {"Travel", "Meeting"}


def test_it_renames_on_all_entries(dora_in, bob, travel):
    from django.utils import timezone

    entry = TimeEntry.objects.create(user=bob, started_at=timezone.now())
    entry.tags.add(travel)
    assert 'value="Travel"' in dora_in.get(f"/tags/{travel.pk}/").content.decode()

    assert dora_in.post(f"/tags/{travel.pk}/", {"name": "🚆 <i>"}).status_code == 302

    assert [tag.name for tag in entry.tags.all()] == ["🚆 <i>"]
    assert "<i>" not in dora_in.get("/tags/").content.decode()


def test_it_archives_and_restores(dora_in, travel):
    for archived, there in (("1", True), ("0", False), ("perhaps", False)):
        dora_in.post(f"/tags/{travel.pk}/", {"archived": archived})
        travel.refresh_from_db()
        assert (travel.name, travel.archived) == ("Travel", there)


def test_a_tag_that_is_none_is_not_there(dora_in):
    assert dora_in.get("/tags/99/").status_code == 404
    assert dora_in.post(f"/tags/{'9' * 30}/", {"name": "x"}).status_code == 404
