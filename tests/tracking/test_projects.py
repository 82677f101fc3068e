import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from analytics.models import Event
from tracking.models import Client, Membership, Project, Rate, Task, TimeEntry
from tracking.typed import EARLIEST

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/projects/"}


@pytest.fixture
def dora_in(client, dora):
    """A client of dora, who is signed in."""
    client.force_login(dora, backend="accounts.backends.LocalBackend")
    return client


def browser(user) -> Browser:
    found = Browser()
    found.force_login(user, backend="accounts.backends.LocalBackend")
    return found


def spend(user, project, hours: float, *, billable: bool = True, **fields) -> TimeEntry:
    start = timezone.now() - timedelta(days=1)
    return TimeEntry.objects.create(
        user=user,
        project=project,
        started_at=start,
        ended_at=start + timedelta(hours=hours),
        billable=billable,
        **fields,
    )


def shown(response) -> str:
    """The page's own part, without the timer bar, in which projects are offered too."""
    page = response.content.decode().replace("\N{NO-BREAK SPACE}", " ")
    main: str = page.partition("<main")[2].partition("</main>")[0]
    return main


def form(**fields) -> dict[str, object]:
    """What a browser sends of a filled form."""
    return {"name": "Site", "client": "", "new_client": "", "color": "#3b72d9"} | fields


def recorded() -> list[str]:
    """The events of these pages, in their order."""
    names = Event.objects.order_by("pk").values_list("event", flat=True)
    return [name for name in names if name.startswith(("project.", "client.", "task."))]


