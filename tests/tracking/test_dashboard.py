from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from tracking.models import Client as Customer, Project, Task, TimeEntry
from tracking.services import start_timer

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/?week=2"}


def today(hour: int, minute: int = 0) -> datetime:
    return timezone.now().replace(hour=hour, minute=minute, second=0, microsecond=0)


def test_it_sends_strangers_to_the_sign_in_page(client):
    response = client.get("/?week=2")

    assert response.status_code == 302
    assert response["Location"] == "/accounts/login/?next=/%3Fweek%3D2"


def test_it_sends_htmx_of_strangers_there_as_a_whole_page(client):
    response = client.get("/", headers=HTMX)

    assert response.status_code == 200
    assert response["HX-Redirect"] == "/accounts/login/?next=/%3Fweek%3D2"
    assert response.content == b""


def test_it_takes_no_post(bob_in):
    assert bob_in.post("/").status_code == 405


def test_it_says_how_to_begin(bob_in):
    page = bob_in.get("/").content.decode()

    assert "Nothing recorded today." in page
    assert "then press Start" in page
    assert 'action="/timer/start/"' in page


def test_it_shows_the_day(bob_in, bob, work):
    TimeEntry.objects.create(
        user=bob,
        description="Guest checkout",
        project=work.shop,
        task=work.checkout,
        started_at=today(0, 5),
        ended_at=today(1, 35),
    )

    page = bob_in.get("/").content.decode()

    for shown in ("Guest checkout", "Online shop", "Checkout", "Aurora Coffee", ">1:30:00<"):
        assert shown in page
    assert 'fill="#2a7f9e"' in page
    assert ">00:05</time>" in page
    assert ">01:35</time>" in page


def test_it_shows_times_in_the_zone_of_the_person(bob_in, bob):
    bob.time_zone = "Asia/Kathmandu"
    bob.save()
    noon = datetime.now(ZoneInfo("Asia/Kathmandu")).replace(hour=12, minute=7)
    TimeEntry.objects.create(user=bob, started_at=noon, ended_at=noon + timedelta(minutes=1))

    page = bob_in.get("/").content.decode()

    assert ">12:07</time>" in page
    assert f"{noon:%A}, {noon.day} {noon:%B}" in page


def test_it_never_shows_the_entries_of_others(bob_in, charlie):
    TimeEntry.objects.create(
        user=charlie, description="Of charlie", started_at=today(0), ended_at=today(1)
    )
    start_timer(charlie, description="Runs for charlie")

    page = bob_in.get("/").content.decode()

    assert "charlie" not in page
    assert 'action="/timer/start/"' in page


def test_it_shows_the_running_timer(bob_in, bob, work):
    entry = start_timer(bob, description="Call with <Mira>", project=work.shop)
    TimeEntry.objects.update(started_at=entry.started_at - timedelta(hours=1, seconds=1))

    page = bob_in.get("/").content.decode()

    assert "Call with &lt;Mira&gt;" in page
    assert 'action="/timer/stop/"' in page
    assert 'action="/timer/start/"' not in page
    assert 'data-elapsed="360' in page
    assert ">1:00:0" in page


def test_it_offers_projects_by_client_and_tasks_by_project(bob_in, work):
    Project.objects.create(name="Old one", archived=True)

    page = bob_in.get("/").content.decode()

    assert '<optgroup label="Aurora Coffee">' in page
    assert '<optgroup label="No client">' in page
    assert '<optgroup label="Online shop">' in page
    assert f'data-project="{work.shop.pk}"' in page
    assert "Old one" not in page


def test_it_takes_as_many_queries_for_a_full_day_as_for_one_entry(
    bob_in, bob, work, django_assert_num_queries
):
    def add(number: int) -> None:
        customer = Customer.objects.create(name=f"Customer {number}")
        project = Project.objects.create(name=f"Project {number}", client=customer)
        task = Task.objects.create(name="Task", project=project)
        TimeEntry.objects.create(
            user=bob, project=project, task=task, started_at=today(0), ended_at=today(1)
        )

    add(0)
    # session, person; timer, projects, tasks, latest work; day, its tags;
    # week, running
    with django_assert_num_queries(10):
        bob_in.get("/")
    for number in range(1, 40):
        add(number)
    with django_assert_num_queries(11):  # beyond thirty projects: which of them are the latest
        bob_in.get("/")
    for number in range(40, 80):
        add(number)
    with django_assert_num_queries(11):
        bob_in.get("/")


def test_the_weeks_sums_grow_with_the_timer(bob_in, bob):
    grows = '" data-elapsed="'
    assert grows not in bob_in.get("/").content.decode()
    start_timer(bob)

    page = bob_in.get("/").content.decode()

    bars = page[page.index('class="week-bars"') :]
    assert bars.count('" data-minutes>0:00</time>') == 2  # of the week, and of today


class TestFrame:
    """What every page has around its content."""

    def test_it_leads_admins_to_the_administration(self, client, alice):
        client.force_login(alice, backend="accounts.backends.LocalBackend")
        assert 'href="/admin/"' in client.get("/").content.decode()

    def test_it_leads_nobody_else_there(self, bob_in):
        assert "/admin/" not in bob_in.get("/").content.decode()

    def test_it_offers_preferences_and_a_sign_out_that_is_a_post(self, bob_in):
        page = bob_in.get("/").content.decode()

        assert 'href="/accounts/preferences/"' in page
        assert '<form method="post" action="/accounts/logout/">' in page

    @pytest.mark.parametrize(
        ("theme", "attribute"),
        [("light", ' data-bs-theme="light"'), ("dark", ' data-bs-theme="dark"'), ("system", "")],
    )
    def test_it_takes_the_theme_of_the_person(self, bob_in, bob, theme, attribute):
        bob.theme = theme
        bob.save()

        page = bob_in.get("/").content.decode()
        assert f'<html lang="en" dir="ltr"{attribute}>' in page

    def test_it_keeps_the_content_security_policy(self, bob_in, bob, work):
        """No inline script, style or handler, and nothing of another host."""
        start_timer(bob, project=work.shop)
        response = bob_in.get("/")

        page = response.content.decode()
        assert "default-src 'self'" in response["Content-Security-Policy"]
        assert "unsafe" not in response["Content-Security-Policy"]
        for forbidden in ("<style", " style=", "<script>", " onclick", " hx-on", "javascript:"):
            assert forbidden not in page
        assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in page
