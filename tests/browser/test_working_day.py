"""A working day of a user, a manager and an admin, at a desk and on a phone, in light and dark."""

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, cast

import pytest
from playwright.sync_api import Browser, Locator, Page, StorageState, expect

from tests.browser.conftest import Furnished, opened, state_of
from tests.browser.pages import DESK, PHONE
from tests.browser.test_pages import BEYOND_THE_EDGE, tab_to
from tests.conftest import PASSWORD

LOOKS: dict[str, dict[str, Any]] = {
    "desk-light": {"viewport": DESK, "color_scheme": "light"},
    "desk-dark": {"viewport": DESK, "color_scheme": "dark"},
    "phone-light": {"viewport": PHONE, "color_scheme": "light"},
    "phone-dark": {"viewport": PHONE, "color_scheme": "dark"},
}
LIGHT_DESK = pytest.mark.parametrize("look", ["desk-light", "phone-dark"])
DARK_DESK = pytest.mark.parametrize("look", ["phone-light", "desk-dark"])

# Each test has people of its own, in each look: none sees what another one did.
USERS = ("Timer", "Hand", "Plain", "Week", "Choice", "Twice", "Writer", "Leaver")
MANAGED = ("Busy", "Writer")
NAMES = {
    "desk-light": (*USERS, "Mended", "Double", "Doubled", "Drafts", "Keys", "Offline"),
    "phone-dark": USERS,
    "desk-dark": MANAGED,
    "phone-light": MANAGED,
}
# Some have worked from nine to ten and from one to half past one; Busy has a timer that runs.
WORKED = ("Week", "Choice", "Twice", "Writer", "Leaver", "Busy", "Drafts", "Keys")
MAKE_PEOPLE = f"""
import json
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.utils import timezone
from accounts.models import User
from tracking.models import Project, TimeEntry

shop = Project.objects.get(name="Online shop")
today, zone = timezone.localdate(), ZoneInfo(settings.TIME_ZONE)

def person(name, look):
    username = f"{{name.lower()}}-{{look}}"
    password = {PASSWORD!r} if name == "Timer" else None
    return User.objects.create_user(
        username, f"{{username}}@example.org", password, first_name=name, last_name=look
    )

def session(user):
    client = Client()
    client.force_login(user, backend="accounts.backends.LocalBackend")
    return client.cookies["sessionid"].value

def worked(user, what, start, end):
    TimeEntry.objects.create(
        user=user, description=what, project=shop,
        started_at=datetime.combine(today, start, zone), ended_at=datetime.combine(today, end, zone)
    )

people = {{}}
with transaction.atomic():
    for look, names in {NAMES!r}.items():
        for name in names:
            user = person(name, look)
            people[user.username] = (str(user.pk), session(user))
            if name in {WORKED!r}:
                worked(user, "Standup", time(9), time(10))
                worked(user, "Review", time(13), time(13, 30))
            if name == "Busy":
                TimeEntry.objects.create(
                    user=user, description="Soldering", project=shop,
                    started_at=timezone.now() - timedelta(minutes=5),
                )
print(json.dumps(people))
"""


class Someone(NamedTuple):
    """A person, and a browser in which they are signed in."""

    key: str
    state: StorageState


@pytest.fixture(scope="module")
def people(furnished: Furnished) -> dict[str, Someone]:
    """Those who work today, by user name."""
    made = json.loads(furnished.site.run(MAKE_PEOPLE))
    return {
        name: Someone(key, state_of(furnished.site, session))
        for name, (key, session) in made.items()
    }


Visit = Callable[..., AbstractContextManager[Page]]


@pytest.fixture
def visit(chromium: Browser, furnished: Furnished, people: dict[str, Someone]) -> Visit:
    """Open a browser of somebody (a user name, or a role of `furnished`) in a look."""

    def visit(who: str, look: str, **options: Any) -> AbstractContextManager[Page]:
        state = people[who].state if who in people else furnished.states[who]
        base = {**LOOKS[look], "base_url": furnished.url, "storage_state": state}
        return opened(chromium, **base, **options)

    return visit


def go(page: Page, path: str) -> None:
    """Be on a page with its scripts: a click before that is another test."""
    answer = page.goto(path, wait_until="networkidle")
    assert answer is not None
    assert answer.ok, answer.status


