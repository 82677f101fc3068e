"""The page of insights in Django's admin, and their files."""

import csv
import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from analytics import insights
from analytics.admin.insights import guarded
from analytics.insights import Insight, Property, Series, rollups
from analytics.models import Event, Person
from tests.analytics.counted import recorded
from tests.analytics.test_docs import DOCS, blocks

pytestmark = pytest.mark.django_db
PAGE = "/admin/analytics/dailycount/"


@pytest.fixture
def admin(client, alice):
    client.force_login(alice, backend="accounts.backends.LocalBackend")
    Event.objects.all().delete()  # the sign-in
    return client


@pytest.fixture
def busy():
    """Two people, and the installation itself."""
    now = timezone.now()
    Person.objects.create(distinct_id="anna", properties={"role": "admin", "is_admin": True})
    for days in (0, 3, 40):
        about = {"feature_flag": "undo", "action": "clicked"}
        recorded("feature_interaction", now - timedelta(days=days), "anna", about)
        recorded("telemetry.health", now - timedelta(days=days), "here", {"app_version": "1.4"})
    return now


def figure(page: str, key: str) -> str:
    """The part of the page that shows an insight."""
    found = re.search(rf'<figure class="insight"[^>]*id="{key}".*?</figure>', page, re.DOTALL)
    assert found, key
    return found[0]


def text(part: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", part).split())


def test_every_declared_insight_stands_on_its_dashboards_with_its_question(admin, busy):
    page = admin.get(PAGE).content.decode()

    for insight in insights.insights.values():
        assert page.count(f'id="{insight.key}"') == len(insight.dashboards) == 1
        assert insight.question in text(figure(page, insight.key))
    for other in (*insights.dashboards.values(), *insights.cohorts.values()):
        assert other.name in page
        assert other.description in page


def test_the_numbers_stand_in_a_table_and_are_what_the_chart_is_drawn_from(admin, busy):
    page = admin.get(PAGE).content.decode()

    assert "undo 2" in text(figure(page, "feature_usage"))
    assert 'data-insight="bar"' in figure(page, "feature_usage")
    assert "undo admin 1" in text(figure(page, "features_by_role"))
    assert "1 Installations" in text(figure(page, "active_installations"))
    days = figure(page, "daily_active_users")
    assert days.count('data-value="1"') == 2
    assert days.count("data-value=") == 30
    assert "Period 1" in text(days)


def test_the_period_is_switched_for_all(admin, busy):
    page = admin.get(f"{PAGE}?period=90d").content.decode()

    assert "undo 3" in text(figure(page, "feature_usage"))
    assert figure(page, "daily_active_users").count("data-value=") == 90
    assert f'{PAGE}feature_usage.csv?period=90d"' in page
    assert re.search(r'href="\?period=90d" aria-current="true"', page)
    assert "undo 1" in text(
        figure(admin.get(f"{PAGE}?period=24h").content.decode(), "feature_usage")
    )


def test_a_period_that_there_is_not_is_said(admin, busy):
    answer = admin.get(f"{PAGE}?period=%3Cb%3E5")

    assert answer.status_code == 200
    assert "There is no such period." in answer.content.decode()
    assert admin.get(f"{PAGE}feature_usage.csv?period=5").status_code == 404
    assert admin.get(f"{PAGE}nothing.csv").status_code == 404


def test_without_events_it_says_what_will_stand_there(admin):
    page = admin.get(PAGE).content.decode()

    assert "Nothing leaves for it" in page
    assert "As soon as it does, the numbers stand here" in text(figure(page, "login_methods"))
    assert "data-insight" not in page


def test_cohorts_say_how_many_there_are(admin, busy):
    about = {"is_admin": True, "deployment_method": "docker"}
    Person.objects.filter(distinct_id="anna").update(properties=about)
    page = text(admin.get(PAGE).content.decode())

    described = insights.cohorts["docker_admins"].description
    assert f"Docker Admins {described} 1" in page


def test_an_insight_is_a_file(admin, busy):
    answer = admin.get(f"{PAGE}features_by_role.csv?period=7d")
    today = rollups.local_day(timezone.now())
    since = today - timedelta(days=6)

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    name = f'attachment; filename="features_by_role_{since}_{today}.csv"'
    assert answer["Content-Disposition"] == name
    rows = [*csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))]
    assert rows == [["feature_flag", "role", "Persons"], ["undo", "admin", "1"]]


def test_a_file_by_day_has_a_line_for_each(admin, busy):
    answer = admin.get(f"{PAGE}timer_activity.csv?period=7d").content.decode("utf-8-sig")
    rows = [*csv.reader(io.StringIO(answer))]

    assert rows[0] == ["Day", "Timers started", "Timers stopped"]
    assert [len(row) for row in rows] == [3] * 8
    assert rows[-1] == [str(rollups.local_day(timezone.now())), "0", "0"]