class TestList:
    def test_strangers_sign_in_first(self, client):
        assert client.get("/projects/")["Location"] == "/accounts/login/?next=/projects/"

    def test_it_takes_no_post(self, bob_in):
        assert bob_in.post("/projects/").status_code == 405

    def test_it_shows_the_projects_with_time_and_budget(self, dora_in, bob, charlie, work):
        Project.objects.filter(pk=work.shop.pk).update(budget_hours=40)
        spend(bob, work.shop, 10)
        spend(charlie, work.shop, 2.5)

        page = shown(dora_in.get("/projects/"))

        assert "12:30 of 40:00 h (31 %)" in page
        assert ">12:30</time>" in page
        assert 'fill="#2a7f9e"' in page
        assert "Aurora Coffee" in page
        assert "2 projects" in page

    def test_a_budget_that_is_used_up_is_said_in_words(self, dora_in, bob, work):
        Project.objects.filter(pk=work.shop.pk).update(budget_hours=1)
        spend(bob, work.shop, 1.25)

        assert "over budget by 0:15 h" in shown(dora_in.get("/projects/"))

    def test_others_see_their_own_time_and_no_budget(self, bob_in, bob, charlie, work):
        Project.objects.filter(pk=work.shop.pk).update(budget_hours=40)
        spend(bob, work.shop, 3)
        spend(charlie, work.shop, 2)

        page = shown(bob_in.get("/projects/"))

        assert page.count(">3:00</time>") == 2  # of the project, and of all
        assert "Your time" in page
        for others in ("5:00", "2:00", "40:00", "budget-bar"):
            assert others not in page

    def test_nobody_sees_a_project_of_others(self, bob_in, dora, charlie, work):
        Membership.objects.create(project=work.shop, user=charlie)

        page = shown(bob_in.get("/projects/"))

        assert "Online shop" not in page
        assert "Aurora Coffee" not in page
        assert "Garden" in page
        assert "Online shop" in shown(browser(dora).get("/projects/"))
        assert "Online shop" in shown(browser(charlie).get("/projects/"))

    def test_only_managers_are_offered_what_only_they_may_do(self, bob_in, dora, alice, work):
        assert "/projects/new/" not in shown(bob_in.get("/projects/"))
        assert "/clients/" not in shown(bob_in.get("/projects/"))
        for manager in (dora, alice):
            assert "/projects/new/" in shown(browser(manager).get("/projects/"))

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("", {"Online shop", "Garden"}),
            ("?q=SHOP", {"Online shop"}),
            ("?q=aurora", {"Online shop"}),
            ("?q=x", set()),
            ("?state=archived", {"Old shop", "Site of former"}),
            ("?state=all", {"Online shop", "Garden", "Old shop", "Site of former"}),
            ("?client={client}", {"Online shop"}),
            ("?client={client}&state=all", {"Online shop", "Old shop"}),
            # What makes no sense narrows nothing.
            ("?client=nobody&state=sold&page=nine", {"Online shop", "Garden"}),
            ("?client=99999999999999999999999&page=-4", {"Online shop", "Garden"}),
            ("?q=%00", {"Online shop", "Garden"}),
            ("?page=99999999999999999999999", {"Online shop", "Garden"}),
        ],
    )
    def test_it_is_narrowed(self, bob_in, work, query, names):
        Project.objects.create(name="Old shop", client=work.client, archived=True)
        former = Client.objects.create(name="Former", archived=True)
        Project.objects.create(name="Site of former", client=former)

        response = bob_in.get("/projects/" + query.format(client=work.client.pk))

        assert response.status_code == 200
        assert {row.project.name for row in response.context["rows"]} == names

    def test_it_offers_only_clients_of_ones_own_projects(self, bob_in, charlie, work):
        secret = Client.objects.create(name="Secret merger")
        project = Project.objects.create(name="Merger", client=secret)
        Membership.objects.create(project=project, user=charlie)

        page = shown(bob_in.get("/projects/"))

        assert "Secret merger" not in page
        assert (
            not bob_in.get(f"/projects/?client={secret.pk}&state=all")
            .context["form"]
            .chosen.get("client")
        )

    def test_it_says_how_to_begin(self, bob_in, dora):
        assert "Ask a manager" in shown(bob_in.get("/projects/"))
        page = shown(browser(dora).get("/projects/"))
        assert "Make the first project" in page
        assert "/projects/new/" in page

    def test_it_says_where_nothing_matches(self, bob_in, work):
        page = shown(bob_in.get("/projects/?q=nothing"))
        assert "No project matches." in page
        assert "Ask a manager" not in page

    def test_it_sums_all_that_is_found(self, bob_in, bob, work):
        spend(bob, work.shop, 1)
        spend(bob, work.garden, 2.5)
        assert bob_in.get("/projects/").context["total"].time == timedelta(hours=3, minutes=30)

    def test_it_is_paged_and_sums_no_part(self, bob_in, work):
        Project.objects.bulk_create(Project(name=f"Project {number:03}") for number in range(60))

        first, second = bob_in.get("/projects/"), bob_in.get("/projects/?page=2")

        assert (len(first.context["rows"]), len(second.context["rows"])) == (50, 12)
        assert "62 projects" in shown(first)
        assert "Page 1 of 2" in shown(first)
        assert first.context["total"] is None
        assert "Total" not in shown(first)

    def test_it_takes_as_many_queries_for_thirty_projects_as_for_three(self, bob_in, bob):
        def add(number: int) -> None:
            customer = Client.objects.create(name=f"Client {number}")
            project = Project.objects.create(name=f"P{number}", client=customer, budget_money=9)
            Membership.objects.create(project=project, user=bob)
            spend(bob, project, 1)

        def queries() -> int:
            with CaptureQueriesContext(connection) as found:
                bob_in.get("/projects/")
            return len(found)

        for number in range(3):
            add(number)
        three = queries()
        for number in range(3, 30):
            add(number)
        assert queries() == three