def toasts(page: Page) -> Locator:
    return page.locator("#toasts")


def undo(page: Page) -> None:
    toasts(page).get_by_role("button", name="Undo").click()
    expect(toasts(page)).to_contain_text("It is back.")


def rows(page: Page, text: str | re.Pattern[str] = "") -> Locator:
    """The entries of a list that hold some text."""
    return page.locator("#content .entry").filter(has_text=text)


def seconds(times: Locator) -> int:
    """The sum of what some `<time>` stand for."""
    found = [one.get_attribute("datetime") or "" for one in times.all()]
    assert found
    return sum(int(one.removeprefix("PT").removesuffix("S")) for one in found)


def sum_of_rows(page: Page) -> int:
    """The sum of the list's rows, in seconds; every total of the list says the same."""
    days = page.locator("#content section.day")
    expect(days).not_to_have_count(0)
    sums = []
    for day in days.all():
        sums.append(seconds(day.locator(".entry-duration time")))
        assert seconds(day.locator(".day-total time")) == sums[-1]
    total = page.locator(".list-total time")
    assert not total.count() or seconds(total) == sum(sums)
    return sum(sums)


def assert_it_fits(page: Page) -> None:
    """Nothing is wider than the window, and the page is as light as was asked for."""
    assert page.evaluate(BEYOND_THE_EDGE) == []
    dark = page.evaluate("() => matchMedia('(prefers-color-scheme: dark)').matches")
    assert is_dark(page) == dark


def is_dark(page: Page) -> bool:
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    return max(int(part) for part in re.findall(r"\d+", ground)[:3]) < 100


# --- a user ---


@LIGHT_DESK
def test_the_timer_is_run_by_keyboard(look: str, furnished: Furnished, people, chromium):
    with opened(chromium, **LOOKS[look], base_url=furnished.url) as page:
        page.goto("/accounts/login/?next=/")
        page.get_by_label(re.compile("User ?name", re.I)).fill(f"timer-{look}")
        page.get_by_label("Password", exact=False).first.fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{furnished.url}/")
        page.wait_for_load_state("networkidle")
        timer = page.locator("#timer")
        stop = timer.get_by_role("button", name="Stop")

        # start
        page.keyboard.press("n")
        expect(timer.get_by_label("Description")).to_be_focused()
        page.keyboard.type("Wire the lamp")
        page.keyboard.press("Enter")
        expect(stop).to_be_focused()
        expect(page).to_have_title(re.compile(r"^0:00:0\d · Dashboard"))
        expect(rows(page, "Wire the lamp")).to_contain_text("now")
        assert_it_fits(page)

        # change while it runs
        page.keyboard.press("e")
        timer.get_by_label("Project").select_option(label="Online shop")
        timer.get_by_label("Tags").fill("workshop, light")
        page.keyboard.press("Enter")
        expect(timer.locator(".timer-running-project")).to_contain_text("Online shop")
        expect(rows(page).locator(".entry-tag")).to_have_text(["light", "workshop"])

        # stop
        expect(page.get_by_role("timer")).to_have_text(re.compile(r"0:00:0[1-9]"))
        page.keyboard.press("s")
        expect(timer.get_by_role("button", name="Start")).to_be_visible()
        expect(toasts(page)).to_contain_text("Timer stopped after 0:00:")
        expect(page.locator(".entry-running")).to_have_count(0)

        # continue it from the list of earlier work, on another page
        worked = sum_of_rows(page)
        assert 0 < worked < 60
        go(page, "/entries/")
        assert sum_of_rows(page) == worked
        page.keyboard.press("r")
        earlier = timer.locator(".timer-latest button")
        expect(earlier).to_be_visible()
        expect(earlier).to_have_text(re.compile("Wire the lamp.*Online shop", re.S))
        tab_to(page, ".timer-latest button")
        page.keyboard.press("Enter")
        expect(stop).to_be_visible()
        expect(rows(page)).to_have_count(2)
        expect(timer).to_contain_text("Online shop")

        # discard, and undo
        page.keyboard.press("e")
        timer.get_by_role("button", name="Discard timer").click()
        expect(timer.get_by_role("button", name="Start")).to_be_visible()
        expect(rows(page)).to_have_count(1)
        undo(page)
        expect(stop).to_be_visible()
        expect(rows(page)).to_have_count(2)

        expect(page.get_by_role("timer")).to_have_text(re.compile(r"0:00:0[1-9]"))
        page.keyboard.press("s")
        expect(timer.get_by_role("button", name="Start")).to_be_visible()
        expect(page.locator(".entry-running")).to_have_count(0)
        both = sum_of_rows(page)
        assert worked < both < 60
        go(page, "/")
        assert sum_of_rows(page) == both
        for tags in rows(page).all():
            expect(tags.locator(".entry-tag")).to_have_text(["light", "workshop"])


