"""Figures for Prometheus: for whoever has the token, of all workers, without a name."""

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

import analytics
from analytics.models import Erasure, Event, State
from tests.processes import Site, free_port, running
from timetracker import metrics

TOKEN = "a-token-of-the-tests-0123456789"
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(autouse=True)
def _ask_anew(monkeypatch):
    monkeypatch.setattr(metrics._EVENTS, "_counted", None)


def figures(text):
    """The samples of a page: (name, labels in their order) → value."""
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    return {(one.name, *one.labels.values()): one.value for one in samples}


def shown(client):
    answer = client.get("/metrics", headers=WITH_TOKEN)
    assert answer.status_code == 200
    return figures(answer.content.decode())


@pytest.mark.django_db
def test_without_a_token_set_there_is_no_such_page(client):
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize("given", [None, "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer é"])
def test_it_refuses_whoever_has_not_the_token(client, settings, given):
    settings.METRICS_TOKEN = TOKEN

    answer = client.get("/metrics", headers={"Authorization": given} if given else {})

    assert (answer.status_code, answer.content) == (401, b"")
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.django_db
def test_it_counts_requests_by_route_and_status(client, settings, bob):
    settings.METRICS_TOKEN = TOKEN
    counted = ("timetracker_requests_total", "account_login", "200")
    timed = ("timetracker_request_duration_seconds_count", "account_login")
    before = shown(client)

    client.get("/accounts/login/?next=/bob")
    client.get("/nothing/bob/")
    after = shown(client)

    assert after[counted] - before.get(counted, 0) == 1
    assert after[timed] - before.get(timed, 0) == 1
    assert ("timetracker_requests_total", "none", "404") in after
    assert "bob" not in str(after)


@pytest.mark.django_db
def test_it_shows_how_events_stand(client, settings, bob, analytics_on):
    settings.METRICS_TOKEN = TOKEN
    for _ in range(3):
        analytics.track_event(bob.pk, "feature.used", {"feature_name": "export"})
    first = Event.objects.order_by("pk").values("pk")[:1]
    Event.objects.filter(pk__in=list(first.values_list("pk", flat=True))).update(
        state=State.REJECTED
    )

    found = shown(client)

    assert found["timetracker_database_up",] == 1
    states = [found["timetracker_events", one] for one in ("waiting", "delivered", "rejected")]
    assert states == [2, 0, 1]
    assert found["timetracker_events_dropped_total",] == 0


@pytest.mark.django_db
def test_it_shows_who_is_yet_to_be_erased_at_posthog(client, settings):
    settings.METRICS_TOKEN = TOKEN
    for number in range(3):
        Erasure.objects.create(distinct_id=f"id-{number}")
    Erasure.objects.filter(distinct_id="id-0").update(due_at=None)

    found = shown(client)

    states = [found["timetracker_erasures", one] for one in ("waiting", "refused")]
    assert states == [2, 1]
    assert "id-" not in str(found)


@pytest.mark.django_db
def test_it_counts_the_events_every_five_minutes_only(client, settings, django_assert_num_queries):
    settings.METRICS_TOKEN = TOKEN
    shown(client)

    with django_assert_num_queries(1):  # whether the database answers
        shown(client)


def test_it_says_that_the_database_is_away(tmp_path):
    away = f"postgres://tracker@127.0.0.1:{free_port()}/tracker"
    site = Site(tmp_path, {"DATABASE_URL": away, "METRICS_TOKEN": TOKEN})
    with running(site):
        answer = requests.get(f"{site.url}/metrics", headers=WITH_TOKEN, timeout=10)

    assert figures(answer.text)["timetracker_database_up",] == 0
    assert "timetracker_events" not in answer.text


def test_a_database_that_is_not_migrated_is_up(tmp_path):
    site = Site(tmp_path, {"METRICS_TOKEN": TOKEN})
    with running(site):
        answer = requests.get(f"{site.url}/metrics", headers=WITH_TOKEN, timeout=10)

    assert figures(answer.text)["timetracker_database_up",] == 1
    assert "timetracker_events" not in answer.text


def test_it_counts_what_all_workers_did(tmp_path):
    site = Site(tmp_path, {"METRICS_TOKEN": TOKEN, "TMPDIR": str(tmp_path)})
    site.prepare()
    site.start("--workers=3")
    try:
        for _ in range(30):
            assert requests.get(f"{site.url}/nothing/", timeout=10).status_code == 404
        asked = [(f"{site.url}/metrics", WITH_TOKEN)] * 6  # whichever worker answers
        pages = [requests.get(url, headers=headers, timeout=10) for url, headers in asked]
    finally:
        site.stop()

    counts = {figures(page.text)["timetracker_requests_total", "none", "404"] for page in pages}
    assert counts == {30}
    assert not list(tmp_path.glob("timetracker-metrics-*")), "left behind"
