"""The same site without analytics: no middleware; with no key, and nobody who agrees to it."""

from tests.benchmarks.settings import *  # noqa: F403
from tests.benchmarks.settings import MIDDLEWARE

MIDDLEWARE = [name for name in MIDDLEWARE if name != "analytics.middleware.AnalyticsMiddleware"]
