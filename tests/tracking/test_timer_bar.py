"""The timer bar on every page: change, discard, continue, undo, forgotten timers."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from analytics.models import Event
from tracking.models import Deletion, Tag, TimeEntry
from tracking.services import idle_since, note_activity, start_timer, stop_timer

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/entries/?page=2"}


@pytest.fixture
def running(bob, work):
    entry = start_timer(bob, description="Write", project=work.shop, task=work.checkout)
    entry.started_at -= timedelta(hours=2)
    entry.active_at = entry.started_at
    entry.save()
    return entry


def events() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("event", flat=True))


class TestChange:
    URL = "/timer/change/"

    def form(self, entry, **fields):
        local = timezone.localtime(entry.started_at)
        return {
            "description": entry.description,
            "project": entry.project_id or "",
            "task": entry.task_id or "",
            "tags": "",
            "start": f"{local:%H:%M}",
            "day": local.date().isoformat(),
            "version": entry.version,
            **fields,
        }

    def test_it_changes_what_the_timer_is_about(self, bob_in, running, work):
        data = self.form(running, description=" Read ", project=work.garden.pk, task="")

        response = bob_in.post(self.URL, {**data, "tags": "Deep work, deep  WORK,Home"})

        assert response["Location"] == "/"
        entry = TimeEntry.objects.get()
        assert (entry.description, entry.project, entry.task) == ("Read", work.garden, None)
        assert sorted(tag.name for tag in entry.tags.all()) == ["Home", "deep WORK"]
        assert entry.started_at == running.started_at
        assert events()[-1] == "time_entry.updated"

    def test_it_changes_when_the_timer_started(self, bob_in, running):
        earlier = timezone.localtime(running.started_at) - timedelta(minutes=30)

        bob_in.post(
            self.URL,
            self.form(running, start=f"{earlier:%H:%M}", day=earlier.date().isoformat()),
        )

        assert TimeEntry.objects.get().started_at == earlier.replace(second=0, microsecond=0)

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"start": "half past"}, "half past"),
            ({"day": "1926-01-01"}, "2000"),
            ({"day": "tomorrow"}, "A running timer cannot start in the future."),
            ({"description": "x" * 501}, "at most 500 fit"),
            ({"tags": "x" * 51}, "A tag has at most 50 characters."),
            ({"tags": ",".join(map(str, range(21)))}, "at most 20 tags"),
            ({"version": "x"}, "Enter a whole number."),
        ],
    )
    def test_it_says_what_is_wrong_and_keeps_what_was_typed(
        self, bob_in, running, fields, sentence
    ):
        response = bob_in.post(self.URL, self.form(running, **fields), headers=HTMX)

        page = response.content.decode()
        assert response.status_code == 422
        assert sentence in page
        assert '<details class="timer-change" open>' in page
        running.refresh_from_db()
        assert running.description == "Write"
        assert not Tag.objects.exists() or "tags" in fields

    def test_it_never_overwrites_what_another_tab_has_changed(self, bob_in, running):
        data = self.form(running)
        bob_in.post(self.URL, {**data, "description": "First tab"})

        response = bob_in.post(self.URL, {**data, "description": "Second tab"}, headers=HTMX)

        page = response.content.decode()
        assert response.status_code == 422
        assert "changed elsewhere" in page
        assert "Second tab" in page
        assert TimeEntry.objects.get().description == "First tab"
        seen = re.search(r'name="version" value="(\d+)"', page)[1]
        bob_in.post(self.URL, {**data, "description": "Second tab", "version": seen})
        assert TimeEntry.objects.get().description == "Second tab"

    def test_it_says_that_the_timer_has_stopped_meanwhile(self, bob_in, bob, running):
        data = self.form(running)
        stop_timer(bob)

        data["description"] = "Typed since"
        response = bob_in.post(self.URL, data, headers=HTMX)

        page = response.content.decode()
        assert response["HX-Trigger"] == "entries-changed"
        assert "No timer is running any more. Your change was not saved." in page
        assert 'value="Typed since"' in page  # where the next one is started

    def test_it_makes_no_tags_where_it_is_refused(self, bob_in, running):
        later = timezone.localtime() + timedelta(days=1)
        data = self.form(running, day=later.date().isoformat(), tags="new")

        assert bob_in.post(self.URL, data, headers=HTMX).status_code == 422
        assert not Tag.objects.exists()

    @pytest.mark.parametrize(("hours_24", "shown"), [(True, "15:05"), (False, "3:05 pm")])
    def test_it_shows_the_start_by_the_clock_of_the_person(
        self, bob_in, bob, running, hours_24, shown
    ):
        bob.hours_24 = hours_24
        bob.save()
        local = timezone.localtime() - timedelta(days=1)
        TimeEntry.objects.update(started_at=local.replace(hour=15, minute=5, second=7))

        page = bob_in.get("/").content.decode()
        assert f'name="start" value="{shown}"' in page

        before = TimeEntry.objects.get()
        day = timezone.localtime(before.started_at).date().isoformat()
        data = self.form(before, description="Read", start=shown, day=day)
        bob_in.post(self.URL, data)
        after = TimeEntry.objects.get()
        assert (after.description, after.started_at) == ("Read", before.started_at)

    def test_it_refuses_a_project_of_others(self, bob_in, charlie, running, work):
        work.garden.members.add(charlie)

        response = bob_in.post(
            self.URL, self.form(running, project=work.garden.pk, task=""), headers=HTMX
        )

        assert response.status_code == 422
        assert "Garden" not in response.content.decode()


class TestDiscard:
    def test_it_throws_the_timer_away_and_brings_it_back(self, bob_in, running):
        Tag.objects.create(name="home").time_entries.add(running)

        page = bob_in.post("/timer/discard/", headers=HTMX).content.decode()

        assert not TimeEntry.objects.exists()
        deletion = Deletion.objects.get()
        assert f'action="/undo/{deletion.pk}/"' in page
        assert events()[-1] == "timer.discarded"

        assert "It is back." in bob_in.post(f"/undo/{deletion.pk}/", headers=HTMX).content.decode()
        back = TimeEntry.objects.get()
        for name in ("pk", "description", "task", "started_at", "day", "version", "ended_at"):
            assert getattr(back, name) == getattr(running, name)
        assert [tag.name for tag in back.tags.all()] == ["home"]

    def test_it_brings_it_back_as_finished_where_another_one_runs(self, bob_in, bob, running):
        bob_in.post("/timer/discard/")
        start_timer(bob, description="another")

        bob_in.post(f"/undo/{Deletion.objects.get().pk}/")

        back = TimeEntry.objects.get(description="Write")
        assert 7200 <= back.seconds <= 7202
        assert TimeEntry.objects.get(ended_at=None).description == "another"

    def test_it_says_that_nothing_runs(self, bob_in):
        page = bob_in.post("/timer/discard/", headers=HTMX).content.decode()
        assert "No timer was running." in page

    def test_it_undoes_once_and_only_for_whoever_deleted(self, bob_in, client, charlie, running):
        bob_in.post("/timer/discard/")
        url = f"/undo/{Deletion.objects.get().pk}/"
        other = type(client)()
        other.force_login(charlie, backend="accounts.backends.LocalBackend")

        assert "cannot be undone" in other.post(url, headers=HTMX).content.decode()
        assert not TimeEntry.objects.exists()
        bob_in.post(url)
        assert "cannot be undone" in bob_in.post(url, headers=HTMX).content.decode()
        assert "cannot be undone" in bob_in.post(f"/undo/{uuid4()}/", headers=HTMX).content.decode()
        assert TimeEntry.objects.count() == 1

    def test_it_forgets_what_is_too_old(self, bob_in, running):
        bob_in.post("/timer/discard/")
        Deletion.objects.update(deleted_at=timezone.now() - timedelta(days=1, minutes=1))
        old = Deletion.objects.get()

        assert "cannot be undone" in bob_in.post(f"/undo/{old.pk}/", headers=HTMX).content.decode()
        bob_in.post("/timer/start/")
        bob_in.post("/timer/discard/")
        assert not Deletion.objects.filter(pk=old.pk).exists()


class TestContinue:
    def test_it_starts_the_same_work_again(self, bob_in, bob, running):
        Tag.objects.create(name="home").time_entries.add(running)
        stop_timer(bob)

        response = bob_in.post(f"/timer/continue/{running.pk}/", {"next": "/entries/?page=2"})

        assert response["Location"] == "/entries/?page=2"
        entry = TimeEntry.objects.get(ended_at=None)
        assert (entry.description, entry.task, entry.billable) == ("Write", running.task, True)
        assert [tag.name for tag in entry.tags.all()] == ["home"]

    def test_it_never_continues_the_work_of_others(self, bob_in, charlie):
        entry = start_timer(charlie, description="Secret")
        stop_timer(charlie)

        page = bob_in.post(f"/timer/continue/{entry.pk}/", headers=HTMX).content.decode()

        assert "not there any more" in page
        assert not TimeEntry.objects.filter(ended_at=None).exists()

    def test_it_says_that_the_project_is_archived(self, bob_in, bob, running, work):
        stop_timer(bob)
        work.shop.archived = True
        work.shop.save()

        page = bob_in.post(f"/timer/continue/{running.pk}/", headers=HTMX).content.decode()

        assert "“Online shop” is archived." in page

    def test_the_same_form_sent_twice_continues_once(self, bob_in, bob, running):
        stop_timer(bob)
        for _click in range(2):
            data = {"csrfmiddlewaretoken": "of this page"}
            assert bob_in.post(f"/timer/continue/{running.pk}/", data).status_code == 302
        assert TimeEntry.objects.count() == 2


class TestSecondTimer:
    def test_it_is_refused_where_the_operator_wants_that(self, bob_in, running, settings):
        settings.SECOND_TIMER = "refuse"

        response = bob_in.post("/timer/start/", {"description": "second"}, headers=HTMX)

        assert response.status_code == 422
        page = response.content.decode()
        assert "A timer is running already: “Write”" in page
        assert TimeEntry.objects.get().running

        assert '<button class="btn btn-secondary" type="submit" name="instead"' in page
        bob_in.post("/timer/start/", {"description": "second", "instead": "1"}, headers=HTMX)
        second = TimeEntry.objects.get(ended_at=None)
        assert second.description == "second"
        assert TimeEntry.objects.get(pk=running.pk).ended_at == second.started_at


class TestForgotten:
    @pytest.fixture(autouse=True)
    def _timeout(self, settings):
        settings.IDLE_TIMEOUT_MINUTES = 60

    def test_it_asks_what_should_become_of_it(self, bob_in, running):
        page = bob_in.get("/").content.decode()

        assert "You were last seen at" in page
        for action in ("/timer/keep/", "/timer/stop/", "/timer/discard/"):
            assert f'"{action}"' in page

    def test_it_does_not_ask_where_that_is_off_or_nothing_is_forgotten(
        self, bob_in, running, settings
    ):
        TimeEntry.objects.update(active_at=timezone.now() - timedelta(minutes=59))
        assert "last seen" not in bob_in.get("/").content.decode()

        TimeEntry.objects.update(active_at=timezone.now() - timedelta(days=9))
        settings.IDLE_TIMEOUT_MINUTES = 0
        assert "last seen" not in bob_in.get("/").content.decode()

    def test_it_keeps_it(self, bob_in, running):
        page = bob_in.post("/timer/keep/", headers=HTMX).content.decode()

        assert "last seen" not in page
        assert TimeEntry.objects.get().running

    def test_it_stops_it_when_the_person_was_last_seen(self, bob_in, running):
        seen = running.started_at + timedelta(minutes=10)
        TimeEntry.objects.update(active_at=seen)

        bob_in.post("/timer/stop/", {"at": "last-activity"})

        entry = TimeEntry.objects.get()
        assert (entry.ended_at, entry.seconds) == (seen, 600)

    def test_activity_is_remembered_once_a_minute(self, bob_in, bob, running):
        running.active_at = timezone.now() - timedelta(minutes=5)
        running.save()

        assert bob_in.post("/timer/activity/").status_code == 204
        first = TimeEntry.objects.get().active_at
        assert bob_in.post("/timer/activity/").status_code == 204

        assert timezone.now() - first < timedelta(seconds=30)
        assert TimeEntry.objects.get().active_at == first

    def test_activity_never_answers_the_question_by_itself(self, bob_in, bob, running):
        answer = bob_in.post("/timer/activity/", headers=HTMX)

        assert "You were last seen at" in answer.content.decode()
        assert idle_since(TimeEntry.objects.get()) == running.active_at
        assert note_activity(bob)

    def test_activity_without_a_timer_is_nothing(self, bob_in):
        assert bob_in.post("/timer/activity/").status_code == 204


class TestNext:
    @pytest.mark.parametrize(
        "next_page", ["https://elsewhere.example/", "//elsewhere.example", "javascript:1", ""]
    )
    def test_it_leads_to_no_other_host(self, bob_in, next_page):
        assert bob_in.post("/timer/start/", {"next": next_page})["Location"] == "/"

    def test_it_never_leads_to_an_address_that_takes_only_forms(self, bob_in):
        page = bob_in.post("/timer/start/", {"description": "x" * 501}).content.decode()

        assert '<input type="hidden" name="next" value="">' in page
        assert (
            '<input type="hidden" name="next" value="/week/">'
            in bob_in.get("/week/").content.decode()
        )


class TestManyProjects:
    @pytest.fixture
    def many(self, work):
        from tracking.models import Project

        return Project.objects.bulk_create(Project(name=f"P{n:03}") for n in range(100))

    def test_it_offers_the_latest_and_a_way_to_the_others(self, bob_in, bob, many):
        start_timer(bob, project=many[97])
        stop_timer(bob)

        page = bob_in.get("/").content.decode()

        assert ">P097<" in page
        assert ">P098<" not in page
        assert '<option value="more">More projects…</option>' in page
        assert len(page.encode()) < 40_000

    def test_it_takes_a_project_that_is_not_offered(self, bob_in, many):
        bob_in.post("/timer/start/", {"project": many[98].pk})
        assert TimeEntry.objects.get().project == many[98]

    def test_it_gives_all_of_them_to_a_script(self, bob_in, many):
        page = bob_in.get("/work/projects/").content.decode()

        assert ">P098<" in page
        assert 'value="more"' not in page
        assert ">Checkout<" in page  # their tasks, too

    def test_it_offers_all_of_them_on_the_page_where_more_are_wished_without_a_script(
        self, bob_in, many
    ):
        response = bob_in.post("/timer/start/", {"description": "Kept", "project": "more"})

        page = response.content.decode()
        assert response.status_code == 422
        assert ">P098<" in page
        assert 'value="Kept"' in page
        assert "Choose a project from the list." in page
