"""The pages that the browser tests walk. A new page is a line here."""

from typing import NamedTuple

from playwright.sync_api import ViewportSize

DESK = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)


class WalkedPage(NamedTuple):
    """A page, and who looks at it: stranger, user, manager or admin."""

    name: str
    path: str
    who: str = "user"
    first_row: str = ""  # selector; on lists of data its first hit stands above the fold
    status: int = 200
    fault: str = ""  # why it fails as yet; the test says when it no longer does
    sizes: tuple[str, ...] = ("desk", "phone")


def in_admin(name: str, path: str) -> WalkedPage:
    """A page of Django's admin, whose look is Django's own: it is looked at in one size."""
    return WalkedPage(f"admin: {name}", f"/admin/{path}", "admin", sizes=("desk",))


FIRST_ROW = "[data-first-row]"
PAGES = [
    # --- signing in ---
    WalkedPage("sign-in", "/accounts/login/", "stranger"),
    WalkedPage("sign-up closed", "/accounts/signup/", "stranger", status=403),
    WalkedPage("password reset", "/accounts/password/reset/", "stranger"),
    WalkedPage("no such page", "/nothing/", "stranger", status=404),
    # --- one's own account ---
    WalkedPage("preferences", "/accounts/preferences/"),
    WalkedPage("what is stored", "/accounts/preferences/stored/"),
    WalkedPage("e-mail addresses", "/accounts/email/"),
    WalkedPage("password change", "/accounts/password/change/"),
    WalkedPage("sign-out", "/accounts/logout/", status=405),
    WalkedPage("no such page, signed in", "/nothing/", status=404),
    # --- what a person does all day ---
    WalkedPage("dashboard", "/", first_row=".entries .entry"),
    WalkedPage("entries", "/entries/", first_row=FIRST_ROW),
    WalkedPage("entry: new", "/entries/new/"),
    WalkedPage("entry", "/entries/1/"),
    WalkedPage("entry: split", "/entries/1/split/"),
    WalkedPage("week", "/week/", first_row=FIRST_ROW),
    WalkedPage("calendar", "/calendar/", first_row=FIRST_ROW),
    WalkedPage("calendar: day", "/calendar/?view=day", first_row=FIRST_ROW),
    WalkedPage("projects", "/projects/", first_row=FIRST_ROW),
    WalkedPage("project", "/projects/1/"),
    WalkedPage("report", "/reports/?range=last-month&then=task", first_row=FIRST_ROW),
    WalkedPage("report: entries", "/reports/entries/?range=last-month", first_row=FIRST_ROW),
    WalkedPage("report of a century", "/reports/?since=1926-01-01&until=2026-01-01", status=422),
    WalkedPage("imports", "/imports/"),
    # --- what managers do ---
    WalkedPage("not for users", "/team/", status=403),
    WalkedPage("project: new", "/projects/new/", "manager"),
    WalkedPage("project, managed", "/projects/1/", "manager"),
    WalkedPage("project: edit", "/projects/1/edit/", "manager"),
    WalkedPage("clients", "/clients/", "manager", FIRST_ROW),
    WalkedPage("client", "/clients/1/", "manager"),
    WalkedPage("tags", "/tags/", "manager"),
    WalkedPage("team", "/team/", "manager", FIRST_ROW),
    WalkedPage("rates", "/rates/", "manager"),
    WalkedPage("rate: new", "/rates/new/", "manager"),
    WalkedPage("lock", "/lock/", "admin"),
    WalkedPage("entries, empty", "/entries/", "manager"),
    WalkedPage(
        "report of the team", "/reports/?range=last-month&then=person", "manager", FIRST_ROW
    ),
    WalkedPage("report, empty", "/reports/?range=today&billable=no&tag=none", "manager"),
    # --- Django's admin ---
    WalkedPage("admin", "/admin/", "admin"),
    WalkedPage("admin: time entries", "/admin/tracking/timeentry/", "admin"),
    WalkedPage("admin: time entry", "/admin/tracking/timeentry/1/change/", "admin"),
    in_admin("tracking", "tracking/"),
    in_admin("clients", "tracking/client/"),
    in_admin("client", "tracking/client/1/change/"),
    in_admin("projects", "tracking/project/"),
    in_admin("project, with tasks and members", "tracking/project/1/change/"),
    in_admin("tasks", "tracking/task/"),
    in_admin("task", "tracking/task/1/change/"),
    in_admin("task: delete", "tracking/task/1/delete/"),
    in_admin("tags", "tracking/tag/"),
    in_admin("tag: new", "tracking/tag/add/"),
    in_admin("timesheet rows", "tracking/timesheetrow/"),
    in_admin("people", "accounts/user/"),
    in_admin("person", "accounts/user/{user}/change/"),
    in_admin("person: new", "accounts/user/add/"),
    in_admin("person: password", "accounts/user/{user}/password/"),
    in_admin("person: history", "accounts/user/{user}/history/"),
    in_admin("e-mail addresses", "account/emailaddress/"),
    in_admin("groups", "auth/group/"),
    WalkedPage("admin: what is stored of a person", "/admin/analytics/person/of/{user}/", "admin"),
    in_admin("persons", "analytics/person/"),
    in_admin("erasures", "analytics/erasure/"),
    WalkedPage("admin: insights", "/admin/analytics/dailycount/?period=90d", "admin"),
    in_admin("telemetry", "analytics/installation/"),
    in_admin("telemetry: reset", "analytics/installation/reset/"),
    in_admin("event log", "analytics/event/"),
    in_admin("event", "analytics/event/1/change/"),
]


class Picture(NamedTuple):
    """A picture of a page for the README: `docs/screenshots/<name>.png`."""

    name: str
    path: str
    size: ViewportSize = DESK
    scheme: str = "light"
    who: str = "user"


PICTURES = [
    Picture("dashboard", "/"),
    Picture("dashboard-phone", "/", PHONE, "dark"),
    Picture("entries", "/entries/"),
    Picture("week", "/week/"),
    Picture("calendar", "/calendar/"),
    Picture("projects", "/projects/", who="manager"),
    Picture("report", "/reports/?range=this-year&by=client&then=project", who="manager"),
]