class TestDetail:
    def test_it_shows_numbers_tasks_and_people(self, dora_in, dora, bob, work):
        Project.objects.filter(pk=work.shop.pk).update(budget_money=1000)
        Rate.objects.create(project=work.shop, since=EARLIEST, cents=8000)
        User.objects.filter(pk=bob.pk).update(first_name="Bob", last_name="Becker")
        spend(bob, work.shop, 2, task=work.checkout)
        spend(dora, work.shop, 0.5, billable=False)

        page = shown(dora_in.get(f"/projects/{work.shop.pk}/"))

        for part in (">2:30<", ">2:00<", "160.00 EUR of 1,000.00 EUR (16 %)", "840.00 EUR left"):
            assert part in page
        for part in ("Bob Becker", ">0:30<", "Checkout", "Aurora Coffee"):
            assert part in page
        assert "Everybody may spend time on it." in page

    def test_others_see_it_with_their_own_time_and_without_money(self, bob_in, bob, charlie, work):
        Project.objects.filter(pk=work.shop.pk).update(budget_money=1000)
        Rate.objects.create(project=work.shop, since=EARLIEST, cents=8000)
        Membership.objects.create(project=work.shop, user=bob)
        spend(bob, work.shop, 0.75)
        spend(charlie, work.shop, 2, task=work.checkout)

        page = shown(bob_in.get(f"/projects/{work.shop.pk}/"))

        assert "Checkout" in page
        assert "Your time" in page
        assert page.count(">0:45<") == 2  # all of it is billable
        for others in ("charlie", "2:00", "2:45", "80.00", "160.00", "220.00", "EUR", "Budget"):
            assert others not in page
        assert "<form" not in page

    def test_a_project_of_others_is_not_there(self, bob_in, charlie, work):
        Membership.objects.create(project=work.shop, user=charlie)
        assert bob_in.get(f"/projects/{work.shop.pk}/").status_code == 404
        assert browser(charlie).get(f"/projects/{work.shop.pk}/").status_code == 200

    @pytest.mark.parametrize("pk", ["99", "99999999999999999999999"])
    def test_a_project_that_is_none_is_not_there(self, dora_in, pk):
        for path in (f"/projects/{pk}/", f"/projects/{pk}/edit/"):
            assert dora_in.get(path).status_code == 404
        for path in (f"/projects/{pk}/archive/", f"/projects/{pk}/tasks/", f"/tasks/{pk}/"):
            assert dora_in.post(path).status_code == 404

    def test_it_names_who_spent_time_but_is_no_member_any_more(self, dora_in, bob, charlie, work):
        Membership.objects.create(project=work.shop, user=charlie)
        spend(bob, work.shop, 1)

        page = shown(dora_in.get(f"/projects/{work.shop.pk}/"))

        assert "no member" in page
        assert page.index("bob") < page.index("charlie")

    def test_it_takes_as_many_queries_for_thirty_of_each_as_for_three(self, dora_in, work):
        def add(number: int) -> None:
            person = User.objects.create_user(f"p{number}")
            Membership.objects.create(project=work.shop, user=person)
            task = Task.objects.create(project=work.shop, name=f"T{number}")
            spend(person, work.shop, 1, task=task)

        def queries() -> int:
            with CaptureQueriesContext(connection) as found:
                assert dora_in.get(f"/projects/{work.shop.pk}/").status_code == 200
            return len(found)

        for number in range(3):
            add(number)
        three = queries()
        for number in range(3, 30):
            add(number)
        assert queries() == three


class TestRoles:
    @pytest.mark.parametrize(
        "path",
        [
            "/projects/new/",
            "/projects/{project}/edit/",
            "/projects/{project}/archive/",
            "/projects/{project}/tasks/",
            "/tasks/{task}/",
        ],
    )
    def test_users_change_nothing(self, bob_in, client, work, path):
        path = path.format(project=work.shop.pk, task=work.checkout.pk)
        before = list(Project.objects.values()), list(Task.objects.values())

        assert bob_in.post(path, form(done="1")).status_code == 403
        assert bob_in.get(path).status_code in (403, 405)
        assert Browser().post(path).status_code == 302
        assert (list(Project.objects.values()), list(Task.objects.values())) == before
        assert recorded() == []


