"""The site of the tests, with the addresses that benchmarks need besides."""

from tests.site.settings import *  # noqa: F403

ROOT_URLCONF = "tests.benchmarks.urls"
