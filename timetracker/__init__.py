"""TimeTracker: the project that joins `accounts`, `tracking` and `analytics`."""

__version__ = "0.1.0"