class TestNew:
    def test_it_shows_the_form(self, dora_in, work):
        page = shown(dora_in.get("/projects/new/"))

        assert "Aurora Coffee" in page
        assert page.count('name="color"') == 13
        assert "One budget, in hours or in money" in page
        assert 'name="archived"' not in page

    def test_it_makes_a_project(self, dora_in, dora, bob, work):
        response = dora_in.post(
            "/projects/new/",
            form(
                client=work.client.pk,
                billable="on",
                hourly_rate="85.50",
                budget="hours",
                budget_amount="40",
                members=[bob.pk, dora.pk],
            ),
        )

        project = Project.objects.get(name="Site")
        assert response["Location"] == f"/projects/{project.pk}/"
        assert (project.client, project.color, project.billable) == (work.client, "#3b72d9", True)
        assert list(project.rates.values_list("since", "cents")) == [(EARLIEST, 8550)]
        assert project.budget_hours == Decimal(40)
        assert project.budget_money is None
        assert set(project.members.all()) == {bob, dora}
        assert "The project “Site” is there." in dora_in.get("/projects/").content.decode()

    def test_it_makes_a_client_with_it(self, dora_in, work):
        dora_in.post("/projects/new/", form(client=work.client.pk, new_client="Helix Labs"))

        client = Project.objects.get(name="Site").client
        assert client is not None
        assert client.name == "Helix Labs"

    def test_it_takes_a_colour_of_ones_own(self, dora_in):
        dora_in.post("/projects/new/", form(color="own", own_color="#ABCDEF"))
        assert Project.objects.get().color == "#abcdef"

    def test_an_amount_without_a_budget_is_none(self, dora_in):
        dora_in.post("/projects/new/", form(budget="", budget_amount="40"))
        assert Project.objects.get().budget_hours is None

    def test_it_reads_amounts_as_the_language_writes_them(self, dora_in, dora):
        User.objects.filter(pk=dora.pk).update(language="de")
        dora_in.post("/projects/new/", form(hourly_rate="85,50"))
        assert Project.objects.get().rates.get().amount == Decimal("85.50")

    @pytest.mark.parametrize(
        ("fields", "name", "sentence"),
        [
            ({"name": ""}, "name", "This field is required."),
            ({"name": "x" * 10_000}, "name", "at most 200 characters"),
            ({"name": "a\0b"}, "name", "Null characters are not allowed."),
            ({"name": "Garden"}, "name", "There is a project “Garden” without a client already."),
            ({"client": "99"}, "client", "Select a valid choice."),
            ({"client": "9" * 30}, "client", "Select a valid choice."),
            ({"new_client": "x" * 10_000}, "new_client", "at most 200 characters"),
            ({"new_client": "Former"}, "new_client", "“Former” is an archived client."),
            ({"color": "red"}, "color", "Select a valid choice."),
            ({"color": ""}, "color", "This field is required."),
            ({"color": "own", "own_color": "red"}, "own_color", "A colour such as #5b6b8c."),
            ({"color": "own", "own_color": ""}, "own_color", "Choose a colour."),
            ({"hourly_rate": "-1"}, "hourly_rate", "More than zero, or empty."),
            ({"hourly_rate": "NaN"}, "hourly_rate", "Enter a number."),
            ({"hourly_rate": "much"}, "hourly_rate", "Enter a number."),
            ({"hourly_rate": "1.234"}, "hourly_rate", "no more than 2 decimal places"),
            ({"budget": "hours"}, "budget_amount", "Enter how much, or choose “No budget”."),
            ({"budget": "hours", "budget_amount": "0"}, "budget_amount", "More than zero"),
            ({"budget": "hours", "budget_amount": "1e9"}, "budget_amount", "no more than 8 digits"),
            ({"budget": "hours", "budget_amount": "1e999999"}, "budget_amount", "no more than"),
            ({"budget": "hours", "budget_amount": "Infinity"}, "budget_amount", "Enter a number."),
            (
                {"budget": "hours", "budget_amount": "9" * 9},
                "budget_amount",
                "no more than 8 digits",
            ),
            ({"budget": "beer", "budget_amount": "9"}, "budget", "Select a valid choice."),
            (
                {"hourly_rate": "99999999"},
                "hourly_rate",
                "Write an amount from 0 to 10,000,000.00.",
            ),
            ({"members": ["nobody"]}, "members", "“nobody” is not a valid"),
            ({"members": ["11111111-1111-1111-1111-111111111111"]}, "members", "not there any"),
        ],
    )
    def test_it_says_beside_the_field_what_is_wrong(self, dora_in, work, fields, name, sentence):
        Client.objects.create(name="Former", archived=True)
        before = Project.objects.count()

        response = dora_in.post("/projects/new/", form(**fields))

        assert response.status_code == 422
        assert set(response.context["form"].errors) == {name}
        page = shown(response)
        said = page.partition(f'id="project-{name}_error"')[2].partition("</ul>")[0]
        assert sentence in said
        assert Project.objects.count() == before
        assert recorded() == []

    def test_it_keeps_what_was_filled_in(self, dora_in, bob, work):
        response = dora_in.post(
            "/projects/new/",
            form(
                name="x" * 300,
                hourly_rate="much",
                color="#d0473f",
                members=[bob.pk],
                budget="hours",
            ),
        )

        page = shown(response)
        assert f'value="{"x" * 300}"' in page
        assert 'value="much"' in page
        assert page.count(" checked") == 3  # colour, budget, bob
        assert f'value="{bob.pk}"' in page

    @pytest.mark.parametrize("name", ["🕰" * 200, "<script>alert(1)</script>", "Ärger & Söhne"])
    def test_it_takes_any_name_and_shows_it_as_text(self, dora_in, name):
        response = dora_in.post("/projects/new/", form(name=name))

        assert response.status_code == 302
        assert Project.objects.get().name == name
        page = dora_in.get(response["Location"]).content.decode()
        assert "<script>alert" not in page

    def test_it_answers_an_empty_form_with_sentences(self, dora_in):
        assert dora_in.post("/projects/new/").status_code == 422

    def test_two_hundred_people_stay_usable(self, dora_in):
        User.objects.bulk_create(User(username=f"p{number:03}") for number in range(200))
        User.objects.create_user("gone", is_active=False)
        dora_in.get("/projects/new/")

        with CaptureQueriesContext(connection) as queries:
            page = shown(dora_in.get("/projects/new/"))

        assert page.count('name="members"') == 201
        assert ">gone<" not in page
        assert len(queries) < 15


