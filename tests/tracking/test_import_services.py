"""Importing: what a file makes, what is wrong with it, all or nothing, and never twice."""

import io
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

from accounts.models import User
from analytics.models import Event
from tests.tracking.importing import checked, fixture, imported, line, rows_of, toggl
from tracking.models import (
    Client,
    Import,
    ImportChunk,
    Lock,
    Project,
    Rate,
    Tag,
    Task,
    TimeEntry,
)
from tracking.services import ChangedElsewhereError, imports

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def sentences(made: Import) -> dict[str, list[list[int]]]:
    return dict(made.result["errors"])


# --- what a file makes ---


def test_an_admin_imports_a_file_of_toggl(alice, bob):
    made = imported(alice, fixture("toggl.csv"))

    assert (made.state, made.source, made.result["entries"]) == ("done", "toggl", 4)
    assert rows_of(bob) == [
        *(
            (
                "Basket, second round",
                "Online shop",
                datetime(2025, 3, 3, 8, tzinfo=UTC),
                datetime(2025, 3, 3, 9, 30, tzinfo=UTC),
                True,
            ),
            (
                "Support",
                "Online shop",
                datetime(2025, 3, 3, 10, tzinfo=UTC),
                datetime(2025, 3, 3, 10, 15, 30, tzinfo=UTC),
                False,
            ),
            (
                "Planting roses",
                "Garden",
                datetime(2025, 3, 4, 21, 30, tzinfo=UTC),
                datetime(2025, 3, 4, 23, 45, tzinfo=UTC),
                False,
            ),
            (
                "",
                None,
                datetime(2025, 3, 5, 7, tzinfo=UTC),
                datetime(2025, 3, 5, 7, 20, tzinfo=UTC),
                False,
            ),
        )
    ]
    first = TimeEntry.objects.get(description__startswith="Basket")
    assert (first.task.name, first.project.client.name) == ("Checkout", "Aurora Coffee")
    assert sorted(tag.name for tag in first.tags.all()) == ["call", "design"]
    assert (first.day, first.seconds) == (date(2025, 3, 3), 5400)
    assert (Client.objects.count(), Project.objects.count(), Task.objects.count()) == (1, 2, 1)
    assert Tag.objects.count() == 2


@pytest.mark.parametrize(
    ("name", "source", "entries", "seconds"),
    [
        ("toggl_member.csv", "toggl", 2, 8100),
        ("toggl_short.csv", "toggl", 2, 12600),
        ("toggl_utf16.csv", "toggl", 4, 15630),
        ("clockify.csv", "clockify", 2, 18000),
        ("clockify_types.csv", "clockify", 1, 1800),
        ("clockify_template.csv", "clockify", 2, 32400),
        ("clockify_semicolons.csv", "clockify", 1, 3600),
    ],
)
def test_it_imports_what_both_vendors_write(alice, bob, name, source, entries, seconds):
    made = imported(alice, fixture(name))

    assert (made.source, made.result["entries"], made.result["seconds"]) == (
        *(source, entries, seconds),
    )
    assert sum(TimeEntry.objects.values_list("seconds", flat=True)) == seconds


def test_the_preview_makes_nothing(alice, bob):
    made = checked(alice, fixture("toggl.csv"))

    assert made.state == "checked"
    assert made.result["new"] == {
        "clients": {"count": 1, "names": ["Aurora Coffee"]},
        "projects": {"count": 2, "names": ["Aurora Coffee / Online shop", "Garden"]},
        "tasks": {"count": 1, "names": ["Aurora Coffee / Online shop / Checkout"]},
        "tags": {"count": 2, "names": ["call", "design"]},
    }
    assert made.result["people"] == {str(bob.pk): 4}
    assert not TimeEntry.objects.exists()
    assert not Project.objects.exists()


def test_it_says_breaks_are_left_out(alice, bob):
    assert checked(alice, fixture("clockify_types.csv")).result["breaks"] == 1


def test_it_asks_where_no_date_shows_the_order(bob, work):
    made = checked(bob, fixture("clockify_undecided.csv"))
    assert made.state == "asking"
    assert imports.undecided_date(made) == ("3/4/2025", date(2025, 4, 3), date(2025, 3, 4))

    imports.decide(bob, made.pk, month_first=True)
    imports.check_next(bob, made.pk)
    imports.apply(bob, made.pk)

    assert [
        day.isoformat() for day in TimeEntry.objects.order_by("day").values_list("day", flat=True)
    ] == [
        *("2025-03-04", "2025-05-05"),
    ]


