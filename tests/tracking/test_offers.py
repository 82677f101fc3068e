from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tracking import services
from tracking.models import Membership, Project, Task, TimeEntry
from tracking.offers import Offer, every_one, offer_of

pytestmark = pytest.mark.django_db


def spend(user: Any, project: Project, days_ago: int = 0, task: Task | None = None) -> TimeEntry:
    end = timezone.now() - timedelta(days=days_ago)
    start = end - timedelta(hours=1)
    return TimeEntry.objects.create(
        user=user, project=project, task=task, started_at=start, ended_at=end
    )


def words(choices: Any) -> list[tuple[str, list[str]]]:
    """The names under each heading."""
    return [(heading, [name for _key, name in names]) for heading, names in choices]


def keys(offer: Offer) -> set[str]:
    return {str(key) for _heading, names in offer.projects for key, _name in names}


def test_projects_stand_by_client_and_tasks_by_project(bob, work):
    offer = offer_of(bob)
    assert words(offer.projects) == [("Aurora Coffee", ["Online shop"]), ("No client", ["Garden"])]
    assert words(offer.tasks) == [("Online shop", ["Checkout"])]
    assert not offer.more


def test_what_is_closed_to_the_person_is_not_offered(bob, charlie, work):
    Membership.objects.create(project=work.garden, user=charlie)
    Task.objects.create(project=work.shop, name="Old", done=True)
    Project.objects.create(name="Archived", archived=True)
    offer = offer_of(bob)
    assert keys(offer) == {str(work.shop.pk)}
    assert words(offer.tasks) == [("Online shop", ["Checkout"])]
    assert keys(offer_of(charlie)) == {str(work.shop.pk), str(work.garden.pk)}


def test_the_latest_come_before_those_first_by_name(bob, charlie):
    projects = [Project.objects.create(name=f"Project {number}") for number in range(5)]
    for days_ago, number in ((3, 4), (2, 3)):
        spend(bob, projects[number], days_ago)
    spend(charlie, projects[2])
    offer = offer_of(bob, 3)
    assert words(offer.projects) == [("No client", ["Project 0", "Project 3", "Project 4"])]
    assert offer.more
    assert keys(offer_of(bob, 1)) == {str(projects[3].pk)}
    assert not offer_of(bob, 5).more
    assert len(keys(offer_of(bob, None))) == 5


def test_what_an_entry_is_about_comes_with_them(bob, work):
    entry = spend(bob, work.shop, task=work.checkout)
    work.client.archived = work.checkout.done = True
    work.client.save()
    work.checkout.save()
    assert not offer_of(bob).has(entry)
    offer = offer_of(bob, 30, entry)
    assert offer.has(entry)
    assert words(offer.projects)[0] == ("Aurora Coffee", ["Online shop"])
    assert words(offer.tasks) == [("Online shop", ["Checkout"])]


def test_it_has_what_an_entry_without_project_is_about(bob, work):
    entry = services.start_timer(bob)
    assert offer_of(bob).has(entry)
    assert offer_of(bob).has(None)


def test_a_done_task_of_an_open_project_is_not_had(bob, work):
    entry = spend(bob, work.shop, task=work.checkout)
    Task.objects.update(done=True)
    assert not offer_of(bob).has(entry)
    assert offer_of(bob, 30, entry).has(entry)


def test_all_of_some_projects_can_be_listed(work):
    Project.objects.create(name="Archived", archived=True)
    assert words(every_one(Project.objects.filter(client=None))) == [
        ("No client", ["Archived", "Garden"])
    ]


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("address", ["/entries/", "/week/"])
def test_the_forms_of_a_page_read_them_once(bob_in, bob, work, address, running):
    if running:
        services.start_timer(bob, project=work.shop, task=work.checkout)
    with CaptureQueriesContext(connection) as captured:
        page = bob_in.get(address).content.decode()
    lists = [each for each in captured if 'FROM "tracking_project"' in each["sql"]]
    lists = [each for each in lists if "NULLS LAST" in each["sql"]]  # by client
    assert len(lists) == 1
    assert page.count(">Checkout</option>") > 1
    assert (f'<option value="{work.shop.pk}" selected' in page) is running


def test_a_timer_of_what_is_closed_by_now_keeps_its_work(bob_in, bob, work):
    services.start_timer(bob, project=work.shop, task=work.checkout)
    Project.objects.update(archived=True)
    page = bob_in.get("/entries/").content.decode()
    assert page.count(">Online shop</option>") == 1
    assert f'<option value="{work.shop.pk}" selected data-billable="true">' in page
    assert f'<option value="{work.checkout.pk}" selected data-project="{work.shop.pk}">' in page