class TestEdit:
    def test_it_shows_what_is_there(self, dora_in, bob, work):
        Project.objects.filter(pk=work.shop.pk).update(budget_money="1200.50")
        Membership.objects.create(project=work.shop, user=bob)

        page = shown(dora_in.get(f"/projects/{work.shop.pk}/edit/"))

        for part in ('value="Online shop"', 'value="1200.50"', 'value="#2a7f9e"'):
            assert part in page
        assert page.count(" checked") == 4  # colour, billable, budget, bob
        assert 'name="archived"' in page
        assert 'name="hourly_rate"' not in page
        assert f'href="/rates/?project={work.shop.pk}"' in page

    def test_saving_what_is_shown_changes_nothing(self, dora_in, bob, work):
        Project.objects.filter(pk=work.shop.pk).update(budget_money="1200.50", color="#123456")
        gone = User.objects.create_user("gone", is_active=False)
        Membership.objects.create(project=work.shop, user=gone)
        path = f"/projects/{work.shop.pk}/edit/"
        before = Project.objects.values().get(pk=work.shop.pk)
        filled = dora_in.get(path).context["form"]

        sent = {field.name: field.value() for field in filled if field.value() not in (None, False)}
        assert dora_in.post(path, sent).status_code == 302

        assert Project.objects.values().get(pk=work.shop.pk) == before
        assert list(work.shop.members.all()) == [gone]  # else it would be everybody's
        assert recorded() == []

    def test_it_saves(self, dora_in, bob, work):
        response = dora_in.post(
            f"/projects/{work.shop.pk}/edit/",
            form(name="Web shop", archived="on", members=[bob.pk]),
        )

        work.shop.refresh_from_db()
        assert response["Location"] == f"/projects/{work.shop.pk}/"
        assert (work.shop.name, work.shop.archived, work.shop.client) == ("Web shop", True, None)
        assert list(work.shop.members.all()) == [bob]
        assert recorded() == ["project.archived", "project.updated"]

    def test_it_refuses_a_name_that_is_taken(self, dora_in, work):
        response = dora_in.post(f"/projects/{work.shop.pk}/edit/", form(name="Garden"))
        assert response.status_code == 422
        assert "There is a project “Garden” without a client already." in shown(response)

    def test_it_puts_nothing_over_a_change_that_was_not_seen(self, dora_in, alice, bob, work):
        path = f"/projects/{work.shop.pk}/edit/"
        seen = dora_in.get(path).context["seen"]
        browser(alice).post(path, form(name="Web shop", members=[bob.pk]))

        response = dora_in.post(path, form(name="Shop of dora", seen=seen))

        assert response.status_code == 422
        page = shown(response)
        assert "Somebody has changed this project since you opened it." in page
        assert 'value="Shop of dora"' in page
        assert Project.objects.get(pk=work.shop.pk).name == "Web shop"
        assert list(work.shop.members.all()) == [bob]

        again = form(name="Shop of dora", seen=response.context["seen"])
        assert dora_in.post(path, again).status_code == 302
        assert Project.objects.get(pk=work.shop.pk).name == "Shop of dora"

    def test_other_mistakes_do_not_hide_such_a_change(self, dora_in, work):
        path = f"/projects/{work.shop.pk}/edit/"
        seen = dora_in.get(path).context["seen"]
        Project.objects.filter(pk=work.shop.pk).update(archived=True)

        response = dora_in.post(path, form(name="", seen=seen))

        assert response.context["seen"] == seen
        assert dora_in.post(path, form(seen=seen)).status_code == 422

    def test_it_keeps_a_client_that_was_archived(self, dora_in, work):
        Client.objects.filter(pk=work.client.pk).update(archived=True)
        data = form(name="Web shop", client=work.client.pk)

        assert dora_in.post(f"/projects/{work.shop.pk}/edit/", data).status_code == 302
        assert dora_in.post("/projects/new/", data).status_code == 422


