"""The tests: one folder an app, `browser/` for what a person sees, `benchmarks/` for figures."""