def test_names_are_found_in_upper_and_lower_case(bob, work):
    tag = Tag.objects.create(name="Äpfel")
    content = toggl(
        line(project="ONLINE shop", client="aurora COFFEE", task="checkout", tags="äPFEL")
    )
    imported(bob, content)

    entry = TimeEntry.objects.get()
    assert (entry.project, entry.task, [*entry.tags.all()]) == (work.shop, work.checkout, [tag])


def test_the_zone_may_be_another_and_the_day_is_the_persons(bob):
    User.objects.filter(pk=bob.pk).update(time_zone="Europe/Berlin")
    bob.refresh_from_db()
    imported(bob, toggl(line(3, "19:00:00", "20:00:00")), zone="America/New_York")

    entry = TimeEntry.objects.get()
    assert entry.started_at == datetime(2025, 3, 4, 0, tzinfo=UTC)
    assert entry.day == date(2025, 3, 4)


def test_the_rates_of_this_installation_apply(alice, work):
    Rate.objects.create(since=date(2000, 1, 1), cents=5000)
    Rate.objects.create(since=date(2025, 3, 4), cents=6000)
    Rate.objects.create(since=date(2025, 3, 5), cents=9000, project=work.garden)
    days = [line(day, project="Garden") for day in (3, 4, 5)]
    imported(alice, toggl(*days, line(5), line(6, project="New one")))

    rates = TimeEntry.objects.order_by("day", "rate_cents").values_list("day__day", "rate_cents")
    assert list(rates) == [(3, 5000), (4, 6000), (5, 6000), (5, 9000), (6, 6000)]


def test_what_the_file_does_not_say_of_billable_is_as_its_project_has_it(alice, work):
    imported(alice, fixture("toggl_short.csv"))

    assert set(TimeEntry.objects.values_list("billable", flat=True)) == {True}


def test_it_is_recorded_with_what_it_is(alice, bob):
    imported(alice, fixture("toggl.csv"))

    (event,) = Event.objects.filter(event="import.completed")
    assert {name: event.properties[name] for name in ("source", "rows")} == {
        "source": "toggl",
        "rows": 4,
    }


# --- never twice ---


def test_a_second_import_adds_nothing(alice, bob):
    content = fixture("toggl.csv")
    imported(alice, content)
    before = rows_of(bob)

    again = checked(alice, content)

    assert (again.result["entries"], again.result["already"]) == (0, 4)
    assert again.result["new"]["projects"]["count"] == 0
    imports.apply(alice, again.pk)
    assert rows_of(bob) == before


def test_a_second_import_adds_nothing_whatever_happened_since(bob, alice, work):
    content = toggl(line(project="Garden"), line(4))
    imported(bob, content)
    Project.objects.update(archived=True)
    Lock.objects.create(until=date(2025, 12, 31))

    again = checked(bob, content, zone="Asia/Tokyo")

    assert (again.result["already"], again.result["wrong"]) == (2, 0)


def test_the_same_line_twice_stays_twice(bob):
    content = toggl(line(), line(), line(4))

    imported(bob, content)
    imported(bob, content)

    assert len(rows_of(bob)) == 3


def test_two_previews_of_a_file_make_it_once(bob):
    content = toggl(line(), line(4))
    first, second = checked(bob, content), checked(bob, content)
    imports.apply(bob, first.pk)
    done = imports.apply(bob, second.pk)

    assert len(rows_of(bob)) == 2
    assert (done.result["entries"], done.result["already"]) == (0, 2)


def test_pressed_twice_it_makes_it_once(bob):
    made = checked(bob, toggl(line()))
    imports.apply(bob, made.pk)
    imports.apply(bob, made.pk)

    assert len(rows_of(bob)) == 1
    assert Event.objects.filter(event="import.completed").count() == 1


def test_what_was_deleted_may_be_imported_again(bob):
    imported(bob, toggl(line()))
    TimeEntry.objects.all().delete()
    imported(bob, toggl(line()))

    assert len(rows_of(bob)) == 1


