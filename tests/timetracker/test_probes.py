"""What load balancers ask: as themselves by a process's address, and from a site on its way."""

import pytest
import requests
from django.db import connection

from analytics.models import Event
from tests.processes import Site, free_port, running
from timetracker import probes

STRANGE = {"Host": "10.0.0.7:8000"}  # an address, as a load balancer asks; none of ALLOWED_HOSTS


def get(site, path, **headers):
    address = site.url + path
    return requests.get(address, headers=headers, allow_redirects=False, timeout=10)


def test_it_says_that_the_process_lives_without_asking_the_database(client):
    answer = client.get("/healthz")  # without the mark `db` a query would raise

    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_it_is_ready_by_one_query_once_the_migrations_were_found(client):
    assert client.get("/readyz").json() == {"status": "ready"}

    statements = []

    def note(execute, sql, *args):
        statements.append(sql)
        return execute(sql, *args)

    with connection.execute_wrapper(note):
        assert client.get("/readyz").status_code == 200
    assert statements == ["SELECT 1 FROM django_migrations LIMIT 1"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_it_opens_no_session_records_nothing_and_asks_for_no_host(client, settings, path):
    settings.SECURE_SSL_REDIRECT = True

    answer = client.get(path, headers={"Host": "10.0.0.7"})

    assert answer.status_code == 200
    assert not answer.cookies
    assert not Event.objects.exists()
    assert client.get("/accounts/login/").status_code == 301
    assert client.get("/accounts/login/", headers={"Host": "10.0.0.7"}).status_code == 400


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_it_is_only_read(client, path):
    assert client.post(path).status_code == 405


def test_a_site_waits_for_its_migrations(tmp_path):
    site = Site(tmp_path, {"HTTPS": "true", "ALLOWED_HOSTS": "time.example.org"})
    with running(site):
        assert get(site, "/healthz", **STRANGE).json() == {"status": "alive"}
        waiting = get(site, "/readyz", **STRANGE)
        assert waiting.status_code == 503
        assert waiting.json()["status"] == "not ready"
        assert waiting.json()["why"].startswith("Unapplied migrations: ")
        site.prepare()

        assert get(site, "/readyz", **STRANGE).json() == {"status": "ready"}


def test_a_database_that_is_away_is_named_without_its_password(tmp_path):
    away = f"postgres://tracker:hunter2@127.0.0.1:{free_port()}/tracker"
    site = Site(tmp_path, {"DATABASE_URL": away})
    with running(site):
        assert get(site, "/healthz").status_code == 200
        answer = get(site, "/readyz")

    assert answer.status_code == 503
    assert answer.json()["why"] == "The database does not answer (OperationalError)."
    assert "hunter2" not in site.log.read_text()


@pytest.mark.django_db
def test_nothing_is_unapplied_here():
    assert probes.unapplied() == []
