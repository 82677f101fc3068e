import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from analytics.models import Event
from tracking import services
from tracking.models import Deletion, Membership, Project, Tag, TimeEntry

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/entries/?range=all"}
NINE = datetime(2026, 3, 2, 9, 0, 12, 345678, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEW = "/entries/new/"
CHANGE = "/entries/change/"


def made(user: Any, start: datetime = NINE, hours: float = 1, **fields: Any) -> TimeEntry:
    return TimeEntry.objects.create(
        user=user, started_at=start, ended_at=start + hours * HOUR, **fields
    )


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user, backend="accounts.backends.LocalBackend")
    return client


def events() -> list[str]:
    names = ("time_entry", "time_entries", "timer")
    every = Event.objects.order_by("pk").values_list("event", flat=True)
    return [event for event in every if event.split(".")[0] in names]


def text(response: Any) -> str:
    return html.unescape(response.content.decode())


def filled(entry: TimeEntry, **typed: Any) -> dict[str, Any]:
    """What the form of an entry sends when only this was typed."""
    sent = {
        "description": entry.description,
        "project": entry.project_id or "",
        "task": entry.task_id or "",
        "tags": ", ".join(tag.name for tag in entry.tags.all()),
        "day": f"{entry.started_at:%Y-%m-%d}",
        "start": f"{entry.started_at:%H:%M}",
        "end": f"{entry.ended_at:%H:%M}",
        "duration": "1:00",
        "version": entry.version,
    }
    return {**sent, **typed}


