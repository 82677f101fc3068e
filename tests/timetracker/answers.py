"""What every address of the site answers, and to whom: the table that `test_urls.py` walks.

Whoever adds an address adds a row. The route is as `urls.py` writes it, from the site's root. The
five answers are, in this order, those that are given to

    stranger   nobody is signed in
    owner      bob, a user: what the addresses and forms name is his
    other      charlie, a user to whom none of it belongs
    manager    dora
    admin      alice

An answer is a status, or the path of the page to which it leads (`*` stands for the key of what has
just been made). A row without `post` says that a POST is answered by 405, whoever sends it.
`changes` names those whose POST changes anything in the database; the others must leave it as it
is, and a GET changes nothing, whoever asks.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

Answer = int | str
Five = tuple[Answer, Answer, Answer, Answer, Answer]
NOTHING: Mapping[str, str] = MappingProxyType({})


class Row(NamedTuple):
    """An address, and what each of the five gets there."""

    route: str
    get: Five
    post: Five | None = None
    changes: str = ""  # of the five, those whose POST changes something
    args: Mapping[str, str] = NOTHING  # of the route; "{entry}": the key of the owner's entry
    data: Mapping[str, str] = NOTHING  # of the POST, filled in like `args`
    query: str = ""


def all_five(answer: Answer) -> Five:
    """One answer for all of them, strangers too."""
    return (answer,) * 5


def people(answer: Answer) -> Five:
    """One answer for all who are signed in; strangers are led to the sign-in page."""
    return (SIGN_IN, answer, answer, answer, answer)


def managers(answer: Answer) -> Five:
    """An answer for managers and admins; users are refused."""
    return (SIGN_IN, 403, 403, answer, answer)


def changed(answer: Answer, or_else: Answer = 404) -> Five:
    """An answer for those who may change the owner's time, and another for the others."""
    return (SIGN_IN, answer, or_else, or_else, answer)


def admins(answer: Answer) -> Five:
    """An answer for admins; the others are led to a page that refuses them or signs them in."""
    return (ADMIN_DOOR, ADMIN_DOOR, ADMIN_DOOR, ADMIN_DOOR, answer)


SIGN_IN, ADMIN_DOOR = "/accounts/login/", "/admin/login/"
POST_ONLY = all_five(405)
PEOPLE, MANAGERS = "owner other manager admin", "manager admin"
OWNER_AND_ADMIN = "owner admin"
ITS_MEMBERS = "owner manager admin"  # of the owner's project, which charlie does not see


OWNERS_TIME = (SIGN_IN, 200, 404, 200, 200)
NINE_TO_TEN = {
    **{"day": "{day_before}", "start": "9:00", "end": "10:00", "duration": "1:00"},
    "version": "1",
}
WEEK, PROJECT = "/week/{day}/", "/projects/{project}/"
NO_TIME = "0 0 0 None None 0"  # what a rate of the future revalues
ICON = "/static/timetracker/favicon.svg"
STORED = "/accounts/preferences/stored/"
STORED_OF = "/admin/analytics/person/of/{user}/"
PREFERENCES, CHANGE = "/accounts/preferences/", "/accounts/password/change/"
NO_PROVIDER = 503  # the one of the tests never answers
SETTLED = {"time_zone": "Europe/Berlin", "week_start": "0", "theme": "dark", "hours_24": "True"}
CONFIRM_EMAIL = r"accounts/confirm-email/(?P<key>[-:\w]+)/$"
RESET_KEY = "accounts/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$"
TELEMETRY = "/admin/analytics/installation/"
ADMIN_APP = "admin/(?P<app_label>auth|account|analytics|accounts|tracking)/$"

