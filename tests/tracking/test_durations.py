from datetime import timedelta

import pytest

from tracking.templatetags.durations import clock, iso, seconds


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        (timedelta(), "0:00:00"),
        (timedelta(seconds=59.999), "0:00:59"),
        (timedelta(minutes=61, seconds=5), "1:01:05"),
        (timedelta(days=4, hours=4), "100:00:00"),
    ],
)
def test_it_shows_hours_minutes_and_seconds(duration, shown):
    assert clock(duration) == shown


def test_it_tells_machines_the_seconds():
    assert seconds(timedelta(minutes=1.5)) == 90
    assert iso(timedelta(minutes=1.5)) == "PT90S"