class TestAdd:
    def test_it_adds_and_goes_back_to_the_list(self, bob_in, bob, work):
        data = {
            "description": "Plan",
            "project": work.shop.pk,
            "task": work.checkout.pk,
            "tags": "on site, Urgent, ON SITE",
            "day": "2026-03-02",
            "time": "9-10:30",
            "next": "/entries/?range=all",
        }

        response = bob_in.post(NEW, data)

        assert (response.status_code, response["Location"]) == (302, "/entries/?range=all")
        entry = TimeEntry.objects.get()
        assert (entry.user, entry.description, entry.task) == (bob, "Plan", work.checkout)
        assert entry.started_at == NINE.replace(second=0, microsecond=0)
        assert entry.seconds == 5400
        assert entry.billable
        assert sorted(tag.name for tag in entry.tags.all()) == ["ON SITE", "Urgent"]
        assert events() == ["time_entry.created"]
        assert "Entry added." in bob_in.get("/entries/").content.decode()

    def test_htmx_gets_a_toast_and_the_list_comes_anew(self, bob_in):
        response = bob_in.post(NEW, {"time": "1:30"}, headers=HTMX)

        assert response["HX-Trigger"] == "entries-changed"
        assert response["HX-Reswap"] == "none"
        assert "Entry added." in text(response)

    def test_its_page_takes_day_and_time_of_the_address(self, bob_in):
        page = text(bob_in.get(f"{NEW}?day=2026-03-02&time=9-10&description=no"))
        assert 'value="2026-03-02"' in page
        assert 'value="9-10"' in page
        assert '<details class="add" id="add" open>' in page

    @pytest.mark.parametrize(
        ("name", "typed"),
        [
            ("time", ""),
            ("time", "10-"),
            ("time", "0"),
            ("time", "900"),
            ("time", "<b>9</b>"),
            ("time", "🕰"),
            ("time", "9" * 10_000),
            ("day", "1926-03-02"),
            ("day", "x" * 10_000),
            ("description", "x" * 10_000),
            ("description", "a\0b"),
            ("project", "999999"),
            ("project", "9" * 50),
            ("task", "x"),
            ("tags", "y" * 51),
            ("tags", ",".join(str(n) for n in range(21))),
        ],
    )
    def test_bad_input_is_answered_beside_its_field(self, bob_in, name, typed):
        data = {"description": "Kept", "time": "9-10", "day": "", name: typed}
        for headers in (HTMX, {}):
            response = bob_in.post(NEW, data, headers=headers)

            page = text(response)
            assert response.status_code == 422
            assert ("<html" in page) is not bool(headers)
            assert f'id="add-{name}_error"' in page
            assert 'aria-invalid="true"' in page
            assert f"add-{name}_error" in page.split("aria-describedby=")[1]
            assert name == "description" or 'value="Kept"' in page
        assert not TimeEntry.objects.exists()
        assert not Tag.objects.exists()
        assert events() == []

    def test_a_project_of_somebody_elses_is_none(self, bob_in, charlie, work):
        Membership.objects.create(project=work.shop, user=charlie)

        response = bob_in.post(NEW, {"time": "1", "project": work.shop.pk}, headers=HTMX)

        assert response.status_code == 422
        assert "archived or was removed" in text(response)
        assert "Online shop" not in text(response)

    def test_a_clash_is_named_beside_the_time_and_no_tag_stays(self, bob_in, bob, settings):
        settings.OVERLAPPING_ENTRIES = "refuse"
        made(bob, description="Stand-up")

        data = {"time": "9:30-10", "day": "2026-03-02", "tags": "new"}
        response = bob_in.post(NEW, data, headers=HTMX)

        assert response.status_code == 422
        assert "This overlaps with “Stand-up” (2 March, 09:00–10:00)." in text(response)
        assert 'id="add-time_error"' in text(response)
        assert not Tag.objects.exists()
        assert bob_in.post(NEW, {**data, "time": "10:30-11"}, headers=HTMX).status_code == 200

    @pytest.mark.parametrize("written", ["<script>alert(1)</script>", "🕰" * 500, "{{ 7 }}"])
    def test_any_text_that_fits_is_kept_and_escaped(self, bob_in, written):
        bob_in.post(NEW, {"time": "1", "description": written})

        assert TimeEntry.objects.get().description == written
        assert "<script>" not in bob_in.get("/entries/").content.decode()

    def test_the_same_form_sent_twice_adds_one_entry(self, bob_in, bob):
        """A double-click without the script."""
        data = {"time": "1:30", "description": "Once", "csrfmiddlewaretoken": "of this page"}
        first, second = bob_in.post(NEW, data), bob_in.post(NEW, data)

        assert (first.status_code, second.status_code) == (302, 302)
        assert TimeEntry.objects.count() == 1
        assert "This entry was added already." in text(bob_in.get("/entries/"))

    def test_the_same_words_of_another_page_are_another_entry(self, bob_in):
        data = {"time": "1:30", "description": "Twice"}
        for token in ("of one page", "of another"):
            bob_in.post(NEW, {**data, "csrfmiddlewaretoken": token})
        assert TimeEntry.objects.count() == 2

    def test_what_was_refused_may_be_sent_again(self, bob_in, bob, settings):
        settings.OVERLAPPING_ENTRIES = "refuse"
        clash = made(bob)
        data = {"time": "9-10", "day": "2026-03-02", "csrfmiddlewaretoken": "of this page"}

        assert bob_in.post(NEW, data).status_code == 422
        clash.delete()
        assert bob_in.post(NEW, data).status_code == 302
        assert TimeEntry.objects.count() == 1

    def test_it_never_leads_to_another_host(self, bob_in):
        for wish in ("https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)"):
            response = bob_in.post(NEW, {"time": "1", "next": wish})
            assert response["Location"] == "/entries/"

    def test_a_form_of_another_page_leads_back_there(self, bob_in):
        response = bob_in.post(NEW, {"time": "", "next": "/week/"})
        assert response.status_code == 422
        assert 'hx-get="/entries/"' in text(response)


