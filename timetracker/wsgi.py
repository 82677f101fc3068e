"""The entry point for WSGI servers (gunicorn)."""

from django.core.wsgi import get_wsgi_application

from timetracker.startup import start

application = start(get_wsgi_application)
