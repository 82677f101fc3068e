"""Django's admin under attack: what no page of it sends, from a browser that an admin left open."""

import logging
import re

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction

from accounts.models import User
from tests.timetracker.answers import MODELS, TABLE
from tests.timetracker.test_attacks import EVIL, PAYLOAD, ask, check, quickly
from tests.timetracker.test_urls import everything, made_once, world  # noqa: F401 - fixtures

ROWS = [row for row in TABLE if row.route.startswith("admin/")]
LISTS = [row for row in ROWS if row.route in {model.place for model in MODELS}]
# Django's own words in queries and forms, and those of our pages.
WORDS = (
    *("o", "p", "e", "q", "all", "_facets", "_popup", "_to_field", "_changelist_filters"),
    *("next", "app_label", "model_name", "field_name", "term", "page"),
    *("event", "person", "state", "since", "until", "before", "after", "period", "sure"),
    *("index", "action", "select_across", "post", "_save", "_continue", "_saveasnew"),
)
# The worst of all, for what is asked at every run.
WORST = ["x", "\x00", "9" * 30, "9" * 5000, "9999-12-31", "0001-01-01", "é" * 2000, PAYLOAD, ""]
QUICK = ("\x00", "%00", "9" * 30)  # what databases and drivers stumbled over; the rest is slow
LOOKUPS = ("", "__exact", "__in", "__isnull", "__gte", "__year", "__contains", "__regex")
# The other lists are pages of their own, which take none of Django's filters.
FILTERED = [model for model in MODELS if not model.own_log and "installation" not in model.place]


def mostly_slow(values):
    """The values, of which the quick tests try a few."""
    return [one if one in QUICK else pytest.param(one, marks=pytest.mark.slow) for one in values]


def worded(value):
    return f"{value[:12]!r} {len(value)}"


def fields_of(model):
    """The names of a model's columns, and of what its filters and its lists go by."""
    found = next(one for one in admin.site._registry if model.place == place_of(one))
    names = {field.name for field in found._meta.get_fields() if field.concrete}
    listed = admin.site._registry[found].list_filter
    filters = {one if isinstance(one, str) else one[0] for one in listed}
    return sorted(names | filters | {f"{name}__id" for name in filters} | {"pk", "nothing"})


def place_of(model):
    return f"admin/{model._meta.app_label}/{model._meta.model_name}/"


def page_of(world, place):
    return next(row for row in ROWS if row.route == place)


@pytest.fixture(autouse=True)
def _silent(caplog):
    caplog.set_level(logging.CRITICAL)


def test_every_model_of_the_admin_is_attacked():
    assert {place_of(model) for model in admin.site._registry} == {
        *(model.place for model in MODELS),
        "admin/analytics/dailycount/",  # a page of its own, without a list
    }


# --- what is asked for -------------------------------------------------------------------------


@pytest.mark.parametrize("model", FILTERED, ids=lambda model: model.place)
def test_no_filter_breaks_a_list(world, model):
    row = page_of(world, model.place)
    for name in fields_of(model):
        for value in ("\x00", "9" * 30):
            quickly(ask, world, "admin", "get", row, {name: value})


@pytest.mark.parametrize("lookup", ["regex", "iregex"])
@pytest.mark.parametrize("pattern", ["(" * 3000, "(x+x+)+y", "x"])
def test_no_list_is_filtered_by_patterns(world, lookup, pattern):
    """Some take for ever; and some are none."""
    User.objects.update(last_name="x" * 40)
    for column in ("accounts/user/?last_name", "analytics/erasure/?distinct_id"):
        address = f"/admin/{column}__{lookup}={pattern}"
        assert world.browsers["admin"].get(address).status_code == 400, address


@pytest.mark.slow
@pytest.mark.parametrize("value", [*WORST, "(" * 3000, "1,x", "²"], ids=worded)
@pytest.mark.parametrize("model", FILTERED, ids=lambda model: model.place)
def test_no_lookup_breaks_a_list(world, model, value):
    row = page_of(world, model.place)
    for name in fields_of(model):
        for lookup in LOOKUPS:
            quickly(ask, world, "admin", "get", row, {name + lookup: value})