class TestEdit:
    def test_htmx_gets_the_row_as_a_form_others_a_page(self, bob_in, bob, work):
        entry = made(bob, description="Old", project=work.shop)

        part = bob_in.get(f"/entries/{entry.pk}/", headers=HTMX)
        page = bob_in.get(f"/entries/{entry.pk}/?next=/entries/%3Fpage=2")

        assert (
            text(part).strip().startswith(f'<li class="entry entry-editing" id="entry-{entry.pk}"')
        )
        assert 'name="next" value="/entries/?range=all"' in text(part)
        assert "<html" in text(page)
        assert 'name="next" value="/entries/?page=2"' in text(page)
        for shown in ('value="Old"', 'value="2026-03-02"', 'value="09:00"', 'value="10:00"'):
            assert shown in text(part)
        assert "HX-Request" in part["Vary"]

    def test_it_saves_and_goes_back(self, bob_in, bob, work):
        entry = made(bob, description="Old", project=work.shop, billable=True)
        data = filled(
            entry,
            description="New",
            project=work.garden.pk,
            tags="a, b",
            end="11:30",
            next="/entries/?page=2",
        )

        response = bob_in.post(f"/entries/{entry.pk}/", data)

        assert (response.status_code, response["Location"]) == (302, "/entries/?page=2")
        entry.refresh_from_db()
        assert (entry.description, entry.project, entry.billable) == ("New", work.garden, False)
        assert entry.started_at == NINE
        assert entry.ended_at == datetime(2026, 3, 2, 11, 30, tzinfo=UTC)
        assert [tag.name for tag in entry.tags.order_by("name")] == ["a", "b"]
        assert events() == ["time_entry.updated"]

    def test_words_alone_leave_the_times_to_the_microsecond(self, bob_in, bob):
        entry = made(bob)
        bob_in.post(f"/entries/{entry.pk}/", filled(entry, description="New"), headers=HTMX)

        entry.refresh_from_db()
        assert (entry.started_at, entry.ended_at) == (NINE, NINE + HOUR)

    def test_what_was_typed_outlives_its_entry(self, bob_in, bob, work):
        entry = made(bob)
        data = filled(entry, description="Typed", project=work.shop.pk, end="11:30")
        TimeEntry.objects.all().delete()

        response = bob_in.post(f"/entries/{entry.pk}/", data)

        page = text(response)
        assert response.status_code == 404
        assert "This entry is not there any more. What you typed stands here: add it anew." in page
        assert 'value="Typed"' in page
        again = {**data, "time": re.search(r'name="time" value="([^"]+)"', page)[1]}
        bob_in.post(NEW, again)
        added = TimeEntry.objects.get()
        assert (added.description, added.project, added.seconds) == ("Typed", work.shop, 9000)

    def test_of_entries_of_others_nothing_is_said(self, bob_in, charlie, work):
        """They are answered like such as are not there any more."""
        entry = made(charlie, description="Secret")
        data = filled(entry, description="Mine")

        for headers in (HTMX, {}):
            response = bob_in.post(f"/entries/{entry.pk}/", data, headers=headers)
            assert response.status_code == 404
            assert "Secret" not in text(response)
        assert TimeEntry.objects.get().description == "Secret"

    def test_an_empty_form_says_what_is_missing(self, bob_in, bob):
        entry = made(bob)
        response = bob_in.post(f"/entries/{entry.pk}/", {"next": "/"}, headers=HTMX)

        assert response.status_code == 422
        entry.refresh_from_db()
        assert entry.version == 1

    @pytest.mark.parametrize(
        ("name", "typed"),
        [
            ("start", "x"),
            ("end", "25:00"),
            ("end", "09:00"),
            ("day", "1926-01-01"),
            ("duration", "900"),
            ("duration", "0"),
            ("description", "x" * 10_000),
            ("description", "\0"),
            ("project", "999999"),
            ("tags", "y" * 51),
        ],
    )
    def test_bad_input_is_answered_beside_its_field(self, bob_in, bob, name, typed):
        entry = made(bob, description="Before")
        for headers in (HTMX, {}):
            data = filled(entry, **{"description": "Kept", name: typed})
            response = bob_in.post(f"/entries/{entry.pk}/", data, headers=headers)

            page = text(response)
            assert response.status_code == 422
            assert f'id="entry-{entry.pk}-{name}_error"' in page
            assert f"entry-{entry.pk}-{name}_error" in page.split("aria-describedby=")[1]
            assert name == "description" or 'value="Kept"' in page
        entry.refresh_from_db()
        assert entry.description == "Before"
        assert events() == []

    def test_a_start_moved_behind_the_end_is_said_beside_the_end(self, bob_in, bob):
        entry = made(bob)
        response = bob_in.post(f"/entries/{entry.pk}/", filled(entry, start="11:00"), headers=HTMX)
        assert response.status_code == 422
        assert "The end must come after the start." in text(response)
        assert f'id="entry-{entry.pk}-end_error"' in text(response)

    def test_two_tabs_never_overwrite_each_other_unseen(self, bob_in, bob, work):
        entry = made(bob, description="Before")
        first = filled(entry, description="First tab", project=work.shop.pk)
        second = filled(entry, description="Second tab")
        bob_in.post(f"/entries/{entry.pk}/", first, headers=HTMX)

        response = bob_in.post(f"/entries/{entry.pk}/", second, headers=HTMX)

        page = text(response)
        assert response.status_code == 422
        assert "This entry was changed elsewhere." in page
        assert "It says now:" in page
        assert "First tab" in page
        assert "Online shop" in page
        assert 'value="Second tab"' in page
        entry.refresh_from_db()
        assert entry.description == "First tab"
        assert f'name="version" value="{entry.version}"' in page

        seen = {**second, "version": entry.version}
        assert bob_in.post(f"/entries/{entry.pk}/", seen, headers=HTMX).status_code == 200
        entry.refresh_from_db()
        assert entry.description == "Second tab"

    def test_a_tag_that_was_archived_since_may_stay(self, bob_in, bob):
        entry = made(bob)
        entry.tags.set(services.tags_named(["old"]))
        Tag.objects.update(archived=True)

        data = filled(entry, description="New")
        assert bob_in.post(f"/entries/{entry.pk}/", data, headers=HTMX).status_code == 200
        assert [tag.name for tag in entry.tags.all()] == ["old"]
        other = filled(made(bob), tags="old")
        other_pk = TimeEntry.objects.latest("pk").pk
        assert bob_in.post(f"/entries/{other_pk}/", other, headers=HTMX).status_code == 422

    def test_an_admin_changes_it_in_the_zone_of_its_person(self, alice, bob):
        bob.time_zone = "Asia/Kathmandu"
        bob.save()
        entry = made(bob)
        client = signed_in(alice)

        page = text(client.get(f"/entries/{entry.pk}/", headers=HTMX))
        assert 'value="14:45"' in page
        assert "Times in Asia/Kathmandu" in page
        data = filled(entry, start="14:45", end="16:45")
        assert client.post(f"/entries/{entry.pk}/", data, headers=HTMX).status_code == 200
        entry.refresh_from_db()
        assert entry.ended_at == datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
        assert entry.started_at == NINE