def adding(page: Page) -> Locator:
    """The form for time by hand, which is folded on a phone."""
    form = page.locator("#add form")
    if not form.is_visible():
        page.locator("#add summary").click()
    return form


def add(page: Page, what: str, when: str) -> None:
    form = adding(page)
    form.get_by_label("Description").fill(what)
    form.get_by_label("Time", exact=True).fill(when)
    form.get_by_role("button", name="Add").click()


def more(row: Locator, name: str) -> Locator:
    """What the menu of a row offers; opens it."""
    row.locator("summary").click()
    return row.locator(".menu-items").get_by_text(name, exact=True)


@LIGHT_DESK
def test_time_is_entered_and_changed_by_hand(look: str, visit: Visit):
    with visit(f"hand-{look}", look) as page:
        go(page, "/entries/")
        enter_time(page)
        assert sum_of_rows(page) == 4.5 * 3600
        edit_in_place(page)
        assert sum_of_rows(page) == 4 * 3600
        split_duplicate_and_delete(page)
        assert sum_of_rows(page) == 5 * 3600
        move_several(page)
        assert sum_of_rows(page) == 5 * 3600
        assert_it_fits(page)

        go(page, "/")
        assert sum_of_rows(page) == 5 * 3600
        assert seconds(page.locator(".week-bars .day-total time")) == 5 * 3600


def enter_time(page: Page) -> None:
    add(page, "Saw the boards", "9-12")
    expect(rows(page, "Saw the boards")).to_contain_text(re.compile("09:00.*12:00.*3:00:00", re.S))

    add(page, "Sand them", "soon")
    form = page.locator("#add form")
    wrong = form.locator(".field-time .field-error")
    expect(wrong).to_contain_text("soon")
    expect(form.get_by_label("Time", exact=True)).to_have_value("soon")
    expect(form.get_by_label("Description")).to_have_value("Sand them")
    expect(rows(page)).to_have_count(1)
    assert_it_fits(page)

    form.get_by_label("Time", exact=True).fill("1:30")
    page.keyboard.press("Enter")
    expect(rows(page, "Sand them")).to_contain_text("1:30:00")


def edit_in_place(page: Page) -> None:
    rows(page, "Saw the boards").get_by_role("link", name="Saw the boards").click()
    form = page.get_by_role("form", name="Edit entry")
    expect(form.get_by_label("Description")).to_be_focused()
    form.get_by_label("Description").fill("Saw the long boards")
    form.get_by_label("To", exact=True).fill("25:00")
    page.keyboard.press("Enter")
    expect(form.locator(".field-end .field-error")).to_contain_text("25:00")
    expect(form.get_by_label("To", exact=True)).to_have_value("25:00")
    expect(form.get_by_label("Description")).to_have_value("Saw the long boards")

    form.get_by_label("To", exact=True).fill("11:30")
    form.get_by_role("button", name="Save").click()
    edited = rows(page, "Saw the long boards")
    expect(edited.locator(".entry-duration")).to_have_text("2:30:00")
    expect(edited.get_by_role("link", name="Saw the long boards")).to_be_focused()


def split_duplicate_and_delete(page: Page) -> None:
    boards = rows(page, "Saw the long boards")
    more(boards, "Split…").click()
    form = page.get_by_role("form", name="Split entry")
    form.get_by_label("Split at").fill("10:00")
    form.get_by_role("button", name="Split").click()
    expect(boards).to_have_count(2)
    expect(boards.locator(".entry-duration").get_by_text("1:00:00")).to_have_count(1)

    more(boards.filter(has_text="1:00:00"), "Duplicate").click()
    expect(boards.filter(has_text="1:00:00")).to_have_count(2)

    more(rows(page, "Sand them"), "Delete").click()
    expect(rows(page)).to_have_count(3)
    undo(page)
    expect(rows(page, "Sand them")).to_have_count(1)