LINES = st.lists(
    st.builds(
        line,
        day=st.integers(1, 3),
        at=st.sampled_from(["09:00:00", "10:30:00"]),
        end=st.sampled_from(["11:00:00", "12:30:00"]),
        description=st.sampled_from(["", "Call", "call"]),
        project=st.sampled_from(["", "Garden"]),
        tags=st.sampled_from(["", "a"]),
        billable=st.sampled_from(["Yes", "No", ""]),
        email=st.sampled_from(["", "alice@example.org", "ALICE@example.org", "bob@example.org"]),
    ),
    min_size=1,
    max_size=12,
)


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=LINES, data=st.data())
def test_in_whatever_order_and_however_often_a_file_is_imported_once(lines, data, alice, bob):
    TimeEntry.objects.all().delete()
    first = imported(alice, toggl(*lines))
    assert first.result["entries"] == len(lines) == TimeEntry.objects.count()
    before = sorted(map(str, TimeEntry.objects.values_list("pk", "imported")))

    part = data.draw(st.integers(1, len(lines)))
    imported(alice, toggl(*data.draw(st.permutations(lines))))
    imported(alice, toggl(*lines[:part]))

    assert sorted(map(str, TimeEntry.objects.values_list("pk", "imported"))) == before


# --- what is wrong, by line ---


def test_it_says_what_is_wrong_line_by_line(bob, work):
    made = checked(bob, fixture("toggl_wrong.csv"))

    nowhere = (
        "There is no project “Nowhere” that is open to you. Ask a manager to make it, or to add"
        " you to it."
    )
    found = sentences(made)
    assert made.result["wrong"] == 13
    assert found.pop(nowhere) == [[4, 5]]
    assert [(lines[0][0], words) for words, lines in found.items()] == [
        (
            3,
            "This is time of eve@example.org, which is not the e-mail of your account here. Only"
            " an admin imports the time of others.",
        ),
        (6, "The end must come after the start."),
        (7, "An entry has at most 24 hours. Make one for each day."),
        (9, next(words for words in found if "does not exist" in words)),
        (10, "“2025-02-30” is no date; write it as 2026-11-22."),
        (11, "“perhaps” is neither Yes nor No."),
        (
            12,
            "Its duration is not the time from start to end. Is Europe/Berlin the file’s time"
            " zone?",
        ),
        (13, "It names a client, but no project."),
        (14, "It has no end. A timer that runs cannot be imported."),
        (15, "It has no start, or other columns than the first line names."),
    ]
    assert found["The end must come after the start."] == [[6, 6], [8, 8]]
    assert imports.apply(bob, made.pk).state == "checked"
    assert not TimeEntry.objects.exists()


def test_an_admin_is_told_of_addresses_that_nobody_or_everybody_has(alice, bob, charlie):
    User.objects.filter(pk=charlie.pk).update(email="Bob@example.org")
    made = checked(alice, toggl(line(email="eve@example.org"), line(email="BOB@example.org")))

    assert [words.partition(".")[0] for words in sentences(made)] == [
        "Nobody here has the e-mail eve@example",
        "Several people have the e-mail bob@example",
    ]


def test_a_manager_imports_no_time_of_others_but_makes_projects(dora, bob):
    made = checked(dora, toggl(line(email="bob@example.org")))
    assert made.result["wrong"] == 1

    imported(dora, toggl(line(project="Harbour", client="Museum", task="Plan")))

    assert Task.objects.get().project.client.name == "Museum"


@pytest.mark.parametrize("role", ["user", "manager"])
def test_time_that_is_locked_is_an_error(bob, role):
    User.objects.filter(pk=bob.pk).update(role=role)
    bob.refresh_from_db()
    Lock.objects.create(until=date(2025, 3, 3))
    made = checked(bob, toggl(line(3), line(4)))

    assert sentences(made) == {
        "Time up to March 3, 2025 is locked. Ask an admin to import it.": [[2, 2]]
    }


def test_an_admin_imports_locked_time(alice):
    Lock.objects.create(until=date(2025, 3, 3))

    assert imported(alice, toggl(line(3))).result["entries"] == 1


