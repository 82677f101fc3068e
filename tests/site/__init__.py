"""The project with a few addresses more, on which tests put weight: `DJANGO_SETTINGS_MODULE`
`tests.site.settings`. It takes its settings from the environment, as the project does.
"""
