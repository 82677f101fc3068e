from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest.mock import call, patch

import pytest
from django.core.exceptions import ValidationError
from django.db.models.signals import pre_save

from analytics.models import Event
from tracking import services
from tracking.forms import WorkForm
from tracking.models import Client, Membership, Project, Tag, Task, TimeEntry
from tracking.typed import EARLIEST

pytestmark = pytest.mark.django_db
EIGHT = datetime(2026, 5, 4, 8, tzinfo=UTC)


def events() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("event", flat=True))


def has_client() -> bool:
    last = Event.objects.order_by("pk").last()
    assert last is not None
    return bool(last.properties["has_client"])


class TestCreateProject:
    def test_it_makes_a_project_with_its_members(self, dora, bob, work):
        project = services.create_project(
            dora,
            {
                "name": "  Brand   refresh ",
                "client": work.client,
                "color": "#c94a82",
                "budget_money": Decimal(4000),
            },
            members=[bob.pk, dora.pk, bob.pk],
            hourly_rate=Decimal("85.50"),
        )

        project.refresh_from_db()
        assert (project.name, project.client) == ("Brand refresh", work.client)
        assert list(project.rates.values_list("since", "cents")) == [(EARLIEST, 8550)]
        assert project.budget_money == Decimal(4000)
        assert set(project.members.all()) == {bob, dora}
        assert events() == ["project.created"]
        assert has_client()

    def test_it_makes_the_client_along_with_it(self, dora):
        project = services.create_project(dora, {"name": "Site"}, new_client=" Helix  Labs ")

        assert project.client is not None
        assert (project.client.name, project.client.currency) == ("Helix Labs", "EUR")
        assert events() == ["client.created", "project.created"]

    def test_a_client_that_is_there_is_not_made_again(self, dora, work):
        project = services.create_project(dora, {"name": "Site"}, new_client="aurora COFFEE")

        assert project.client == work.client
        assert events() == ["project.created"]

    def test_it_refuses_a_new_client_that_is_archived(self, dora):
        Client.objects.create(name="Former", archived=True)

        assert refused(services.create_project, dora, {"name": "Site"}, new_client="former") == {
            "new_client": [
                "“Former” is an archived client. Restore it on the page of clients first."
            ]
        }

    def test_the_client_goes_with_the_project_that_is_refused(self, dora):
        fields = services.ProjectFields(name="Site", budget_money=Decimal(-5))

        assert "budget_money" in refused(services.create_project, dora, fields, new_client="Helix")
        assert not Client.objects.exists()
        assert events() == []

    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ({"name": ""}, "name"),
            ({"name": "   "}, "name"),
            ({"name": "x" * 201}, "name"),
            ({"name": "Site", "color": "red"}, "color"),
            ({"name": "Site", "budget_hours": Decimal(0)}, "budget_hours"),
            ({"name": "Site", "budget_hours": Decimal("1e9")}, "budget_hours"),
            ({"name": "Site", "budget_hours": Decimal("NaN")}, "budget_hours"),
            ({"name": "Site", "budget_money": Decimal("Infinity")}, "budget_money"),
            ({"name": "Site", "budget_money": Decimal(5), "budget_hours": Decimal(5)}, None),
        ],
    )
    def test_it_refuses_what_no_project_may_have(self, dora, fields, wrong):
        with pytest.raises(ValidationError) as caught:
            services.create_project(dora, fields)
        if wrong:
            assert set(caught.value.message_dict) == {wrong}
        assert not Project.objects.exists()
        assert events() == []

    @pytest.mark.parametrize("rate", ["-1", "1.234", "99999999", "NaN", "Infinity"])
    def test_it_refuses_what_is_no_rate(self, dora, rate):
        fields = services.ProjectFields(name="Site")
        found = refused(services.create_project, dora, fields, hourly_rate=Decimal(rate))
        assert set(found) == {"hourly_rate"}
        assert not Project.objects.exists()

    def test_it_refuses_a_name_that_the_client_has_already(self, dora, work):
        fields = services.ProjectFields(name="Online shop", client=work.client)

        assert refused(services.create_project, dora, fields) == {
            "name": ["Aurora Coffee has a project “Online shop” already. Choose another name."]
        }
        fields = services.ProjectFields(name="Garden")
        assert refused(services.create_project, dora, fields) == {
            "name": ["There is a project “Garden” without a client already. Choose another name."]
        }
        assert services.create_project(dora, {"name": "Garden", "client": work.client}).pk

    def test_it_says_the_same_when_somebody_else_was_quicker(self, dora, work):
        def quicker(instance: Project, **_kwargs: object) -> None:
            Project.objects.bulk_create([Project(name=instance.name)])

        pre_save.connect(quicker, sender=Project)
        try:
            assert "name" in refused(services.create_project, dora, {"name": "Site"})
        finally:
            pre_save.disconnect(quicker, sender=Project)
        assert events() == []

    @patch("analytics.track_event")
    def test_it_calls_track_event_through_the_module(self, track_event, dora):
        services.create_project(dora, {"name": "Site"})
        assert track_event.mock_calls == [call(dora.pk, "project.created", {"has_client": False})]