ROWS = [
    Row("favicon.ico", all_five(ICON), all_five(ICON)),
    Row("manifest.webmanifest", all_five(200)),
    # --- what machines ask ---
    Row("healthz", all_five(200)),
    Row("readyz", all_five(200)),
    Row("metrics", all_five(404)),  # no token is set
    # --- the timer ---
    Row("", people(200)),
    Row("timer/", people("/")),
    Row("timer/start/", POST_ONLY, people("/"), PEOPLE, data={"description": "Write"}),
    Row("timer/stop/", POST_ONLY, people("/"), "owner"),
    Row("timer/change/", POST_ONLY, people(422)),
    Row("timer/discard/", POST_ONLY, people("/"), "owner"),
    Row("timer/keep/", POST_ONLY, people("/"), "owner"),
    Row("timer/activity/", POST_ONLY, people(204), "owner"),
    Row(
        "timer/continue/<int:pk>/",
        POST_ONLY,
        people("/"),
        "owner",
        args={"pk": "{entry}"},
    ),
    Row("undo/<uuid:pk>/", POST_ONLY, people("/"), "owner", args={"pk": "{deletion}"}),
    Row("work/projects/", people(200)),
    # --- entries; what is asked for is the owner's time, which admins change, too ---
    Row("entries/", OWNERS_TIME, query="person={user}"),
    Row(
        "entries/new/",
        people(200),
        people("/entries/"),
        PEOPLE,
        data={"day": "{day_before}", "time": "11-12"},
    ),
    Row(
        "entries/<int:pk>/",
        (SIGN_IN, 200, 404, 404, 200),
        changed("/entries/"),
        OWNER_AND_ADMIN,
        args={"pk": "{entry}"},
        data={**NINE_TO_TEN, "description": "Basket"},
    ),
    Row(
        "entries/<int:pk>/split/",
        (SIGN_IN, 200, 404, 404, 200),
        changed("/entries/"),
        OWNER_AND_ADMIN,
        args={"pk": "{entry}"},
        data={"at": "9:30", "version": "1"},
    ),
    Row(
        "entries/<int:pk>/duplicate/",
        POST_ONLY,
        changed("/entries/"),
        OWNER_AND_ADMIN,
        args={"pk": "{entry}"},
    ),
    Row(
        "entries/<int:pk>/delete/",
        POST_ONLY,
        changed("/entries/"),
        OWNER_AND_ADMIN,
        args={"pk": "{entry}"},
    ),
    Row(
        "entries/change/",
        POST_ONLY,
        changed("/entries/", or_else=422),
        OWNER_AND_ADMIN,
        data={"action": "delete", "entry": "{entry}"},
    ),
    # --- the calendar: of others it is only looked at ---
    Row("calendar/", OWNERS_TIME, query="person={user}"),
    Row(
        "calendar/new/",
        POST_ONLY,
        people("/entries/*/"),
        PEOPLE,
        data={"day": "{day_before}", "start": "660", "end": "720"},
    ),
    Row(
        "calendar/<int:pk>/move/",
        POST_ONLY,
        (SIGN_IN, "/calendar/", 404, 404, 404),
        "owner",
        args={"pk": "{entry}"},
        data={"day": "{day_before}", "minute": "660", "part": "entry", "version": "1"},
    ),
    # --- the week ---
    Row("week/", people(200)),
    Row(
        "week/<str:day>/",
        OWNERS_TIME,
        args={"day": "{day}"},
        query="person={user}",
    ),
    Row(
        "week/cell/",
        POST_ONLY,
        (SIGN_IN, WEEK, 404, WEEK, WEEK),
        ITS_MEMBERS,
        data={"day": "{day}", "c.{project}-0.{day_before}.0": "1:30"},
    ),
    Row(
        "week/row/",
        POST_ONLY,
        (SIGN_IN, WEEK, 422, WEEK, WEEK),
        ITS_MEMBERS,
        data={"day": "{day}", "project": "{project}"},
    ),
    Row(
        "week/row/remove/",
        POST_ONLY,
        people("/week/{long_ago}/"),
        "owner",
        data={"day": "{long_ago}", "row": "{project}-0"},
    ),
    Row("week/copy/", POST_ONLY, people(WEEK), "owner", data={"day": "{day}"}),
    # --- projects, clients, tags, the team ---
    Row("projects/", people(200)),
    Row(
        "projects/new/",
        managers(200),
        managers("/projects/*/"),
        MANAGERS,
        data={"name": "Loyalty card", "color": "#3b72d9"},
    ),
    Row("projects/<int:pk>/", (SIGN_IN, 200, 404, 200, 200), args={"pk": "{project}"}),
    Row(
        "projects/<int:pk>/edit/",
        managers(200),
        managers(PROJECT),
        MANAGERS,
        args={"pk": "{project}"},
        data={"name": "Web shop", "color": "#3b72d9"},
    ),
    Row(
        "projects/<int:pk>/archive/",
        POST_ONLY,
        managers(PROJECT),
        MANAGERS,
        args={"pk": "{project}"},
    ),
    Row(
        "projects/<int:pk>/tasks/",
        POST_ONLY,
        managers(PROJECT),
        MANAGERS,
        args={"pk": "{project}"},
        data={"name": "Support"},
    ),
    Row(
        "tasks/<int:pk>/",
        POST_ONLY,
        managers(PROJECT),
        MANAGERS,
        args={"pk": "{task}"},
        data={"name": "Basket"},
    ),
    Row("clients/", managers(200)),
    Row(
        "clients/new/",
        managers(200),
        managers("/clients/"),
        MANAGERS,
        data={"name": "Harbour Museum", "currency": "EUR"},
    ),
    Row(
        "clients/<int:pk>/",
        managers(200),
        managers("/clients/"),
        MANAGERS,
        args={"pk": "{client}"},
        data={"name": "Aurora", "currency": "EUR"},
    ),
    Row(
        "clients/<int:pk>/archive/",
        POST_ONLY,
        managers("/clients/"),
        MANAGERS,
        args={"pk": "{client}"},
    ),
    Row("tags/", managers(200)),
    Row("tags/new/", POST_ONLY, managers("/tags/"), MANAGERS, data={"name": "travel"}),
    Row(
        "tags/<int:pk>/",
        managers(200),
        managers("/tags/"),
        MANAGERS,
        args={"pk": "{tag}"},
        data={"name": "phone call"},
    ),
    Row("team/", managers(200)),
    # --- rates, and the lock ---
    Row("rates/", managers(200)),
    Row(
        "rates/new/",
        managers(200),
        managers("/rates/"),
        MANAGERS,
        data={"amount": "85", "since": "{later}", "seen": NO_TIME},
    ),
    Row(
        "rates/<int:pk>/delete/",
        managers(200),
        managers("/rates/"),
        MANAGERS,
        args={"pk": "{rate}"},
        data={"seen": NO_TIME},
    ),
    Row(
        "lock/",
        (SIGN_IN, 403, 403, 403, 200),
        (SIGN_IN, 403, 403, 403, "/lock/"),
        "admin",
        data={"until": "{day_before}"},
    ),
    # --- exports, each of what the asking person may see ---
    Row("exports/entries.csv", people(200)),
    Row("exports/entries.xlsx", people(200)),
    Row("exports/report.csv", people(200)),
    Row("exports/report.xlsx", people(200)),
    # --- reports, each of the time that the asking person may see ---
    Row("reports/", people(200), query="person={user}"),
    Row("reports/entries/", people(200), query="person={user}"),
    Row(
        "reports/saved/",
        POST_ONLY,
        people("/reports/"),
        PEOPLE,
        data={"name": "Month", "query": "range=last-month"},
    ),
    Row(
        "reports/saved/<int:pk>/delete/",
        POST_ONLY,
        (SIGN_IN, "/reports/", 404, 404, 404),
        "owner",
        args={"pk": "{report}"},
    ),
    # --- imports: only who chose the file gets at it ---
    Row("imports/", people(200), people(422)),
    Row("imports/<uuid:pk>/", (SIGN_IN, 200, 404, 404, 404), args={"pk": "{import}"}),
    Row(
        "imports/<uuid:pk>/days/",
        POST_ONLY,
        (SIGN_IN, "/imports/{import_asking}/", 404, 404, 404),
        "owner",
        args={"pk": "{import_asking}"},
        data={"order": "month"},
    ),
    Row(
        "imports/<uuid:pk>/check/",
        POST_ONLY,
        (SIGN_IN, "/imports/{import_unchecked}/", 404, 404, 404),
        "owner",
        args={"pk": "{import_unchecked}"},
    ),
    Row(
        "imports/<uuid:pk>/apply/",
        POST_ONLY,
        (SIGN_IN, "/imports/{import}/", 404, 404, 404),
        "owner",
        args={"pk": "{import}"},
    ),
    Row(
        "imports/<uuid:pk>/discard/",
        POST_ONLY,
        (SIGN_IN, "/imports/", 404, 404, 404),
        "owner",
        args={"pk": "{import}"},
    ),
    # --- what the browser tells ---
    Row("analytics/interactions/", POST_ONLY, (403, 415, 415, 415, 415)),
    # --- signing in and out ---
    Row("accounts/login/", (200, "/", "/", "/", "/"), (200, "/", "/", "/", "/")),
    Row("accounts/logout/", POST_ONLY, all_five(SIGN_IN)),
    Row("accounts/signup/", (403, "/", "/", "/", "/"), (403, "/", "/", "/", "/")),
    Row("accounts/oidc/authenticate/", all_five(NO_PROVIDER)),
    Row("accounts/oidc/callback/", all_five(400)),
    Row("accounts/inactive/", all_five(200)),
    Row("accounts/reauthenticate/", people(200), people(200)),
    Row("accounts/login/code/confirm/", people("/"), people("/")),
    # --- a person's own account ---
    Row("accounts/preferences/", people(200), people(PREFERENCES), PEOPLE, data=SETTLED),
    Row("accounts/preferences/stored/", people(200), people(STORED), PEOPLE, data={"sure": "on"}),
    Row("accounts/preferences/stored.json", people(200)),
    Row("accounts/email/", people(200), people("/accounts/email/")),
    Row("accounts/confirm-email/", all_five(200)),
    Row(CONFIRM_EMAIL, all_five(200), all_five(404), args={"key": "made-up"}),
    Row("accounts/password/change/", people(200), people(200)),
    Row("accounts/password/set/", people(CHANGE), people(CHANGE)),
    Row("accounts/password/reset/", all_five(200), all_five(200)),
    Row("accounts/password/reset/done/", all_five(200)),
    Row(RESET_KEY, all_five(200), all_five(200), args={"uidb36": "1", "key": "made-up"}),
    Row("accounts/password/reset/key/done/", all_five(200)),
    # --- Django's admin, but for the pages of its models ---
    Row("admin/", admins(200), admins(200)),
    Row("admin/login/", (SIGN_IN, 403, 403, 403, "/admin/"), (SIGN_IN, 403, 403, 403, "/admin/")),
    Row(
        "admin/logout/",
        ("/admin/", "/admin/", "/admin/", "/admin/", 405),
        ("/admin/", "/admin/", "/admin/", "/admin/", SIGN_IN),
    ),
    Row("admin/password_change/", admins(CHANGE), admins(CHANGE)),
    Row("admin/password_change/done/", admins(200), admins(405)),
    Row("admin/jsi18n/", admins(200), admins(405)),
    Row(
        "admin/autocomplete/",
        admins(200),
        admins(405),
        query="app_label=tracking&model_name=timeentry&field_name=project",
    ),
    Row(
        "admin/r/<path:content_type_id>/<path:object_id>/",
        admins(404),  # no page of ours is that of one object
        admins(404),
        args={"content_type_id": "1", "object_id": "1"},
    ),
    Row(
        "admin/accounts/user/<id>/password/",
        admins(200),
        admins(200),
        args={"id": "{user}"},
    ),
    Row(
        "admin/analytics/person/of/<str:user_id>/",
        admins(200),
        admins(STORED_OF),
        "admin",
        args={"user_id": "{user}"},
        data={"sure": "on"},
    ),
    Row(
        "admin/analytics/person/of/<str:user_id>/stored.json",
        admins(405),
        admins(200),
        "admin",  # the log says that it was taken
        args={"user_id": "{user}"},
    ),
    Row("admin/analytics/dailycount/", admins(200), admins(405)),
    Row(
        "admin/analytics/dailycount/<slug:key>.csv",
        admins(200),
        admins(405),
        args={"key": "feature_usage"},
    ),
    Row(
        "admin/analytics/event/<int:event_id>/retry/",
        admins(405),
        admins("/admin/analytics/event/{event}/change/"),  # nothing may leave in these tests
        args={"event_id": "{event}"},
    ),
    Row("admin/analytics/installation/test/", admins(405), admins(TELEMETRY)),
    Row("admin/analytics/installation/deliver/", admins(405), admins(TELEMETRY)),
    Row("admin/analytics/installation/download/", admins(405), admins(TELEMETRY)),
    Row("admin/analytics/installation/reset/", admins(200), admins(TELEMETRY), "admin"),
    Row(ADMIN_APP, admins(200), admins(200), args={"app_label": "tracking"}),
    Row("admin/(?P<url>.*)$", admins(404), admins(404), args={"url": "nothing/"}),
]


