"""The entry point for ASGI servers (uvicorn)."""

from typing import Any

from asgiref.sync import sync_to_async
from django.core.asgi import get_asgi_application

from analytics import delivery
from timetracker.startup import start

django = start(get_asgi_application)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Django, and the end of the process: uvicorn ends by a signal, which runs no exit handler."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    else:
        await django(scope, receive, send)


async def lifespan(receive: Any, send: Any) -> None:
    """Agree to start and to end; before the end, give back what is being delivered."""
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await sync_to_async(delivery.stop)()
    await send({"type": "lifespan.shutdown.complete"})
