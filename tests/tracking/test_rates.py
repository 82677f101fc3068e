"""The pages of rates."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from tracking.models import Client, Project, Rate, TimeEntry
from tracking.typed import EARLIEST

pytestmark = pytest.mark.django_db
MAY = date(2026, 5, 1)
EIGHT = datetime(2026, 5, 4, 8, tzinfo=UTC)


@pytest.fixture
def dora_in(client, dora):
    """A client of dora, who is signed in."""
    client.force_login(dora, backend="accounts.backends.LocalBackend")
    return client


def spend(user: Any, project: Any, day: int = 0) -> TimeEntry:
    start = EIGHT + timedelta(day)
    end = start + timedelta(hours=1)
    return TimeEntry.objects.create(user=user, project=project, started_at=start, ended_at=end)


def shown(response: Any) -> str:
    """The page's own part on one line, without the kinds of spaces."""
    page = response.content.decode().replace("\N{NO-BREAK SPACE}", " ")
    return " ".join(page.partition("<main")[2].partition("</main>")[0].split())


def form(**fields: Any) -> dict[str, Any]:
    return {"project": "", "person": "", "client": "", "amount": "85.50", "since": "2026-05-01"} | {
        name: str(value) for name, value in fields.items()
    }


def seen_on(response: Any) -> str:
    """What the page that asks carries along."""
    return shown(response).partition('name="seen" value="')[2].partition('"')[0]


class TestList:
    def test_only_managers_see_it(self, bob_in, work):
        rate = Rate.objects.create(since=MAY, cents=8550)
        for path in ("/rates/", "/rates/new/", f"/rates/{rate.pk}/delete/"):
            assert bob_in.get(path).status_code == 403
            assert bob_in.post(path, form(seen="0 0 0 None None 0")).status_code in (403, 405)
        assert Rate.objects.count() == 1

    def test_it_lists_by_level_with_currency_and_what_holds_today(self, dora_in, bob, work):
        today = timezone.localdate()
        Client.objects.filter(pk=work.client.pk).update(currency="USD")
        for since, cents in ((EARLIEST, 100), (today, 200), (today + timedelta(9), 300)):
            Rate.objects.create(since=since, cents=cents)
        Rate.objects.create(client=work.client, since=MAY, cents=400)
        Rate.objects.create(user=bob, since=MAY, cents=500)
        Rate.objects.create(project=work.shop, since=MAY, cents=600)
        Rate.objects.create(project=work.garden, user=bob, since=MAY, cents=700)

        response = dora_in.get("/rates/")

        assert [
            (str(level), [(row.name, row.amount.replace("\xa0", " "), row.state) for row in rows])
            for level, rows in response.context["groups"]
        ] == [
            (
                "The whole installation",
                [
                    ("The whole installation", "3.00", "later"),
                    ("The whole installation", "2.00", "now"),
                    ("The whole installation", "1.00", "over"),
                ],
            ),
            ("Clients", [("Aurora Coffee", "4.00 USD", "now")]),
            ("People", [("bob", "5.00", "now")]),
            ("Projects", [("Online shop", "6.00 USD", "now")]),
            ("People on projects", [("bob on Garden", "7.00 EUR", "now")]),
        ]
        assert shown(response).count("data-first-row") == 1

    def test_it_is_narrowed_to_what_is_named(self, dora_in, bob, work):
        Rate.objects.create(since=MAY, cents=100)
        Rate.objects.create(client=work.client, since=MAY, cents=400)
        Rate.objects.create(user=bob, since=MAY, cents=500)
        Rate.objects.create(project=work.shop, since=MAY, cents=600)
        Rate.objects.create(project=work.garden, user=bob, since=MAY, cents=700)
        today = timezone.localdate()
        Rate.objects.create(since=today + timedelta(1), cents=800)

        def cents(query: str) -> list[int]:
            groups = dora_in.get(f"/rates/?{query}").context["groups"]
            return [row.rate.cents for _level, rows in groups for row in rows]

        assert cents(f"project={work.shop.pk}") == [600]
        assert cents(f"client={work.client.pk}") == [400, 600]
        assert cents(f"person={bob.pk}") == [500, 700]
        assert cents("q=garden") == [700]
        assert cents("q=BOB") == [500, 700]
        assert cents("state=today") == [100, 400, 500, 600, 700]
        assert cents("state=what") == cents("") == cents("project=no&client=9999&person=1")

    def test_it_says_what_applies_where_nothing_is_set(self, dora_in, work):
        assert "No rate yet." in shown(dora_in.get("/rates/"))
        Rate.objects.create(since=MAY, cents=100)
        page = shown(dora_in.get(f"/rates/?project={work.shop.pk}"))
        assert "No rate of its own." in page
        assert f'href="/rates/new/?project={work.shop.pk}"' in page

    def test_pages_lead_to_it(self, dora_in, work):
        project = f'href="/rates/?project={work.shop.pk}"'
        assert project in shown(dora_in.get(f"/projects/{work.shop.pk}/"))
        assert project in shown(dora_in.get(f"/projects/{work.shop.pk}/edit/"))
        client = f'href="/rates/?client={work.client.pk}"'
        assert client in shown(dora_in.get(f"/clients/{work.client.pk}/"))
        assert 'href="/rates/"' in shown(dora_in.get("/team/"))

    def test_it_takes_as_many_queries_for_sixty_rates_as_for_three(self, dora_in, bob, work):
        def add(number: int) -> None:
            customer, _made = Client.objects.get_or_create(name=f"C{number % 20}")
            project, _made = Project.objects.get_or_create(name=f"P{number % 20}", client=customer)
            since = MAY + timedelta(number)
            Rate.objects.create(project=project, user=bob, since=since, cents=number)

        def queries() -> int:
            with CaptureQueriesContext(connection) as found:
                assert dora_in.get("/rates/").status_code == 200
            return len(found)

        for number in range(3):
            add(number)
        queries()
        three = queries()
        for number in range(3, 60):
            add(number)
        assert queries() == three
        assert "Page 1 of 2" in shown(dora_in.get("/rates/"))


