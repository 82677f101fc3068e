"""What a phone or a desktop needs to install the site as an app."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_safe

GROUND = "#f6f6f4"  # app.css, --ground in light; a manifest can name but one
ICONS = (
    ("favicon.svg", "any", "image/svg+xml", "any"),
    ("icon-192.png", "192x192", "image/png", "any"),
    ("icon-512.png", "512x512", "image/png", "any"),
    ("icon-maskable-512.png", "512x512", "image/png", "maskable"),
)


@require_safe
def manifest(_request: HttpRequest) -> HttpResponse:
    """The web app manifest (W3C). Open to everybody: browsers ask for it without cookies."""
    home = reverse("dashboard")
    content = {
        "name": "TimeTracker",
        "short_name": "TimeTracker",
        "id": home,
        "start_url": home,
        "scope": home,
        "display": "standalone",
        "background_color": GROUND,
        "theme_color": GROUND,
        "icons": [
            {"src": static(f"timetracker/{name}"), "sizes": sizes, "type": kind, "purpose": purpose}
            for name, sizes, kind, purpose in ICONS
        ],
    }
    return JsonResponse(content, content_type="application/manifest+json")