class TestNotTheirs:
    """Entries of others, running ones, deleted ones: as if there were none."""

    @pytest.fixture(params=["of others", "running", "deleted"])
    def pk(self, request: Any, bob: Any, charlie: Any) -> int:
        if request.param == "of others":
            return made(charlie, description="Secret").pk
        if request.param == "running":
            return services.start_timer(bob).pk
        entry = made(bob)
        pk = entry.pk
        entry.delete()
        return pk

    @pytest.mark.parametrize("headers", [HTMX, {}])
    def test_each_way_is_404(self, bob_in, pk, headers):
        before = list(TimeEntry.objects.values())
        made_before = events()
        for way in ("", "split/"):
            response = bob_in.get(f"/entries/{pk}/{way}", headers=headers)
            assert response.status_code == 404
            assert "Secret" not in text(response)
        for way in ("", "split/", "duplicate/", "delete/"):
            response = bob_in.post(
                f"/entries/{pk}/{way}", {"version": 1, "at": "9:30"}, headers=headers
            )
            assert response.status_code == 404
        assert list(TimeEntry.objects.values()) == before
        assert events() == made_before

    def test_a_manager_changes_only_their_own(self, dora, bob):
        entry = made(bob)
        client = signed_in(dora)
        for way in ("", "split/", "duplicate/", "delete/"):
            assert client.post(f"/entries/{entry.pk}/{way}").status_code == 404
        response = client.post(CHANGE, {"entry": entry.pk, "action": "delete"})
        assert response.status_code == 422
        assert TimeEntry.objects.get() == entry

    def test_a_key_beyond_all_keys_is_404(self, bob_in):
        for way in ("", "split/", "duplicate/", "delete/"):
            assert bob_in.post(f"/entries/{'9' * 40}/{way}").status_code == 404