def refused(service, *args, **kwargs) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        service(*args, **kwargs)
    return caught.value.message_dict


class TestUpdateProject:
    def test_it_changes_what_is_given_and_nothing_else(self, dora, bob, work):
        Membership.objects.create(project=work.shop, user=bob)

        services.update_project(dora, work.shop.pk, {"name": "Web shop"})

        work.shop.refresh_from_db()
        assert (work.shop.name, work.shop.color) == ("Web shop", "#2a7f9e")
        assert list(work.shop.members.all()) == [bob]
        assert events() == ["project.updated"]

    def test_it_records_nothing_where_nothing_changes(self, dora, bob, work):
        Membership.objects.create(project=work.shop, user=bob)
        same = services.ProjectFields(name="Online shop", client=work.client, archived=False)

        services.update_project(dora, work.shop.pk, same, members=[bob.pk])

        assert events() == []

    def test_it_tells_of_members_that_change(self, dora, bob, charlie, work):
        Membership.objects.create(project=work.shop, user=bob)
        kept = Membership.objects.create(project=work.shop, user=charlie)

        services.update_project(dora, work.shop.pk, {}, members=[charlie.pk, dora.pk])

        assert set(work.shop.members.all()) == {charlie, dora}
        assert Membership.objects.filter(pk=kept.pk).exists()
        assert events() == ["project.updated"]

    def test_it_archives_once(self, dora, work):
        for _time in range(2):
            services.update_project(dora, work.shop.pk, {"archived": True})
        assert events() == ["project.archived"]

        services.update_project(dora, work.shop.pk, {"archived": False})
        assert events() == ["project.archived", "project.updated"]

    def test_it_tells_of_both_where_it_archives_and_renames(self, dora, work):
        services.update_project(dora, work.shop.pk, {"archived": True, "name": "Old shop"})
        assert events() == ["project.archived", "project.updated"]

    def test_it_refuses_to_move_to_a_client_that_has_the_name(self, dora, work):
        Project.objects.create(name="Garden", client=work.client)
        fields = services.ProjectFields(client=work.client)
        assert "name" in refused(services.update_project, dora, work.garden.pk, fields)

    def test_it_raises_where_there_is_none(self, dora):
        with pytest.raises(Project.DoesNotExist):
            services.update_project(dora, 99, {})


class TestMembers:
    """Who is no member of a project that has some."""

    @pytest.fixture
    def shop(self, dora, bob, work):
        return services.update_project(dora, work.shop.pk, {}, members=[bob.pk])

    def test_others_neither_see_nor_use_it(self, bob, charlie, dora, shop):
        assert shop in Project.objects.visible_to(bob)
        assert shop in Project.objects.visible_to(dora)
        assert shop not in Project.objects.visible_to(charlie)

        assert WorkForm(bob, {"project": str(shop.pk)}).is_valid()
        form = WorkForm(charlie, {"project": str(shop.pk)})
        assert not form.is_valid()
        assert shop.name not in str(form["project"])
        with pytest.raises(ValidationError):
            services.start_timer(charlie, project=shop)

    def test_who_is_no_member_any_more_keeps_the_entries_they_have(self, bob, charlie, dora, shop):
        entry = TimeEntry.objects.create(
            user=bob, project=shop, started_at=EIGHT, ended_at=EIGHT + timedelta(hours=1)
        )
        services.update_project(dora, shop.pk, {}, members=[charlie.pk])

        form = WorkForm(bob, {"project": str(shop.pk), "description": "Still"}, entry=entry)
        assert form.is_valid()
        kept = services.update_entry(
            bob, entry.pk, entry.version, description="Still", project=shop, task=None
        )
        assert kept.project == shop
        with pytest.raises(ValidationError):
            services.start_timer(bob, project=shop)

    def test_without_members_it_is_everybodys(self, charlie, dora, shop):
        services.update_project(dora, shop.pk, {}, members=[])
        assert shop in Project.objects.visible_to(charlie)