@pytest.mark.parametrize("value", mostly_slow(WORST), ids=worded)
def test_no_word_of_djangos_breaks_a_list(world, value):
    for row in LISTS:
        for word in WORDS[:9]:
            quickly(ask, world, "admin", "get", row, {word: value})


@pytest.mark.parametrize("query", ["e=1&id__exact=x", "e=1", "o=9.9", "o=-9.-9.x", "p=-1", "p=0"])
def test_what_a_list_does_not_understand_is_said_or_left_out(world, query):
    for row in LISTS:
        response = world.browsers["admin"].get(f"/{row.route}?{query}")
        assert response.status_code in (200, 302), row.route


@pytest.mark.parametrize(
    "query", ["user__password__startswith=p", "user__is_superuser=1", "user__email__contains=b"]
)
@pytest.mark.parametrize(
    "place", ["tracking/timeentry", "account/emailaddress", "tracking/timesheetrow"]
)
def test_a_list_is_not_asked_for_what_it_does_not_show(world, place, query):
    """Filters through other models would tell a hash letter by letter."""
    assert world.browsers["admin"].get(f"/admin/{place}/?{query}").status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        *("accounts/user/?password__startswith=p", "accounts/user/?_to_field=password&_popup=1"),
        *("accounts/user/?_to_field=nothing", "accounts/user/{user}/change/?_to_field=password"),
        *("tracking/project/?_to_field=name&_popup=1", "accounts/user/{user}/change/?_to_field="),
    ],
)
def test_no_other_column_is_taken_for_a_key(world, query):
    assert world.browsers["admin"].get(f"/admin/{world.fill(query)}").status_code == 400


def test_completion_tells_only_what_it_is_for(world):
    """No word of a query has it look into another model's column."""
    for field in ("password", "user__password", "id", "nothing", "", "\x00"):
        for model in ("user", "timeentry", "nothing", "group"):
            for app in ("accounts", "tracking", "auth", "nothing"):
                query = {"app_label": app, "model_name": model, "field_name": field}
                response = ask(world, "admin", "get", page_of(world, "admin/autocomplete/"), query)
                assert response.status_code in (400, 403), (app, model, field)


@pytest.mark.slow
@pytest.mark.parametrize("value", [*WORST, *EVIL[::4]], ids=worded)
def test_no_input_breaks_a_page_of_the_admin(world, value):
    for row in ROWS:
        quickly(ask, world, "admin", "get", row, dict.fromkeys(WORDS, value))
        quickly(ask, world, "admin", "post", row, dict.fromkeys(WORDS, value))
        quickly(ask, world, "admin", "post", row, {"post": "yes", "next": value, "_popup": value})


# --- keys in addresses -------------------------------------------------------------------------

KEYS = ("x", "%00", "9" * 30, "9" * 5000, "-1", "_", "_00", "_C3", "%C3%A9" * 200, "%3Cxss%3E")


@pytest.mark.parametrize("key", mostly_slow(KEYS), ids=lambda key: key[:10])
def test_no_key_of_an_address_breaks_a_page(world, key):
    """Of the admin and of all others."""
    for row in TABLE:
        if not row.args:
            continue
        route = re.sub(r"<(?:str:|path:|slug:|int:)?\w+>|\(\?P<\w+>[^)]*\)", key, row.route)
        for method in ("get", "post"):
            with transaction.atomic():
                browser = world.browsers["admin"]
                browser.raise_request_exception = False
                check(getattr(browser, method)("/" + route.rstrip("$")))
                transaction.set_rollback(True)


# --- what is sent ------------------------------------------------------------------------------

ACTIONS = ("delete_selected", "erase_people", "make_verified", "ask_again", "retry", "x", "")