def move_several(page: Page) -> None:
    choose = page.get_by_role("button", name="Select", exact=True)
    if choose.is_visible():  # on a phone rows have no box until one asks for it
        choose.click()
    for box in rows(page, "1:00:00").get_by_role("checkbox").all():
        box.check()
    bulk = page.get_by_role("form", name="Selected entries")
    expect(bulk).to_contain_text("2 selected")
    bulk.get_by_text("Move…").click()
    bulk.get_by_label("Project").select_option(label="Loyalty card")
    bulk.get_by_role("button", name="Move", exact=True).click()
    expect(rows(page, "Loyalty card")).to_have_count(2)
    expect(toasts(page)).to_contain_text("2 entries moved.")
    expect(rows(page, "No project")).to_have_count(2)
    expect(bulk).to_be_hidden()


def test_a_mistake_that_was_mended_leaves_no_trace(visit: Visit):
    with visit("mended-desk-light", "desk-light") as page:
        go(page, "/entries/")
        add(page, "Mended", "soon")
        form = page.locator("#add form")
        expect(form.locator(".field-error")).to_have_count(1)
        form.get_by_label("Time", exact=True).fill("9-10")
        page.keyboard.press("Enter")
        expect(rows(page, "Mended")).to_have_count(1)

        expect(form.get_by_label("Time", exact=True)).to_have_value("")
        expect(form.get_by_label("Description")).to_have_value("")
        expect(form.locator(".field-error, [aria-invalid]")).to_have_count(0)


@LIGHT_DESK
def test_the_weeks_grid_and_the_calendar_follow(look: str, visit: Visit):
    with visit(f"week-{look}", look) as page:
        go(page, "/week/")
        today = page.locator("thead th.is-today").get_attribute("data-day")
        total, of_day = page.locator("tfoot .week-total"), page.locator(f"#day-{today}-sum")
        expect(total).to_have_text("1:30")

        page.locator(".week-add summary").click()
        page.locator(".week-add").get_by_label("Project").select_option(label="Loyalty card")
        page.locator(".week-add").get_by_role("button", name="Add").click()
        row = page.locator(".week-row").filter(has_text="Loyalty card")
        cell = row.locator(f"td[data-day='{today}'] input")
        cell.fill("1.5")
        page.keyboard.press("Tab")
        expect(cell).to_have_value("1:30")
        expect(row.locator(".week-total")).to_have_text("1:30")
        expect(of_day).to_have_text("3:00")
        expect(total).to_have_text("3:00")
        assert_it_fits(page)

        go(page, "/calendar/")
        blocks = page.locator(".cal-today .cal-block")
        expect(blocks).to_have_count(3)
        expect(blocks.filter(has_text="Loyalty card")).to_contain_text("1:30")
        expect(blocks.filter(has_text="Standup")).to_be_visible()
        expect(page.locator(".cal-today .cal-total time")).to_have_text("3:00")
        assert seconds(page.locator("#calendar-total time")) == 3 * 3600
        assert_it_fits(page)

        go(page, "/entries/")
        assert sum_of_rows(page) == 3 * 3600
        go(page, "/")
        assert sum_of_rows(page) == 3 * 3600
        assert seconds(page.locator(".bar-today time")) == 3 * 3600


@LIGHT_DESK
def test_preferences_hold_on_every_page(look: str, visit: Visit):
    with visit(f"choice-{look}", look) as page:
        go(page, "/accounts/preferences/")
        page.get_by_label("Clock").select_option(value="False")
        page.get_by_label("Theme").select_option(value="dark")
        page.get_by_label("Language").select_option(value="de")
        page.get_by_role("button", name="Save").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("Einstellungen")
        assert is_dark(page)
        go(page, "/entries/")
        assert is_dark(page)
        expect(page.locator("html")).to_have_attribute("lang", "de")
        expect(page.get_by_role("link", name="Einträge", exact=True)).to_be_visible()
        expect(page.locator("#timer")).to_contain_text("Start")
        expect(rows(page, "Review").locator(".entry-times")).to_contain_text(
            re.compile(r"1:00\snachm\..*1:30\snachm\.", re.S)
        )
        go(page, "/")
        expect(page.get_by_role("heading", name="Heute")).to_be_visible()
        assert page.evaluate(BEYOND_THE_EDGE) == []


