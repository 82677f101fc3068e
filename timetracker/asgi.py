"""The entry point for ASGI servers (uvicorn)."""

from django.core.asgi import get_asgi_application

from timetracker.startup import start

application = start(get_asgi_application)