def test_what_takes_no_time_is_an_error(bob, work, charlie):
    Project.objects.create(name="Old", archived=True)
    secret = Project.objects.create(name="Secret")
    secret.members.add(charlie)
    Task.objects.create(project=work.garden, name="Dig", done=True)
    Tag.objects.create(name="gone", archived=True)
    wrong = [
        line(project="Old"),
        line(project="Secret"),
        line(project="Garden", task="Dig"),
        line(project="Garden", task="Sow"),
        line(tags="gone"),
        line(task="Sow"),
        line(description="x" * 501),
        line(tags="y" * 51),
    ]
    made = checked(bob, toggl(*wrong))

    begins = [
        "“Old” is archived and takes no time.",
        "There is no project “Secret” that is open to you.",
        "The task “Dig” is done",
        "“Garden” has no task “Sow”. Ask a manager",
        "The tag “gone” is archived.",
        "It names a task, but no project.",
        "The description has 501 characters; at most 500 fit.",
        f"The name “{'y' * 40}…” is too long: at most 50",
    ]
    found = list(sentences(made))
    assert len(found) == len(begins)
    assert [words for words, begin in zip(found, begins, strict=True) if begin not in words] == []


def test_a_name_that_is_too_long_is_an_error(alice):
    made = checked(alice, toggl(line(project="p" * 201), line(project="p", client="c" * 201)))

    assert made.result["wrong"] == 2


def test_overlapping_time_is_an_error_where_it_is_refused(bob, settings):
    settings.OVERLAPPING_ENTRIES = "refuse"
    TimeEntry.objects.create(
        user=bob,
        description="Here already",
        started_at=datetime(2025, 3, 5, 8, tzinfo=UTC),
        ended_at=datetime(2025, 3, 5, 10, tzinfo=UTC),
    )
    made = checked(
        bob,
        toggl(
            line(3, "09:00:00", "10:00:00"),
            line(3, "09:59:00", "10:30:00"),
            line(3, "10:30:00", "11:00:00"),
            line(5, "10:30:00", "11:30:00"),
            line(5, "11:30:00", "12:30:00"),
        ),
    )

    found = sentences(made)
    assert found.pop("It overlaps with line 2.") == [[3, 3]]
    assert list(found.values()) == [[[5, 5]]]
    assert "It overlaps with “Here already”" in next(iter(found))


def test_overlapping_time_is_imported_where_it_is_allowed(bob):
    assert imported(bob, toggl(line(), line(at="09:30:00"))).result["entries"] == 2


# --- all or nothing ---


def test_an_error_in_the_last_line_imports_nothing(alice):
    made = checked(alice, toggl(*[line(project=f"P {n}") for n in range(50)], line(end="08:00:00")))

    assert sentences(made) == {"The end must come after the start.": [[52, 52]]}
    imports.apply(alice, made.pk)
    assert not TimeEntry.objects.exists()
    assert not Project.objects.exists()


def test_a_crash_in_the_middle_of_importing_leaves_nothing(alice, monkeypatch):
    """The last of the entries collides with one that came in between; the database says so."""
    monkeypatch.setattr(imports, "CHUNK", 10)
    made = checked(alice, toggl(*[line(description=f"{n}", project="New") for n in range(35)]))
    last = imports.first_lines(made, 35)[-1]
    entry = TimeEntry.objects.create(
        user=alice,
        started_at=timezone.now() - timedelta(hours=1),
        ended_at=timezone.now(),
        imported=last.key,
    )
    batch = imports._Batch(alice, made)
    assert batch.already == 1
    TimeEntry.objects.filter(pk=entry.pk).update(imported=None)
    batch = imports._Batch(alice, made)
    TimeEntry.objects.filter(pk=entry.pk).update(imported=last.key)

    with pytest.raises(IntegrityError):
        imports._write_all(batch)

    assert [*TimeEntry.objects.all()] == [entry]
    assert not Project.objects.exists()
    assert not Event.objects.filter(event="import.completed").exists()
    made.refresh_from_db()
    assert made.state == "checked"
    assert imports.apply(alice, made.pk).result["entries"] == 34


def test_what_has_changed_since_the_preview_is_found(bob, work):
    made = checked(bob, toggl(line(), line(4, project="Garden")))
    Project.objects.filter(pk=work.garden.pk).update(archived=True)

    with pytest.raises(ChangedElsewhereError, match="Nothing was imported"):
        imports.apply(bob, made.pk)

    made.refresh_from_db()
    assert [lines for _words, lines in made.result["errors"]] == [[[3, 3]]]
    assert not TimeEntry.objects.exists()