# --- a manager ---


@DARK_DESK
def test_a_manager_makes_a_client_and_a_project(look: str, visit: Visit):
    client, project = f"Lighthouse {look}", f"Lamp {look}"
    with visit("manager", look) as page:
        go(page, "/clients/new/")
        page.get_by_label("Name").fill(client)
        page.keyboard.press("Enter")
        expect(page.locator(".client-row").filter(has_text=client)).to_be_visible()

        go(page, "/projects/new/")
        page.get_by_label("Name").fill(project)
        page.get_by_label("Client", exact=True).select_option(label=client)
        page.get_by_label("In hours").check()
        page.get_by_label("Hours or money").fill("many")
        page.locator(".members summary").click()
        page.get_by_label("Find a person").fill(f"Writer {look}")
        page.get_by_label(f"Writer {look}").check()
        page.get_by_role("button", name="Make project").click()
        expect(page.get_by_label("Hours or money")).to_have_value("many")
        expect(
            page.locator(".budget-fields .errorlist, .budget-fields .field-error")
        ).to_be_visible()
        expect(page.get_by_label("Name")).to_have_value(project)
        page.get_by_label("Hours or money").fill("40")
        page.get_by_role("button", name="Make project").click()

        expect(page.get_by_role("heading", level=1)).to_have_text(project)
        expect(page.locator("#content")).to_contain_text(client)
        expect(page.locator(".budget")).to_contain_text("40")
        expect(page.locator(".person-row")).to_have_text(re.compile(f"Writer {look}"))
        page.wait_for_load_state("networkidle")

        page.get_by_label("New task").fill("Lenses")
        page.keyboard.press("Enter")
        task = page.locator(".task-row")
        expect(task.get_by_label("Name of the task")).to_have_value("Lenses")
        assert_it_fits(page)

        page.get_by_role("button", name=f"Archive {project}").click()
        expect(page.locator(".badge-quiet")).to_have_text("archived")
        page.get_by_role("button", name=f"Restore {project}").click()
        expect(page.locator(".badge-quiet")).to_have_count(0)
        expect(page.get_by_role("button", name=f"Archive {project}")).to_be_visible()


@DARK_DESK
def test_a_manager_sees_who_is_at_work_and_changes_nothing(look: str, visit: Visit):
    with visit("manager", look) as page:
        go(page, "/team/")
        busy = page.locator(".team-row").filter(has_text=f"Busy {look}")
        expect(busy).to_contain_text("Soldering")
        expect(busy.locator(".team-timer time")).to_have_text(re.compile(r"0:0[5-9]:\d\d"))
        idle = page.locator(".team-row").filter(has_text=f"Writer {look}")
        expect(idle.locator(".team-timer time")).to_have_count(0)
        expect(idle.locator(".team-time").first).to_contain_text("1:30")
        assert_it_fits(page)

        busy.get_by_role("link", name=f"Busy {look}").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Entries of Busy {look}")
        expect(rows(page)).to_have_count(3)
        for what in (".entry-edit", ".entry-actions *", ".entry-select", "#bulk", "#add"):
            expect(page.locator(what)).to_have_count(0)
        assert_it_fits(page)

        expect(page.get_by_role("link", name="Administration")).to_have_count(0)
        refused = page.goto("/admin/")
        assert refused is not None
        assert refused.status == 403
        expect(page.get_by_role("link", name="Time entries")).to_have_count(0)


# --- an admin ---


@LIGHT_DESK
def test_an_admin_changes_somebodys_entry(look: str, visit: Visit, people: dict[str, Someone]):
    with visit("admin", look) as page:
        go(page, f"/entries/?person={people[f'writer-{look}'].key}")
        rows(page, "Standup").get_by_role("link", name="Standup").click()
        form = page.get_by_role("form", name="Edit entry")
        form.get_by_label("Description").fill(f"Standup, put right {look}")
        form.get_by_label("Duration").fill("2h")
        form.get_by_role("button", name="Save").click()
        changed = rows(page, f"put right {look}")
        expect(changed.locator(".entry-duration")).to_have_text("2:00:00")
        assert sum_of_rows(page) == 2.5 * 3600
        assert_it_fits(page)

        go(page, f"/admin/tracking/timeentry/?q=put right {look}")
        row = page.locator("#result_list tbody tr")
        expect(row).to_have_count(1)
        expect(row).to_contain_text(f"writer-{look}")
        expect(row).to_contain_text("2:00:00")


