from io import StringIO
from itertools import pairwise
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.demo import DEMO_ADMIN_USERNAME, DEMO_USERNAME, demo_password
from accounts.models import Role, User
from analytics.models import Event
from tracking.models import Client, Project, Task, TimeEntry, local_day

pytestmark = pytest.mark.django_db
ADDRESS = "http://127.0.0.1:8123"


def load() -> str:
    out = StringIO()
    call_command("load_demo_data", address=ADDRESS, stdout=out)
    return out.getvalue()


def counts() -> list[int]:
    return [model.objects.count() for model in (User, Client, Project, Task, TimeEntry)]


class TestEmptyDatabase:
    def test_it_fills_it(self):
        load()

        users, clients, projects, tasks, entries = counts()
        assert (users, clients, projects) == (2, 3, 6)
        assert tasks >= 6
        assert 200 < entries < 500

    def test_it_makes_a_user_and_an_admin_who_can_sign_in(self, client):
        load()

        demo, admin = User.objects.order_by("username")
        assert (demo.username, demo.role) == (DEMO_USERNAME, Role.USER)
        assert (admin.username, admin.role) == (DEMO_ADMIN_USERNAME, Role.ADMIN)
        for name in (DEMO_USERNAME, DEMO_ADMIN_USERNAME):
            data = {"login": name, "password": demo_password(name)}
            assert client.post("/accounts/login/", data)["Location"] == "/"

    def test_it_prints_address_credentials_and_progress(self):
        printed = load()

        assert ADDRESS in printed
        for name in (DEMO_USERNAME, DEMO_ADMIN_USERNAME):
            assert f"{name} / {demo_password(name)}" in printed
        assert "6 projects" in printed
        assert f"time entries of {DEMO_USERNAME}" in printed
        assert f"switch these accounts off at {ADDRESS}/admin/accounts/user/" in printed

    def test_it_makes_weeks_that_could_be_real(self):
        load()

        now = timezone.now()
        for user in User.objects.all():
            entries = list(user.time_entries.order_by("started_at"))
            for entry in entries:
                assert entry.ended_at is not None
                assert entry.started_at < entry.ended_at <= now
                assert entry.day == local_day(entry.started_at, user.time_zone)
                assert entry.day.weekday() < 5 or entry.day == local_day(now, user.time_zone)
                assert entry.task is None or entry.task.project_id == entry.project_id
            for earlier, later in pairwise(entries):
                assert earlier.ended_at is not None
                assert earlier.ended_at <= later.started_at
            span = entries[-1].day - entries[0].day
            assert 22 <= span.days <= 28

    def test_it_records_no_events_of_made_up_work(self):
        load()

        assert not Event.objects.exists()

    def test_it_makes_the_same_weeks_everywhere(self):
        load()
        first = list(TimeEntry.objects.order_by("pk").values_list("started_at", "description"))
        TimeEntry.objects.all().delete()
        User.objects.all().delete()
        Project.objects.all().delete()
        Client.objects.all().delete()
        load()

        second = list(TimeEntry.objects.order_by("pk").values_list("started_at", "description"))
        assert first[:100] == second[:100]


class TestSecondRun:
    def test_it_changes_nothing_and_prints_the_same_accounts(self):
        first = load()
        before = counts()

        second = load()

        assert counts() == before
        assert second.strip() in first
        assert f"{DEMO_USERNAME} / {demo_password(DEMO_USERNAME)}" in second

    def test_it_prints_no_password_that_was_changed(self):
        load()
        demo = User.objects.get(username=DEMO_USERNAME)
        demo.set_password("one of their own")
        demo.save()

        printed = load()

        assert f"{DEMO_USERNAME} /" not in printed
        assert f"{DEMO_ADMIN_USERNAME} /" in printed

    def test_it_prints_no_account_that_was_closed(self):
        load()
        User.objects.filter(username=DEMO_USERNAME).update(is_active=False)

        assert f"{DEMO_USERNAME} /" not in load()

    def test_it_prints_no_password_where_passwords_do_not_count(self, settings):
        load()
        settings.LOCAL_ENABLED = False

        assert demo_password(DEMO_USERNAME) not in load()

    def test_it_prints_only_the_user_in_demo_mode(self, settings):
        load()
        settings.DEMO_MODE = True

        printed = load()
        assert f"{DEMO_USERNAME} /" in printed
        assert f"{DEMO_ADMIN_USERNAME} /" not in printed


class TestDemoMode:
    """What the sign-in page shows must be so."""

    @pytest.fixture(autouse=True)
    def _demo_mode(self, settings):
        settings.DEMO_MODE = True

    def can_sign_in(self, client):
        data = {"login": DEMO_USERNAME, "password": demo_password(DEMO_USERNAME)}
        client.post("/accounts/login/", data)
        return "_auth_user_id" in client.session

    def test_it_gives_the_account_back_its_password_and_role(self, client):
        User.objects.create_user(DEMO_USERNAME, password="one of their own", role=Role.ADMIN)
        User.objects.update(is_active=False)
        assert not self.can_sign_in(client)

        assert f"{DEMO_USERNAME} / " in load()

        assert self.can_sign_in(client)
        demo = User.objects.get()
        assert (demo.role, demo.is_staff, demo.is_active) == (Role.USER, False, True)

    def test_it_makes_the_account_beside_others(self, client, alice):
        load()

        assert self.can_sign_in(client)
        assert counts() == [2, 0, 0, 0, 0]

    def test_it_ends_no_session_at_the_next_start(self, client):
        load()
        assert self.can_sign_in(client)

        load()

        assert client.get("/").status_code == 200


def test_it_leaves_a_database_with_accounts_alone(alice):
    before = counts()

    printed = load()

    assert counts() == before
    assert ADDRESS in printed
    assert " / " not in printed
    assert "delete these accounts" not in printed


def test_it_leaves_nothing_behind_when_it_is_interrupted():
    with (
        patch("tracking.models.TimeEntry.objects.bulk_create", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        load()
    assert counts() == [0, 0, 0, 0, 0]

    load()
    assert counts()[:3] == [2, 3, 6]