def test_an_admin_who_is_none_any_more_imports_no_time_of_others(alice, bob):
    made = checked(alice, toggl(line(email="bob@example.org")))
    User.objects.filter(pk=alice.pk).update(role="manager", is_staff=False, is_superuser=False)
    alice.refresh_from_db()

    with pytest.raises(ChangedElsewhereError):
        imports.apply(alice, made.pk)


# --- steps ---


def test_it_is_checked_in_steps_and_goes_on_where_it_was(alice, monkeypatch):
    monkeypatch.setattr(imports, "CHUNK", 10)
    content = toggl(*[line(description=f"{n}", project="New", tags="a") for n in range(25)])
    made = imports.read(alice, io.BytesIO(content), "time.csv", "UTC")

    far = []
    while made.state == "checking":
        imports.check_next(alice, made.pk)
        made.refresh_from_db()
        far.append(imports.progress(made))

    assert far == [10, 20, 25]
    assert made.result["new"]["projects"]["count"] == 1
    assert imports.apply(alice, made.pk).result["entries"] == 25
    assert Project.objects.count() == 1


def test_what_cannot_be_read_is_not_kept(alice):
    for content in (b"", b"name\n", toggl(), toggl('Bob,"')):
        with pytest.raises(ValidationError):
            imports.read(alice, io.BytesIO(content), "time.csv", "UTC")

    assert not Import.objects.exists()


def test_the_lines_of_a_file_are_not_kept_when_they_are_imported(bob):
    imported(bob, toggl(line()))

    assert not ImportChunk.objects.exists()


def test_what_nobody_finishes_goes_after_a_day(bob, charlie):
    old, done = checked(bob, toggl(line())), imported(bob, toggl(line(4)))
    Import.objects.update(made_at=timezone.now() - timedelta(hours=25))
    young = checked(bob, toggl(line(5)))
    Import.objects.filter(pk=checked(charlie, toggl(line())).pk).update(made_at=old.made_at - DAY)
    imports.clear()

    assert set(Import.objects.all()) == {done, young}
    imports.discard(bob, young.pk)
    imports.discard(bob, done.pk)
    assert [*Import.objects.all()] == [done]
    assert old.pk not in Import.objects.values_list("pk", flat=True)


def test_nobody_else_gets_at_it(bob, charlie):
    made = checked(bob, toggl(line()))

    for act in (imports.check_next, imports.apply, imports.discard):
        with pytest.raises(Import.DoesNotExist):
            act(charlie, made.pk)
    with pytest.raises(Import.DoesNotExist):
        imports.decide(charlie, made.pk, month_first=True)


def test_queries_do_not_grow_with_the_lines(alice, bob, django_assert_max_num_queries):
    content = toggl(*[line(1 + n % 28, description=f"{n}", project="New") for n in range(500)])
    with django_assert_max_num_queries(40):
        imported(alice, content)


# --- who is meant ---


def test_names_without_addresses_are_not_taken_for_one_person(bob):
    header = b"Description,Member,Duration,Start date,Start time\n"
    lines = b"Call,Bob,1:00:00,2025-03-03,09:00:00\nReview,%s,1:00:00,2025-03-04,09:00:00\n"

    with pytest.raises(ValidationError, match="several people"):
        checked(bob, header + lines % b"Alice")
    assert not Import.objects.exists()
    assert checked(bob, header + lines % b"bob").result["entries"] == 2


def test_of_unfinished_ones_the_latest_are_kept(bob, charlie):
    other = checked(charlie, toggl(line()))
    made = [checked(bob, toggl(line(day))).pk for day in range(1, 8)]

    kept = Import.objects.filter(user=bob).order_by("made_at").values_list("pk", flat=True)
    assert list(kept) == made[-imports.MOST_OPEN :]
    assert Import.objects.filter(pk=other.pk).exists()


def test_an_import_that_another_tab_has_made_is_not_made_again(bob):
    made = checked(bob, toggl(line()))
    assert imports.apply(bob, made.pk).state == "done"
    assert imports.apply(bob, made.pk).state == "done"
    assert TimeEntry.objects.count() == 1
