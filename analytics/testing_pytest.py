"""The pytest fixture `captured_events`: `pytest_plugins = ["analytics.testing_pytest"]`.

That line stands in the project's `conftest.py` at the root. Needs pytest-django.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from analytics.testing import CapturedEvents


@pytest.fixture
def captured_events(db: None, settings: Any) -> CapturedEvents:
    """What the test records, as `analytics.testing.CapturedEvents`; nothing is sent."""
    from analytics import testing

    # Through pytest-django's fixture: a test may change settings afterwards, and all is undone.
    settings.ANALYTICS = testing.without_delivery()
    return testing.CapturedEvents()