class TestClients:
    def test_it_makes_one(self, dora):
        client = services.create_client(dora, "Helix  Labs", "USD")

        assert (client.name, client.currency) == ("Helix Labs", "USD")
        assert events() == ["client.created"]

    @pytest.mark.parametrize(
        ("name", "currency", "wrong"),
        [("", "EUR", "name"), ("x" * 201, "EUR", "name"), ("Helix", "euro", "currency")],
    )
    def test_it_refuses_what_no_client_may_have(self, dora, name, currency, wrong):
        assert set(refused(services.create_client, dora, name, currency)) == {wrong}
        assert events() == []

    def test_it_refuses_a_name_that_is_taken_in_other_letters(self, dora, work):
        sentence = {"name": ["There is a client “AURORA coffee” already. Choose another name."]}
        assert refused(services.create_client, dora, "AURORA coffee", "EUR") == sentence
        other = Client.objects.create(name="Helix")
        assert "name" in refused(services.update_client, other.pk, name="Aurora coffee")

    def test_it_changes_the_case_of_its_own_name(self, work):
        assert services.update_client(work.client.pk, name="AURORA Coffee").name == "AURORA Coffee"

    def test_its_projects_take_no_more_time_once_it_is_archived(self, bob, work):
        services.update_client(work.client.pk, archived=True)
        assert work.shop not in Project.objects.open_to(bob)
        services.update_client(work.client.pk, archived=False)
        assert work.shop in Project.objects.open_to(bob)


class TestTasks:
    def test_it_adds_one(self, dora, work):
        assert services.create_task(dora, work.shop, " Search ").name == "Search"
        assert events() == ["task.created"]

    def test_it_refuses_a_name_that_the_project_has(self, dora, work):
        assert refused(services.create_task, dora, work.shop, "Checkout") == {
            "name": ["This project has a task “Checkout” already. Choose another name."]
        }
        assert services.create_task(dora, work.garden, "Checkout").pk

    def test_it_is_done_once(self, dora, work):
        for done in (True, True, False):
            services.update_task(dora, work.checkout.pk, done=done)
        assert events() == ["task.completed"]
        assert not Task.objects.get(pk=work.checkout.pk).done

    def test_it_records_no_renaming(self, dora, work):
        services.update_task(dora, work.checkout.pk, name="Guest checkout")
        assert Task.objects.get(pk=work.checkout.pk).name == "Guest checkout"
        assert events() == []


class TestTags:
    def test_it_renames_one_on_all_entries(self, bob):
        tag = services.create_tag("Travel")
        entry = TimeEntry.objects.create(user=bob, started_at=EIGHT)
        entry.tags.add(tag)

        services.update_tag(tag.pk, name="On the road")

        assert [str(tag) for tag in entry.tags.all()] == ["On the road"]

    def test_it_refuses_the_name_of_another(self):
        services.create_tag("Travel")
        other = services.create_tag("Meeting")

        sentence = {"name": ["There is a tag “TRAVEL” already. Choose another name."]}
        assert refused(services.update_tag, other.pk, name="TRAVEL") == sentence
        assert refused(services.create_tag, "TRAVEL") == sentence
        assert services.update_tag(other.pk, name="MEETING").name == "MEETING"

    @pytest.mark.parametrize("name", ["", " ", "x" * 51, "one, two"])
    def test_it_refuses_what_no_tag_may_be_called(self, name):
        assert set(refused(services.create_tag, name)) == {"name"}
        assert not Tag.objects.exists()
