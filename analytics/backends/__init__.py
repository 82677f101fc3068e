"""Where events go: `posthog.PostHogBackend`, `console.ConsoleBackend`, `locmem.LocmemBackend`.

`base` says what a backend is, `analytics.testing.BackendContract` tries one.
"""