class TestSet:
    def test_the_address_fills_the_form(self, dora_in, bob, work):
        page = shown(dora_in.get(f"/rates/new/?project={work.shop.pk}&person={bob.pk}"))
        assert f'<option value="{work.shop.pk}" selected>' in page
        assert f'<option value="{bob.pk}" selected>' in page
        assert dora_in.get("/rates/new/?project=x&person=y&client=1e9").status_code == 200

    def test_it_shows_what_is_revalued_before_it_does_anything(self, dora_in, dora, bob, work):
        spend(bob, work.shop)
        spend(dora, work.shop, day=2)

        asked = dora_in.post("/rates/new/", form(project=work.shop.pk))

        assert asked.status_code == 200
        page = shown(asked)
        assert "85.50 EUR" in page
        assert "<strong>2 entries are revalued</strong>: of 2 people, on 1 project, from" in page
        assert "May 4, 2026 to May 6, 2026." in page
        assert not Rate.objects.exists()

        saved = dora_in.post("/rates/new/", form(project=work.shop.pk, seen=seen_on(asked)))

        assert saved["Location"] == f"/rates/?project={work.shop.pk}"
        rate = Rate.objects.get()
        assert (rate.project, rate.user, rate.client) == (work.shop, None, None)
        assert (rate.since, rate.cents) == (MAY, 8550)
        assert set(TimeEntry.objects.values_list("rate_cents", flat=True)) == {8550}

    def test_it_shows_anew_what_was_changed_meanwhile(self, dora_in, bob, work):
        asked = dora_in.post("/rates/new/", form())
        spend(bob, work.shop)

        again = dora_in.post("/rates/new/", form(seen=seen_on(asked)))

        assert again.status_code == 422
        page = shown(again)
        assert "Time or rates were changed since you looked." in page
        assert "<strong>1 entry is revalued</strong>" in page
        assert not Rate.objects.exists()
        assert dora_in.post("/rates/new/", form(seen=seen_on(again))).status_code == 302

    def test_it_says_what_stays_locked_and_what_is_replaced(self, dora_in, alice, bob, work):
        from tracking import services

        Rate.objects.create(since=MAY, cents=1000)
        spend(bob, work.shop)
        services.lock(alice, EIGHT.date())

        page = shown(dora_in.post("/rates/new/", form()))

        assert "No entry is revalued." in page
        assert "1 entry lies on locked days and keeps its rate." in page
        assert "From this day 10.00 was set: it is replaced." in page

    def test_one_can_go_back_and_change_what_was_filled_in(self, dora_in, bob, work):
        response = dora_in.post("/rates/new/", form(person=bob.pk, again="1", seen="0"))
        page = shown(response)
        assert response.status_code == 200
        assert 'value="85.50"' in page
        assert 'value="2026-05-01"' in page
        assert f'<option value="{bob.pk}" selected>' in page

    @pytest.mark.parametrize(
        ("fields", "name", "sentence"),
        [
            ({"amount": ""}, "amount", "This field is required."),
            ({"amount": "much"}, "amount", "Enter a number."),
            ({"amount": "-1"}, "amount", "Write an amount from 0 to 10,000,000.00."),
            ({"amount": "10000000.01"}, "amount", "Write an amount from 0 to 10,000,000.00."),
            ({"amount": "1.234"}, "amount", "Write an amount with at most two decimal places."),
            ({"amount": "1e400"}, "amount", "20 digits"),
            ({"amount": "NaN"}, "amount", "Enter a number."),
            ({"since": ""}, "since", "This field is required."),
            ({"since": "1999-12-31"}, "since", "Choose a day from the year 2000"),
            ({"since": "9999-12-31"}, "since", "Choose a day from the year 2000"),
            ({"since": "someday"}, "since", "Enter a valid date."),
            ({"project": "99"}, "project", "This project was removed."),
            ({"project": "9" * 40}, "project", "This project was removed."),
            ({"project": "more"}, "project", "Choose a project from the list."),
            ({"person": "nobody"}, "person", "This person was removed."),
            ({"client": "99"}, "client", "This client was removed."),
        ],
    )
    def test_it_says_beside_the_field_what_is_wrong(self, dora_in, fields, name, sentence):
        response = dora_in.post("/rates/new/", form(**fields))

        assert response.status_code == 422
        assert set(response.context["form"].errors) == {name}
        said = shown(response).partition(f'id="rate-{name}_error"')[2].partition("</ul>")[0]
        assert sentence in said
        assert not Rate.objects.exists()

    def test_it_refuses_a_client_with_a_project_or_a_person(self, dora_in, bob, work):
        for more in ({"project": work.shop.pk}, {"person": bob.pk}):
            response = dora_in.post("/rates/new/", form(client=work.client.pk, **more))
            assert response.status_code == 422
            assert "name it alone" in shown(response)

    def test_it_takes_amounts_as_the_language_writes_them(self, dora_in, dora):
        User.objects.filter(pk=dora.pk).update(language="de")
        asked = dora_in.post("/rates/new/", form(amount="85,50"))
        dora_in.post("/rates/new/", form(amount="85,50", seen=seen_on(asked)))
        assert Rate.objects.get().cents == 8550

    def test_five_hundred_projects_and_two_hundred_people_stay_light(self, dora_in):
        Project.objects.bulk_create(Project(name=f"Project {n}") for n in range(500))
        User.objects.bulk_create(User(username=f"p{n:03}") for n in range(200))
        other = Project.objects.get(name="Project 477")
        dora_in.get("/rates/new/")

        with CaptureQueriesContext(connection) as queries:
            response = dora_in.get(f"/rates/new/?project={other.pk}")

        assert f'<option value="{other.pk}" selected>' in shown(response)
        assert shown(response).count("<option") < 260
        assert len(queries) < 15
        every = shown(dora_in.post("/rates/new/", form(project="more")))
        assert every.count("<option") > 700


