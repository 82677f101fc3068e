"""Behind reverse proxies, and without one: whose word counts. The site in a process of its own."""

import pytest
import requests

from tests.processes import Site, running

LOGIN = "/accounts/login/"
OVER_HTTPS = {"X-Forwarded-Proto": "https"}


@pytest.fixture(scope="module", params=[0, 1])
def site(request, tmp_path_factory):
    """A site that wants HTTPS, on the loopback interface, from which gunicorn believes anything."""
    folder = tmp_path_factory.mktemp(f"proxies-{request.param}")
    proxies = str(request.param)
    site = Site(folder, {"HTTPS": "true", "TRUSTED_PROXY_COUNT": proxies})
    site.prepare()
    with running(site):
        yield site


def get(site, **headers):
    return requests.get(site.url + LOGIN, headers=headers, allow_redirects=False, timeout=10)


def test_it_believes_only_a_trusted_proxy_that_people_came_over_https(site):
    trusted = site.env["TRUSTED_PROXY_COUNT"] == "1"

    assert get(site).status_code == 301
    assert get(site, **OVER_HTTPS).status_code == (200 if trusted else 301)


def test_it_believes_only_a_trusted_proxy_who_came(site):
    """The limit is 30 a minute by address; with a trusted proxy each of these has their own."""
    trusted = site.env["TRUSTED_PROXY_COUNT"] == "1"
    code = (
        "from accounts.adapter import AccountAdapter; from django.test import RequestFactory;"
        "request = RequestFactory().get('/', headers={'X-Forwarded-For': '192.0.2.1'});"
        "print(AccountAdapter().get_client_ip(request))"
    )

    assert site.run(code) == ("192.0.2.1" if trusted else "127.0.0.1")
