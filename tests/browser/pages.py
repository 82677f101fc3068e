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
    spare: str = ""  # selector of what axe-core does not look at
    fault: str = ""  # why it fails as yet; the test says when it no longer does


FIRST_ROW = "[data-first-row]"
PAGES = [
    # --- signing in ---
    WalkedPage("sign-in", "/accounts/login/", "stranger"),
    WalkedPage("sign-up closed", "/accounts/signup/", "stranger", status=403),
    WalkedPage("password reset", "/accounts/password/reset/", "stranger"),
    WalkedPage("no such page", "/nothing/", "stranger", status=404),
    # --- one's own account ---
    WalkedPage("preferences", "/accounts/preferences/"),
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
    # --- what managers do ---
    WalkedPage("not for users", "/team/", status=403),
    WalkedPage("project: new", "/projects/new/", "manager"),
    WalkedPage("project, managed", "/projects/1/", "manager"),
    WalkedPage("project: edit", "/projects/1/edit/", "manager"),
    WalkedPage("clients", "/clients/", "manager", FIRST_ROW),
    WalkedPage("client", "/clients/1/", "manager"),
    WalkedPage("tags", "/tags/", "manager"),
    WalkedPage("team", "/team/", "manager", FIRST_ROW),
    WalkedPage("entries, empty", "/entries/", "manager"),
    # --- Django's admin ---
    WalkedPage("admin", "/admin/", "admin"),
    WalkedPage(
        "admin: time entries",
        "/admin/tracking/timeentry/",
        "admin",
        spare=".quiet > a",  # Django's own link in small print, told from it by its colour alone
    ),
    WalkedPage(
        "admin: time entry",
        "/admin/tracking/timeentry/1/change/",
        "admin",
    ),
]


class Picture(NamedTuple):
    """A picture of a page for the README: `docs/screenshots/<name>.png`."""

    name: str
    path: str
    size: ViewportSize = DESK
    scheme: str = "light"


PICTURES = [
    Picture("dashboard", "/"),
    Picture("dashboard-phone", "/", PHONE, "dark"),
    Picture("entries", "/entries/"),
    Picture("week", "/week/"),
    Picture("calendar", "/calendar/"),
    Picture("projects", "/projects/"),
]