@LIGHT_DESK
def test_an_admin_erases_somebody(look: str, visit: Visit, people: dict[str, Someone]):
    with visit("admin", look) as page:
        go(page, f"/admin/accounts/user/?q=leaver-{look}")
        page.locator("#result_list .action-select").check()
        page.locator("select[name=action]").select_option(value="erase_people")
        page.get_by_role("button", name=re.compile("^(Go|Run)")).click()
        expect(page.locator("#content")).to_contain_text(f"leaver-{look}")
        page.get_by_role("button", name="Yes, erase it").click()
        expect(page.locator(".messagelist .success")).to_be_visible()

        go(page, f"/entries/?person={people[f'leaver-{look}'].key}")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Former member")
        assert sum_of_rows(page) == 1.5 * 3600


# --- two tabs, a double click, no connection, no script ---


@LIGHT_DESK
def test_a_second_tab_is_told_of_the_first(look: str, visit: Visit):
    with visit(f"twice-{look}", look) as page:
        other = page.context.new_page()
        for tab in (page, other):
            tab.bring_to_front()  # Chromium hardly draws the others, which makes clicks slow
            go(tab, "/entries/")
            rows(tab, "Standup").get_by_role("link", name="Standup").click()
            expect(editor(tab)).to_be_visible()
        for tab, words in ((other, "Said first"), (page, "Said second")):
            tab.bring_to_front()
            editor(tab).get_by_label("Description").fill(words)
            editor(tab).get_by_role("button", name="Save").click()
            if tab is other:
                expect(rows(tab, "Said first")).to_be_visible()

        expect(editor(page)).to_contain_text("This entry was changed elsewhere.")
        expect(editor(page).locator(".entry-now")).to_contain_text("Said first")
        expect(editor(page).get_by_label("Description")).to_have_value("Said second")
        assert_it_fits(page)
        editor(page).get_by_role("button", name="Save").click()
        expect(rows(page, "Said second")).to_be_visible()


def editor(page: Page) -> Locator:
    return page.get_by_role("form", name="Edit entry")


@pytest.mark.parametrize("script", [True, False])
def test_a_double_click_makes_one_entry(script: bool, visit: Visit):
    who = "double" if script else "doubled"
    with visit(f"{who}-desk-light", "desk-light", java_script_enabled=script) as page:
        go(page, "/")
        page.locator("#timer").get_by_label("Description").fill("Once")
        page.get_by_role("button", name="Start").dblclick()
        expect(page.locator("#timer").get_by_role("button", name="Stop")).to_be_visible()

        page.wait_for_load_state("networkidle")
        expect(page.locator("#timer .field-error")).to_have_count(0)
        go(page, "/entries/")
        expect(rows(page)).to_have_count(1)


def test_a_lost_session_keeps_the_form_of_an_entry(
    visit: Visit, furnished: Furnished, people: dict[str, Someone]
):
    with visit("drafts-desk-light", "desk-light") as page:
        go(page, "/entries/")
        rows(page, "Standup").get_by_role("link", name="Standup").click()
        editor(page).get_by_label("Description").fill("Typed at length")
        editor(page).get_by_label("To", exact=True).fill("10:45")
        page.context.clear_cookies(name="sessionid")
        editor(page).get_by_role("button", name="Save").click()
        page.wait_for_url("**/accounts/login/**")

        page.context.add_cookies(cast(Any, people["drafts-desk-light"].state["cookies"]))
        go(page, "/entries/")

        expect(editor(page).get_by_label("Description")).to_have_value("Typed at length")
        expect(editor(page).get_by_label("Description")).to_be_focused()
        expect(editor(page).get_by_label("To", exact=True)).to_have_value("10:45")
        editor(page).get_by_role("button", name="Save").click()
        expect(rows(page, "Typed at length").locator(".entry-duration")).to_have_text("1:45:00")


