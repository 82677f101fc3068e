"""Locked time: the page, and that nobody but an admin changes it in any way."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from tracking import services
from tracking.models import Client, Lock, TimeEntry
from tracking.services import timesheet

pytestmark = pytest.mark.django_db
LOCKED, FREE = date(2026, 5, 4), date(2026, 5, 5)  # a Monday and a Tuesday
NINE = datetime(2026, 5, 4, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SENTENCE = "Time up to May 4, 2026 is locked. Ask an admin if it has to change."
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/entries/?range=all"}


def spend(user: Any, start: datetime = NINE, **fields: Any) -> TimeEntry:
    return TimeEntry.objects.create(user=user, started_at=start, ended_at=start + HOUR, **fields)


def rows() -> list[Any]:
    return list(TimeEntry.objects.order_by("pk").values())


def words(response: Any) -> str:
    text = response.content.decode().replace("\N{NO-BREAK SPACE}", " ")
    return " ".join(text.split())


@pytest.fixture(params=["bob", "dora"])
def somebody(request, client, alice, bob, dora) -> Any:
    """A user and a manager, who is signed in; time up to `LOCKED` is locked."""
    person = {"bob": bob, "dora": dora}[request.param]
    client.force_login(person, backend="accounts.backends.LocalBackend")
    return person


@pytest.fixture
def alice_in(client, alice):
    """A client of alice, who is signed in."""
    client.force_login(alice, backend="accounts.backends.LocalBackend")
    return client


@pytest.fixture
def locked(alice) -> Lock:
    return services.lock(alice, LOCKED)


class TestPage:
    def test_an_admin_locks_and_unlocks_and_sees_who_did(self, alice_in, alice):
        assert "No time is locked." in words(alice_in.get("/lock/"))

        assert alice_in.post("/lock/", {"until": "2026-05-04"})["Location"] == "/lock/"
        assert services.locked_until() == LOCKED
        page = words(alice_in.get("/lock/"))
        assert "Time up to May 4, 2026 is locked." in page
        assert "alice ·" in page

        alice_in.post("/lock/", {"open": "1"})
        assert services.locked_until() is None
        page = words(alice_in.get("/lock/"))
        assert page.index("Unlocked") < page.index("Locked up to May 4, 2026")
        assert list(Lock.objects.values_list("until", "user")) == [
            (None, alice.pk),
            (LOCKED, alice.pk),
        ]

    @pytest.mark.parametrize(
        ("until", "sentence"),
        [
            ("", "This field is required."),
            ("someday", "Enter a valid date."),
            ("1999-12-31", "Choose a day from the year 2000 to today."),
            ("2999-12-31", "Choose a day from the year 2000 to today."),
        ],
    )
    def test_it_says_beside_the_field_what_is_wrong(self, alice_in, until, sentence):
        response = alice_in.post("/lock/", {"until": until})
        assert response.status_code == 422
        assert sentence in words(response)
        assert not Lock.objects.exists()

    def test_nobody_else_does(self, client, somebody):
        assert client.get("/lock/").status_code == 403
        assert client.post("/lock/", {"until": "2026-05-04"}).status_code == 403
        assert not Lock.objects.exists()

    def test_the_team_page_leads_there(self, alice_in, locked):
        page = words(alice_in.get("/team/"))
        assert 'href="/lock/"' in page
        assert "Locked up to 05/04/2026" in page

    def test_managers_read_of_it(self, client, dora, locked):
        client.force_login(dora, backend="accounts.backends.LocalBackend")
        page = words(client.get("/team/"))
        assert 'href="/lock/"' not in page
        assert "Locked up to 05/04/2026" in page

    def test_the_latest_counts(self, alice):
        services.lock(alice, FREE)
        services.lock(alice, LOCKED)
        assert services.locked_until() == LOCKED


@pytest.mark.usefixtures("locked")
class TestRefused:
    """Each way in which a user or a manager may change their own time."""

    def check(self, client: Any, path: str, data: dict[str, Any], status: int = 422) -> str:
        """Refused with the sentence, with htmx and without, and nothing changes."""
        before = rows()
        plain = client.post(path, data)
        assert plain.status_code in (status, 302)
        said = words(client.get(plain["Location"])) if plain.status_code == 302 else words(plain)
        assert SENTENCE in said
        with_htmx = client.post(path, data, headers=HTMX)
        assert with_htmx.status_code == status
        assert SENTENCE in words(with_htmx)
        assert rows() == before
        return words(with_htmx)

    def test_entering_time(self, client, somebody):
        data = {"description": "Words to keep", "day": "2026-05-04", "time": "9-10"}
        page = self.check(client, "/entries/new/", data)
        assert "Words to keep" in page

    @pytest.mark.parametrize(("start", "day"), [(NINE, "2026-05-05"), (NINE + DAY, "2026-05-04")])
    def test_changing_an_entry_that_was_or_will_be_locked(self, client, somebody, start, day):
        entry = spend(somebody, start)
        data = {"description": "Words to keep", "day": day, "start": "9:00", "end": "10:00"}
        data |= {"duration": "1:00", "version": str(entry.version)}
        page = self.check(client, f"/entries/{entry.pk}/", data)
        assert "Words to keep" in page

    def test_duplicating(self, client, somebody):
        entry = spend(somebody)
        self.check(client, f"/entries/{entry.pk}/duplicate/", {}, 200)

    def test_splitting(self, client, somebody):
        entry = spend(somebody)
        data = {"at": "9:30", "version": str(entry.version)}
        assert 'value="9:30"' in self.check(client, f"/entries/{entry.pk}/split/", data)

    def test_deleting(self, client, somebody):
        entry = spend(somebody)
        self.check(client, f"/entries/{entry.pk}/delete/", {}, 200)

    @pytest.mark.parametrize("action", ["move", "tag", "billable", "not-billable", "delete"])
    def test_several_of_which_one_is_locked(self, client, somebody, work, action):
        keys = [spend(somebody, start).pk for start in (NINE, NINE + DAY)]
        data = {"action": action, "entry": keys, "tags": "travel", "project": work.shop.pk}
        self.check(client, "/entries/change/", data)

    def test_bringing_back_what_was_deleted_before(self, client, somebody, alice):
        services.lock(alice, None)
        deletion = services.delete_entries(somebody, [spend(somebody).pk])
        assert deletion
        services.lock(alice, LOCKED)
        self.check(client, f"/undo/{deletion.pk}/", {}, 200)
        services.lock(alice, None)
        client.post(f"/undo/{deletion.pk}/")
        assert TimeEntry.objects.count() == 1  # the way back was not used up

    @pytest.mark.parametrize(("there", "typed"), [(False, "1:30"), (True, "2:00"), (True, "")])
    def test_typing_into_the_week(self, client, somebody, work, there, typed):
        timesheet.add_row(somebody, LOCKED, project=work.shop, task=None)
        if there:
            spend(somebody, project=work.shop)
        name = f"c.{work.shop.pk}-0.2026-05-04.{3600 if there else 0}"
        data = {"day": "2026-05-04", name: typed}
        self.check(client, "/week/cell/", data)
        assert f'value="{typed}"' in words(client.post("/week/cell/", data))

    @pytest.mark.parametrize(("start", "day"), [(NINE, "2026-05-05"), (NINE + DAY, "2026-05-04")])
    def test_dragging_in_the_calendar(self, client, somebody, start, day):
        entry = spend(somebody, start)
        data = {"day": day, "minute": "600", "part": "entry", "version": str(entry.version)}
        self.check(client, f"/calendar/{entry.pk}/move/", data)

    def test_drawing_in_the_calendar(self, client, somebody):
        self.check(client, "/calendar/new/", {"day": "2026-05-04", "start": "600", "end": "660"})

    def test_moving_the_start_of_the_timer_back(self, client, somebody, alice):
        yesterday = timezone.localdate() - DAY
        services.lock(alice, yesterday)
        timer = services.start_timer(somebody, description="Words")
        data = {"description": "Words to keep", "start": "9:00", "day": yesterday.isoformat()}
        before = rows()
        for headers in ({}, HTMX):
            answer = client.post(
                "/timer/change/", data | {"version": str(timer.version)}, headers=headers
            )
            assert answer.status_code == 422
            assert "is locked. Ask an admin if it has to change." in words(answer)
            assert "Words to keep" in words(answer)
        assert rows() == before


@pytest.mark.usefixtures("locked")
class TestTimer:
    @pytest.fixture
    def running(self, somebody, alice) -> TimeEntry:
        """A timer that runs since a day that was locked later."""
        start = timezone.now() - 30 * HOUR
        timer = TimeEntry.objects.create(user=somebody, started_at=start, description="Night")
        services.lock(alice, timer.day)
        return timer

    def test_it_can_be_stopped(self, somebody, running):
        stopped = services.stop_timer(somebody)
        assert stopped is not None
        assert stopped.pk == running.pk

    def test_another_one_can_be_started(self, somebody, running):
        started = services.start_timer(somebody)
        assert started.running
        running.refresh_from_db()
        assert not running.running

    def test_it_can_be_thrown_away_and_brought_back(self, somebody, running):
        deletion = services.discard_timer(somebody)
        assert deletion
        assert services.restore(somebody, deletion.pk) == 1


@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize(
    "path", ["/entries/?range=all", "/week/2026-05-04/", "/calendar/?day=2026-05-04"]
)
def test_locked_days_are_marked(bob_in, bob, path):
    spend(bob)
    spend(bob, NINE + DAY)
    assert words(bob_in.get(path)).count('class="locked"') == 1


def test_an_admin_changes_everything(alice, bob, work, locked):
    entry = spend(bob, project=work.shop)
    changed = services.update_entry(alice, entry.pk, entry.version, description="New words")
    services.duplicate_entry(alice, entry.pk)
    services.split_entry(alice, entry.pk, changed.version, NINE + HOUR / 2)
    services.change_entries(alice, [entry.pk], action="billable", billable=True)
    timesheet.set_cell(
        alice, project=work.garden, task=None, day=LOCKED, was=timedelta(), total=HOUR
    )
    deletion = services.delete_entries(alice, [entry.pk])
    assert deletion
    assert services.restore(alice, deletion.pk) == 1
    assert TimeEntry.objects.filter(day=LOCKED).count() == 4


def test_what_lies_after_the_lock_is_free(bob, locked):
    entry = spend(bob, NINE + DAY)
    services.update_entry(bob, entry.pk, entry.version, description="New words")
    with pytest.raises(ValidationError, match="is locked"):
        services.update_entry(
            bob, entry.pk, entry.version + 1, started_at=NINE, ended_at=NINE + HOUR
        )


def test_the_day_is_that_which_the_entry_keeps(bob, locked):
    """Bob travels: what lies on a locked day for him does so wherever he is by then."""
    entry = spend(bob, datetime(2026, 5, 4, 23, 30, tzinfo=UTC))
    bob.time_zone = "Europe/Berlin"
    bob.save()
    with pytest.raises(ValidationError, match="is locked"):
        services.update_entry(bob, entry.pk, entry.version, description="New words")


def test_a_timer_of_a_locked_day_does_not_come_back_as_finished_time(bob):
    begun = timezone.now() - 2 * DAY
    TimeEntry.objects.create(user=bob, started_at=begun)
    deletion = services.discard_timer(bob)
    assert deletion
    Lock.objects.create(until=begun.date() + DAY)
    services.start_timer(bob)

    with pytest.raises(ValidationError, match="is locked"):
        services.restore(bob, deletion.pk)
    assert not TimeEntry.objects.exclude(ended_at=None).exists()


def test_locked_time_becomes_no_other_clients(alice, dora, bob, work, locked):
    spend(bob, project=work.shop)
    other = Client.objects.create(name="Helix")

    with pytest.raises(ValidationError, match="is locked"):
        services.update_project(dora, work.shop.pk, {"client": other})
    assert services.update_project(dora, work.shop.pk, {"name": "Shop"}).client == work.client
    assert services.update_project(alice, work.shop.pk, {"client": other}).client == other
