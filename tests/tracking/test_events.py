import re

from django.conf import settings

from analytics import catalogue


def test_it_declares_the_events_of_the_timer():
    assert set(catalogue.events["timer.started"].properties) == {
        "has_description",
        "has_project",
        "has_task",
    }
    assert set(catalogue.events["timer.stopped"].properties) == {
        "duration_seconds",
        "has_description",
        "has_project",
        "has_task",
    }


def test_every_feature_is_marked_on_a_page():
    """One that no button carries would be counted as never used."""
    sources = [
        source.read_text()
        for app in ("accounts", "timetracker", "tracking")
        for kind in ("*.html", "*.py")
        for source in (settings.BASE_DIR / app).rglob(kind)
    ]
    marks = set(re.findall(r'data-analytics-feature="([a-z_]+)"', "".join(sources)))

    assert catalogue.features.keys() - marks == set()