class TestDuplicateSplitDelete:
    def test_it_duplicates(self, bob_in, bob):
        entry = made(bob, description="x")
        response = bob_in.post(f"/entries/{entry.pk}/duplicate/", {"next": "/"})

        assert response["Location"] == "/"
        assert TimeEntry.objects.filter(description="x", started_at=NINE).count() == 2
        assert events() == ["time_entry.duplicated"]

    def test_it_says_why_it_does_not(self, bob_in, bob, work):
        entry = made(bob, project=work.shop)
        Project.objects.update(archived=True)

        response = bob_in.post(f"/entries/{entry.pk}/duplicate/", headers=HTMX)
        assert "“Online shop” is archived." in text(response)
        assert TimeEntry.objects.count() == 1

    def test_it_splits(self, bob_in, bob):
        entry = made(bob)
        asked = text(bob_in.get(f"/entries/{entry.pk}/split/", headers=HTMX))
        assert 'value="09:30"' in asked

        data = {"at": "9:15", "version": entry.version}
        response = bob_in.post(f"/entries/{entry.pk}/split/", data, headers=HTMX)

        assert response.status_code == 200
        parts = list(TimeEntry.objects.order_by("started_at"))
        assert [part.seconds for part in parts] == [888, 2712]
        assert parts[0].ended_at == parts[1].started_at
        assert events() == ["time_entry.split"]

    @pytest.mark.parametrize("at", ["", "8:00", "11", "x", "\0", "🕰", "9" * 10_000])
    def test_it_says_where_it_cannot_be_split(self, bob_in, bob, at):
        entry = made(bob)
        data = {"at": at, "version": entry.version}
        for headers in (HTMX, {}):
            response = bob_in.post(f"/entries/{entry.pk}/split/", data, headers=headers)
            assert response.status_code == 422
            assert f'id="split-{entry.pk}-at_error"' in text(response)
        assert TimeEntry.objects.count() == 1

    def test_it_splits_nothing_that_changed_elsewhere(self, bob_in, bob):
        entry = made(bob)
        services.update_entry(bob, entry.pk, entry.version, description="Other tab")

        data = {"at": "9:15", "version": entry.version}
        response = bob_in.post(f"/entries/{entry.pk}/split/", data, headers=HTMX)

        assert response.status_code == 422
        assert "Nothing was split." in text(response)
        assert "Other tab" in text(response)
        assert TimeEntry.objects.count() == 1

    def test_it_deletes_and_brings_back(self, bob_in, bob):
        entry = made(bob)

        page = text(bob_in.post(f"/entries/{entry.pk}/delete/", headers=HTMX))

        deletion = Deletion.objects.get()
        assert "Entry deleted." in page
        assert f'action="/undo/{deletion.pk}/"' in page
        assert not TimeEntry.objects.exists()
        assert events() == ["time_entry.deleted"]
        bob_in.post(f"/undo/{deletion.pk}/")
        assert TimeEntry.objects.get() == entry

    def test_it_does_not_come_back_over_another_entry(self, bob_in, bob, settings):
        settings.OVERLAPPING_ENTRIES = "refuse"
        bob_in.post(f"/entries/{made(bob).pk}/delete/")
        made(bob, description="Instead")
        undo = f"/undo/{Deletion.objects.get().pk}/"

        page = text(bob_in.post(undo, headers=HTMX))

        assert "This overlaps with “Instead”" in page
        assert f'action="{undo}"' in page  # there is time to mend it
        assert TimeEntry.objects.count() == 1

    def test_they_take_no_get(self, bob_in, bob):
        entry = made(bob)
        for way in (f"/entries/{entry.pk}/duplicate/", f"/entries/{entry.pk}/delete/", CHANGE):
            assert bob_in.get(way).status_code == 405
        assert TimeEntry.objects.count() == 1