class Model(NamedTuple):
    """A model in Django's admin: where its pages are, and what an admin gets on some of them."""

    place: str
    thing: str  # whose pages are asked for
    add: tuple[Answer, Answer] = (200, 200)  # GET, and a POST of nothing
    change: tuple[Answer, Answer] = (200, 200)
    delete: tuple[Answer, Answer] = (200, 200)  # the POST: 200 says why it is kept
    deletes: bool = False
    own_log: bool = False  # whose list is not Django's: what is done there leads back to it


CLOSED = (403, 403)
MODELS = [
    Model("admin/account/emailaddress/", "{address}", deletes=True),
    Model("admin/accounts/user/", "{user}"),
    Model("admin/analytics/erasure/", "{erasure}", CLOSED, (200, 403), deletes=True),
    Model("admin/analytics/person/", "{person}", CLOSED, (200, 403), CLOSED),
    Model("admin/analytics/event/", "{event}", CLOSED, (200, 403), deletes=True, own_log=True),
    Model("admin/analytics/installation/", "{installation}", CLOSED, (TELEMETRY, 403), CLOSED),
    Model("admin/auth/group/", "{group}", deletes=True),
    Model("admin/tracking/client/", "{client}"),
    Model("admin/tracking/project/", "{project}"),
    Model("admin/tracking/lock/", "{lock}", CLOSED, (200, 403), CLOSED),
    Model("admin/tracking/rate/", "{rate}", CLOSED, (200, 403), CLOSED),
    Model("admin/tracking/tag/", "{tag}", deletes=True),
    Model("admin/tracking/task/", "{task}"),
    Model("admin/tracking/timeentry/", "{entry}", deletes=True),
    Model("admin/tracking/timesheetrow/", "{row}", CLOSED, (200, 403), deletes=True),
]


def rows_of(model: Model) -> Iterator[Row]:
    """The six pages that Django's admin has of a model."""
    one, args = f"{model.place}<path:object_id>/", {"object_id": model.thing}
    place = f"/{model.place}"
    its_page = f"{place}{model.thing}/change/"

    def row(route: str, get: Answer, post: Answer, changes: str = "") -> Row:
        return Row(route, admins(get), admins(post), changes, args, {"post": "yes"})

    yield row(model.place, 200, place if model.own_log else 200)
    yield row(f"{model.place}add/", *model.add)
    yield row(one, its_page, its_page)
    yield row(f"{one}change/", *model.change)
    yield row(f"{one}history/", 200, 200)
    if model.deletes:
        read_only = (
            403 in model.change and not model.own_log
        )  # Django leads past the list of what nobody changes
        yield row(f"{one}delete/", 200, "/admin/" if read_only else place, "admin")
    else:
        yield row(f"{one}delete/", *model.delete)


TABLE = [*ROWS, *(row for model in MODELS for row in rows_of(model))]