class TestDelete:
    def test_it_asks_and_then_deletes(self, dora_in, bob, work):
        old = Rate.objects.create(since=EARLIEST, cents=1000)
        rate = Rate.objects.create(since=MAY, cents=2000)
        entry = spend(bob, work.shop)
        path = f"/rates/{rate.pk}/delete/"

        asked = dora_in.get(path)
        assert "<strong>1 entry is revalued</strong>" in shown(asked)
        assert Rate.objects.count() == 2

        assert dora_in.post(path, {"seen": seen_on(asked)})["Location"] == "/rates/"
        assert list(Rate.objects.all()) == [old]
        entry.refresh_from_db()
        assert entry.rate_cents == 1000

    def test_it_shows_anew_what_was_changed_meanwhile(self, dora_in, bob, work):
        rate = Rate.objects.create(since=MAY, cents=2000)
        path = f"/rates/{rate.pk}/delete/"
        asked = dora_in.get(path)
        spend(bob, work.shop)

        again = dora_in.post(path, {"seen": seen_on(asked)})

        assert again.status_code == 422
        assert Rate.objects.count() == 1
        assert dora_in.post(path, {"seen": seen_on(again)}).status_code == 302

    def test_without_having_seen_it_deletes_nothing(self, dora_in):
        rate = Rate.objects.create(since=MAY, cents=2000)
        assert dora_in.post(f"/rates/{rate.pk}/delete/").status_code == 200
        assert Rate.objects.count() == 1

    @pytest.mark.parametrize("pk", ["99", "9" * 30])
    def test_one_that_is_gone_is_not_there(self, dora_in, pk):
        assert dora_in.get(f"/rates/{pk}/delete/").status_code == 404
        assert dora_in.post(f"/rates/{pk}/delete/", {"seen": "0"}).status_code == 404