class TestSeveral:
    def send(self, client: Client, entries: list[TimeEntry], action: str, **more: Any) -> Any:
        data = {"entry": [entry.pk for entry in entries], "action": action, **more}
        return client.post(CHANGE, data, headers=HTMX)

    @pytest.fixture
    def three(self, bob: Any) -> list[TimeEntry]:
        return [made(bob, NINE + number * HOUR) for number in range(3)]

    def test_they_move(self, bob_in, three, work):
        response = self.send(bob_in, three[:2], "move", project=work.shop.pk, task=work.checkout.pk)

        assert "2 entries moved." in text(response)
        assert response["HX-Trigger"] == "entries-changed"
        assert TimeEntry.objects.filter(task=work.checkout, billable=True).count() == 2
        assert events() == ["time_entries.bulk_updated"]

    def test_they_are_tagged(self, bob_in, three):
        assert "1 entry tagged." in text(self.send(bob_in, three[:1], "tag", tags="a, b"))
        assert three[0].tags.count() == 2

    @pytest.mark.parametrize(("action", "billable"), [("billable", True), ("not-billable", False)])
    def test_they_become_billable_or_not(self, bob_in, three, action, billable):
        TimeEntry.objects.update(billable=not billable)
        assert self.send(bob_in, three, action).status_code == 200
        assert TimeEntry.objects.filter(billable=billable).count() == 3

    def test_they_are_deleted_and_brought_back(self, bob_in, three):
        page = text(self.send(bob_in, three, "delete"))

        assert "3 entries deleted." in page
        assert f"/undo/{Deletion.objects.get().pk}/" in page
        assert not TimeEntry.objects.exists()
        bob_in.post(f"/undo/{Deletion.objects.get().pk}/")
        assert set(TimeEntry.objects.all()) == set(three)

    def test_without_htmx_it_goes_back(self, bob_in, three):
        data = {"entry": [three[0].pk], "action": "billable", "next": "/entries/?range=all"}
        assert bob_in.post(CHANGE, data)["Location"] == "/entries/?range=all"

    @pytest.mark.parametrize(
        ("data", "sentence"),
        [
            ({}, "Choose what should become of the entries."),
            ({"action": "explode"}, "Choose what should become of the entries."),
            ({"action": "billable", "entry": []}, "Select at least one entry."),
            ({"action": "billable", "entry": ["x", "", "-1", "²"]}, "Select at least one entry."),
            ({"action": "billable", "entry": ["999999"]}, "These entries are not there any more."),
            ({"action": "delete", "entry": ["999999"]}, "These entries are not there any more."),
            ({"action": "delete", "entry": ["9" * 18]}, "These entries are not there any more."),
            ({"action": "delete", "entry": range(1, 502)}, "At most 500 entries"),
            ({"action": "tag", "tags": " , "}, "Write at least one tag."),
            ({"action": "tag", "tags": "y" * 51}, "at most 50 characters"),
            ({"action": "tag", "tags": "a\0"}, "Null characters"),
            ({"action": "move", "project": "999999"}, "archived or was removed"),
            ({"action": "move", "project": "x"}, "archived or was removed"),
        ],
    )
    def test_bad_input_is_answered_with_a_sentence(self, bob_in, three, data, sentence):
        before = list(TimeEntry.objects.values())
        for headers in (HTMX, {}):
            sent = {"entry": [entry.pk for entry in three], **data}
            response = bob_in.post(CHANGE, sent, headers=headers)
            assert response.status_code == 422
            assert sentence in text(response)
        assert list(TimeEntry.objects.values()) == before
        assert not Tag.objects.exists()
        assert events() == []

    def test_what_was_selected_stays_selected(self, bob_in, bob):
        now = timezone.now() - 2 * HOUR
        one, other = made(bob, now), made(bob, now)
        page = text(bob_in.post(CHANGE, {"entry": [one.pk], "action": "tag", "tags": ""}))

        assert f'value="{one.pk}" form="bulk" autocomplete="off" checked' in page
        assert f'value="{other.pk}" form="bulk" autocomplete="off" aria-label' in page

    def test_those_of_others_are_left_alone(self, bob_in, charlie, three, work):
        hers = made(charlie)
        response = self.send(bob_in, [*three, hers], "move", project=work.shop.pk)

        assert "3 entries moved." in text(response)
        hers.refresh_from_db()
        assert hers.project is None

    def test_a_project_of_others_is_none(self, bob_in, charlie, three, work):
        Membership.objects.create(project=work.shop, user=charlie)
        response = self.send(bob_in, three, "move", project=work.shop.pk)
        assert response.status_code == 422
        assert not TimeEntry.objects.filter(project=work.shop).exists()

    def test_an_admin_changes_those_of_others(self, alice, three):
        client = signed_in(alice)
        assert "3 entries are billable now." in text(self.send(client, three, "billable"))
        assert TimeEntry.objects.filter(billable=True).count() == 3


class TestOfStrangers:
    @pytest.mark.parametrize(
        "address", [NEW, CHANGE, "/entries/1/", "/entries/1/split/", "/entries/1/delete/"]
    )
    def test_they_are_sent_to_sign_in(self, client, address):
        assert client.post(address)["Location"] == "/accounts/login/?next=/"
        htmx = client.post(address, headers=HTMX)
        assert htmx["HX-Redirect"] == "/accounts/login/?next=/entries/%3Frange%3Dall"

    def test_forms_need_their_token(self, bob):
        client = Client(enforce_csrf_checks=True)
        client.force_login(bob, backend="accounts.backends.LocalBackend")
        assert client.post(NEW, {"time": "1"}).status_code == 403
        assert not TimeEntry.objects.exists()