def test_the_keys_lead_on(visit: Visit):
    """Where the focus is after each of them, and the way back from a deletion."""
    with visit("keys-desk-light", "desk-light") as page:
        go(page, "/entries/")
        timer = page.locator("#timer")
        page.keyboard.press("r")
        expect(timer.locator(".timer-latest button").first).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".entry-running")).to_be_visible()
        expect(timer.get_by_role("button", name="Stop")).to_be_focused()
        page.keyboard.press("e")
        expect(timer.get_by_label("Description")).to_be_focused()
        page.keyboard.press("Escape")
        page.keyboard.press("s")
        expect(page.locator(".entry-running")).to_have_count(0)
        expect(timer.get_by_role("button", name="Start")).to_be_focused()

        rows(page, "Review").first.get_by_role("checkbox").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Space")
        page.keyboard.press("w")  # of a box single keys are no text
        expect(page).to_have_url(re.compile("/week/$"))

        go(page, "/entries/")
        rows(page, "Standup").locator("summary").focus()
        page.keyboard.press("Enter")
        tab_to(page, ".menu-danger")
        page.keyboard.press("Enter")
        expect(rows(page, "Standup")).to_have_count(0)
        expect(toasts(page).get_by_role("button", name="Undo")).to_be_visible()
        expect(page.locator(".htmx-settling")).to_have_count(0)  # before, it is a form without htmx
        page.keyboard.press("u")
        expect(rows(page, "Standup").get_by_role("link", name="Standup")).to_be_focused()


def test_without_a_connection_nothing_is_lost(
    chromium: Browser, furnished: Furnished, people: dict[str, Someone]
):
    # Not `visit`: htmx writes of each request that did not arrive into the console.
    state = people["offline-desk-light"].state
    with chromium.new_context(viewport=DESK, storage_state=state, base_url=furnished.url) as window:
        page = window.new_page()
        go(page, "/")
        timer, notice = page.locator("#timer"), page.locator("#notices")
        start = timer.get_by_role("button", name="Start")
        stop = timer.get_by_role("button", name="Stop")

        page.context.set_offline(True)
        timer.get_by_label("Description").fill("On the train")
        start.click()
        expect(notice).to_contain_text("The server cannot be reached. Nothing was lost")
        expect(timer.get_by_label("Description")).to_have_value("On the train")
        page.context.set_offline(False)
        start.click()
        expect(stop).to_be_visible()
        expect(notice).to_be_empty()

        page.context.set_offline(True)
        stop.click()
        expect(notice).to_contain_text("The server cannot be reached. Nothing was lost")
        expect(stop).to_be_enabled()
        expect(timer).to_contain_text("On the train")
        page.context.set_offline(False)
        stop.click()
        expect(start).to_be_visible()
        expect(notice).to_be_empty()
        expect(page.locator(".entry-running")).to_have_count(0)
        expect(rows(page, "On the train")).to_have_count(1)


@LIGHT_DESK
def test_everything_works_without_a_script(look: str, visit: Visit):
    with visit(f"plain-{look}", look, java_script_enabled=False) as page:
        page.goto("/")
        timer = page.locator("#timer")
        timer.get_by_label("Description").fill("By lamplight")
        timer.get_by_role("button", name="Start").click()
        expect(timer).to_contain_text("By lamplight")
        timer.get_by_role("button", name="Stop").click()
        expect(toasts(page)).to_contain_text("Timer stopped after 0:00:")
        expect(rows(page, "By lamplight")).to_have_count(1)

        page.goto("/entries/")
        add(page, "Plain work", "soon")
        form = page.locator("#add form")
        expect(form.locator(".field-time .field-error")).to_contain_text("soon")
        expect(form.get_by_label("Description")).to_have_value("Plain work")
        form.get_by_label("Time", exact=True).fill("9-12")
        form.get_by_role("button", name="Add").click()
        expect(page).to_have_url(re.compile("/entries/$"))
        expect(toasts(page)).to_contain_text("Entry added.")

        rows(page, "Plain work").get_by_role("link", name="Plain work").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Edit entry")
        page.get_by_label("To", exact=True).fill("11:00")
        page.get_by_role("button", name="Save").click()
        expect(page).to_have_url(re.compile("/entries/$"))
        expect(rows(page, "Plain work").locator(".entry-duration")).to_have_text("2:00:00")

        more(rows(page, "Plain work"), "Delete").click()
        expect(rows(page, "Plain work")).to_have_count(0)
        undo(page)
        expect(rows(page, "Plain work")).to_have_count(1)
        assert sum_of_rows(page) < 2 * 3600 + 60