SELECTIONS = [
    *(["x"], ["9" * 30], ["\x00"], ["9" * 5000], ["-1"], [""], [PAYLOAD], []),
    *(["1", "x"], [str(number) for number in range(900)], ["1e5"], ["²"], ["1,2"]),
]
SLOWLY = [pytest.param(one, marks=pytest.mark.slow) for one in SELECTIONS[2:]]


@pytest.mark.parametrize("chosen", [*SELECTIONS[:2], *SLOWLY], ids=lambda one: repr(one)[:12])
def test_no_selection_breaks_a_list(world, chosen):
    """Foreign, huge, odd, endless and absent selections, of every act."""
    for row in LISTS:
        for action in ACTIONS:
            for more in ({}, {"index": "0"}, {"select_across": "1", "post": "yes"}):
                form = {"action": action, ACTION_CHECKBOX_NAME: chosen, **more}
                quickly(ask, world, "admin", "post", row, form)


def test_an_odd_selection_does_nothing(world):
    marked = [world.fill("{tag}"), "x"]
    form = {"action": "delete_selected", "post": "yes", ACTION_CHECKBOX_NAME: marked}

    response = world.browsers["admin"].post("/admin/tracking/tag/", form)

    assert response.status_code == 400
    assert "not understood" in response.content.decode()
    assert everything() == world.before


def filled(page):
    """The fields of a page's form as a browser would send them: names and values."""
    context = page.context
    forms = [context["adminform"].form, *(one.formset for one in context["inline_admin_formsets"])]
    every = {}
    for form in forms:
        parts = [form] if not hasattr(form, "management_form") else [form.management_form, *form]
        for part in parts:
            for field in part:
                widget = getattr(field.field.widget, "widget", field.field.widget)  # unwrapped
                value = field.value()
                if hasattr(widget, "widgets"):
                    some = widget.decompress(value) or [None] * len(widget.widgets)
                    names = [f"{field.html_name}{ending}" for ending in widget.widgets_names]
                    every |= dict(zip(names, map(as_text, some), strict=True))
                elif value or not isinstance(value, bool | list):  # as browsers leave them out
                    every[field.html_name] = as_text(value)
    return every


def as_text(value):
    if isinstance(value, list | tuple):
        return ",".join(str(getattr(one, "pk", one)) for one in value)
    return "" if value is None else str(value)


FORMS = [
    row
    for row in ROWS
    if row.route.endswith(("/add/", "/change/", "/password/")) and row.get[-1] == 200
]


def form_of(world, row):
    """The form of a page; None where nobody may change anything."""
    page = world.browsers["admin"].get(world.address(row))
    if page.context.get("adminform") is None:
        return dict.fromkeys(("password1", "password2", "usable_password"), "")
    return filled(page)


def test_a_form_as_it_stands_is_taken(world):
    """Or what follows would try nothing but the first field that is missing."""
    taken = []
    for row in FORMS:
        if row.route.endswith("/change/") and row.post[-1] == 200:
            response = ask(world, "admin", "post", row, form_of(world, row))
            assert response.status_code == 302, (row.route, response.context["errors"])
            taken.append(row.route)
    assert len(taken) >= 7, taken


@pytest.mark.parametrize("value", ["\x00", "9" * 30], ids=repr)
def test_no_form_breaks_its_page(world, value):
    for row in FORMS:
        form = form_of(world, row)
        texts = [name for name, text in form.items() if not text]
        check(ask(world, "admin", "post", row, dict.fromkeys(form, value)))  # two thousand tasks
        quickly(ask, world, "admin", "post", row, {**form, **dict.fromkeys(texts, value)})
        if "tags" in form:  # the one field of many keys
            quickly(ask, world, "admin", "post", row, {**form, "tags": value})


@pytest.mark.slow
@pytest.mark.parametrize("value", WORST, ids=worded)
def test_no_field_of_a_form_breaks_its_page(world, value):
    for row in FORMS:
        form = form_of(world, row)
        for name in form:
            given = {**form, name: value}
            if name.endswith("_FORMS"):  # Django makes two thousand at most, which takes a while
                check(ask(world, "admin", "post", row, given))
            else:
                quickly(ask, world, "admin", "post", row, given)
