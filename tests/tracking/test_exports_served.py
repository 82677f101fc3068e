"""Downloads from real servers: a file that could not be made to its end must not look like one."""

import http.client
from collections.abc import Callable

import pytest

from tests.processes import Site

pytestmark = pytest.mark.slow

# More entries than a chunk; the last one's start cannot be read.
FILL = """
from datetime import timedelta
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.utils import timezone
from accounts.models import User
from tracking.models import TimeEntry
user = User.objects.create_user("worker")
end = timezone.now()
day = end.date()
TimeEntry.objects.bulk_create(
    TimeEntry(user=user, started_at=end, ended_at=end, day=day, seconds=0) for _n in range(10_500)
)
last = TimeEntry.objects.order_by("pk").last().pk
if broken:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tracking_timeentry SET started_at = '-' WHERE id = %s", [last])
session = SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = "accounts.backends.LocalBackend"
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.save()
print(session.session_key)
"""
SERVED: list[tuple[Callable[[Site], None], str]] = [
    (Site.start, "csv"),
    (Site.start_uvicorn, "xlsx"),
]


@pytest.mark.parametrize(("serve", "kind"), SERVED)
@pytest.mark.parametrize("broken", [False, True])
def test_only_a_whole_file_ends_as_one(tmp_path, serve, kind, broken):
    site = Site(tmp_path)
    site.prepare()
    cookie = f"sessionid={site.run(f'{broken=}{chr(10)}{FILL}')}"
    serve(site)
    try:
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
        path = f"/exports/entries.{kind}?range=today&by=task"
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        assert answer.status == 200

        if broken:
            with pytest.raises(http.client.IncompleteRead):
                answer.read()
        else:
            assert answer.read().startswith(b"PK" if kind == "xlsx" else b"\xef\xbb\xbf")
    finally:
        site.clear()

    log = site.log.read_text()
    assert ("An export broke off: " in log) is broken
    if serve is Site.start:  # the other one writes down every request
        assert "by=task" not in log
    assert "must consume synchronous iterators" not in log