class TestArchive:
    def test_it_archives_and_restores(self, dora_in, bob, work):
        path = f"/projects/{work.shop.pk}/archive/"

        response = dora_in.post(path, {"archived": "1", "next": "/projects/?q=shop"})
        assert response["Location"] == "/projects/?q=shop"
        assert work.shop not in Project.objects.open_to(bob)
        page = dora_in.get("/projects/?state=all").content.decode()
        assert "“Online shop” is archived" in page

        assert dora_in.post(path, {"archived": "0"})["Location"] == f"/projects/{work.shop.pk}/"
        assert work.shop in Project.objects.open_to(bob)

    def test_a_project_of_an_archived_client_is_restored_and_not_called_active(self, dora_in, work):
        Client.objects.filter(pk=work.client.pk).update(archived=True)
        path = f"/projects/{work.shop.pk}/"

        dora_in.post(f"{path}archive/", {"archived": "0"})

        page = dora_in.get(path).content.decode()
        assert "“Online shop” is restored. It takes time once its client is restored, too." in page
        assert "active again" not in page

    def test_it_takes_no_get(self, dora_in, work):
        assert dora_in.get(f"/projects/{work.shop.pk}/archive/").status_code == 405


class TestTasks:
    def test_it_adds_one_and_comes_back(self, dora_in, work):
        response = dora_in.post(f"/projects/{work.garden.pk}/tasks/", {"name": "Weeding"})

        assert response["Location"] == f"/projects/{work.garden.pk}/"
        assert [task.name for task in work.garden.tasks.all()] == ["Weeding"]
        assert recorded() == ["task.created"]

    def test_htmx_gets_the_tasks_anew_with_the_cursor_for_the_next(self, dora_in, work):
        response = dora_in.post(
            f"/projects/{work.shop.pk}/tasks/", {"name": "Search"}, headers=HTMX
        )

        part = response.content.decode()
        assert part.lstrip().startswith('<section id="tasks"')
        assert 'value="Search"' in part
        assert "autofocus" in part
        assert "<html" not in part

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("", "This field is required."),
            ("x" * 10_000, "at most 200 characters"),
            ("a\0b", "Null characters are not allowed."),
            ("Checkout", "This project has a task “Checkout” already."),
        ],
    )
    @pytest.mark.parametrize("headers", [{}, HTMX])
    def test_it_says_what_is_wrong(self, dora_in, work, name, sentence, headers):
        Task.objects.create(project=work.shop, name="Search")
        path = f"/projects/{work.shop.pk}/tasks/"
        added = dora_in.post(path, {"name": name}, headers=headers)
        pk = Task.objects.get(name="Search").pk
        renamed = dora_in.post(f"/tasks/{pk}/", {"name": name}, headers=headers)

        for response in (added, renamed):
            assert response.status_code == 422
            assert sentence in response.content.decode()
            assert ("<html" in response.content.decode()) is (not headers)
        assert f'id="task-{pk}-error"' in renamed.content.decode()
        assert Task.objects.count() == 2

    def test_it_renames(self, dora_in, work):
        dora_in.post(f"/tasks/{work.checkout.pk}/", {"name": "Guest checkout"})
        work.checkout.refresh_from_db()
        assert (work.checkout.name, work.checkout.done) == ("Guest checkout", False)

    def test_it_marks_as_done_and_opens_again(self, dora_in, work):
        for done in ("1", "0", "maybe"):
            dora_in.post(f"/tasks/{work.checkout.pk}/", {"done": done})
            work.checkout.refresh_from_db()
            assert (work.checkout.name, work.checkout.done) == ("Checkout", done == "1")
        assert recorded() == ["task.completed"]

    @pytest.mark.parametrize(
        ("done", "focused"),
        [("Build", "Checkout"), ("Checkout", "Search"), ("Search", "<summary")],
    )
    def test_the_focus_goes_on_to_the_next_open_task(self, dora_in, work, done, focused):
        """The button that was pressed has gone under the fold."""
        for name in ("Build", "Search"):
            Task.objects.create(project=work.shop, name=name)
        pk = Task.objects.get(name=done).pk

        response = dora_in.post(f"/tasks/{pk}/", {"done": "1"}, headers=HTMX)

        tags = re.findall(r"<[^>]* autofocus[^>]*>", response.content.decode())
        next_one = Task.objects.filter(name=focused).first()
        assert len(tags) == 1
        assert (f'id="task-{next_one.pk}-done"' if next_one else focused) in tags[0]

    def test_a_done_task_stands_under_a_fold(self, dora_in, work):
        response = dora_in.post(f"/tasks/{work.checkout.pk}/", {"done": "1"}, headers=HTMX)
        assert "1 task is done" in response.content.decode()