@pytest.mark.parametrize(
    "value",
    [
        *("=1+1", "+1", "-1", "@x", ' "=1', "\t=1", "\r1", "a;=1", "＝1", "\n@", "a;'=1", "a\t=1"),
        *(";＝1", "a;b;@c", 'a;"=1'),
    ],
)
def test_no_spreadsheet_takes_a_cell_for_a_formula(value, admin, monkeypatch):
    odd = Insight("odd", "", "Odd?", (Series("", "odd"),), breakdowns=(Property("x"),))
    monkeypatch.setitem(insights.insights, "odd", odd)
    recorded("odd", timezone.now(), properties={"x": value})
    file = admin.get(f"{PAGE}odd.csv?period=7d").content.decode("utf-8-sig")

    assert guarded("1.4.0 (none)") == "1.4.0 (none)"
    cells = [cell for row in csv.reader(io.StringIO(file, newline="")) for cell in row]
    assert any(cell.replace("'", "") == value.replace("'", "") for cell in cells)
    for cell in cells:
        for part in re.split(r"[;\t\r\n]", cell):
            assert not re.match(r"[\s\"]*[=+\-@＝]", part)


def test_what_is_in_an_event_is_only_text_on_the_page(admin):
    recorded("auth.login", timezone.now(), properties={"auth_method": "<script>x</script>"})
    page = admin.get(PAGE).content.decode()

    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page


def test_its_scripts_are_files(admin, busy):
    answer = admin.get(PAGE)
    page = answer.content.decode()

    assert re.findall(r"<script(?![^>]*src=)", page) == []
    assert not re.search(r"\sstyle=|\son\w+=", page)
    assert "analytics/vendor/chart/chart.umd.min.js" in page
    assert "unsafe" not in answer["Content-Security-Policy"]


def test_while_the_log_is_counted_it_says_how_far(admin, monkeypatch):
    for _ in range(4):
        recorded("export.csv", timezone.now())
    monkeypatch.setattr(rollups, "CHUNK", 1)
    monkeypatch.setattr("analytics.insights.local.PATIENCE", 0)
    page = admin.get(PAGE).content.decode()
    assert re.search(r"still being counted: \d+ % is done", page)

    monkeypatch.setattr("analytics.insights.local.PATIENCE", 5)
    assert "still being counted" not in admin.get(PAGE).content.decode()


def test_a_locked_database_keeps_nobody_from_what_is_counted(admin, busy, monkeypatch):
    assert rollups.catch_up(5)

    def locked(_seconds):
        raise OperationalError("database is locked")

    monkeypatch.setattr(rollups, "catch_up", locked)
    page = admin.get(PAGE).content.decode()
    assert "undo 2" in text(figure(page, "feature_usage"))
    assert "still being counted" in page


@pytest.mark.parametrize("path", [PAGE, f"{PAGE}feature_usage.csv"])
def test_it_is_for_admins(client, bob, dora, path):
    for person in (bob, dora):
        client.force_login(person, backend="accounts.backends.LocalBackend")
        assert client.get(path, follow=True).status_code == 403


@pytest.mark.parametrize("path", [PAGE, f"{PAGE}feature_usage.csv"])
def test_staff_without_the_permission_is_refused(rf, bob, path):
    from django.contrib import admin as django_admin
    from django.core.exceptions import PermissionDenied

    from analytics.models import DailyCount

    request = rf.get(path)
    request.user = bob
    page = django_admin.site._registry[DailyCount]
    with pytest.raises(PermissionDenied):
        page.changelist_view(request)
    with pytest.raises(PermissionDenied):
        page.csv_view(request, "feature_usage")


def test_it_stands_in_the_list_of_the_admin(admin):
    page = admin.get("/admin/").content.decode()
    assert f'href="{PAGE}"' in page
    assert "Insights" in page


def test_nothing_personal_is_shown(admin, busy, alice):
    page = admin.get(PAGE).content.decode()
    main = page[page.index('id="content-main"') :]

    for private in ("anna", "here<", alice.email, str(alice.pk)):
        assert private not in main
    assert json.dumps("distinct_id") not in main


def test_the_docs_list_every_insight_and_cohort():
    page = (DOCS / "insights.md").read_text(encoding="utf-8")

    for insight in insights.insights.values():
        assert f"| {insight.name} | {insight.question} |" in page
    for cohort in insights.cohorts.values():
        assert f"| {cohort.name} | {cohort.description} |" in page


def test_the_docs_declare_one_that_works(monkeypatch):
    for registry in ("insights", "dashboards", "cohorts"):
        monkeypatch.setattr(insights, registry, {**getattr(insights, registry)})
    recorded("invoice.sent", timezone.now(), "anna", {"channel": "mail"})
    Person.objects.create(distinct_id="anna", properties={"role": "admin"})
    declared, answered = (one for one in blocks("insights.md") if one.language == "python")
    exec(declared.text, {})
    names: dict[str, Any] = {}
    exec(answered.text, names)

    assert [(line.labels, line.total) for line in names["answer"].lines] == [(("admin",), 1)]
