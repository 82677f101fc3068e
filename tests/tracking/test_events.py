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
