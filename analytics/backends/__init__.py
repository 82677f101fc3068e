"""Where events go: PostHog, the console, a list in memory. `base` says what a backend is."""
