"""What a browser says of itself, in PostHog's vocabulary (`$browser`, `$os`, `$device_type`).

Only names from the tables below leave: a header is anybody's text.
"""

from functools import lru_cache
from typing import Any

import ua_parser

OTHER = "other"
BROWSERS = {
    "Chrome": "Chrome",
    "Chrome Mobile": "Chrome",
    "Chrome Mobile WebView": "Chrome",
    "HeadlessChrome": "Chrome",
    "Chromium": "Chrome",
    "Chrome Mobile iOS": "Chrome iOS",
    "Firefox": "Firefox",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox iOS",
    "Safari": "Safari",
    "Mobile Safari": "Mobile Safari",
    "Mobile Safari UI/WKWebView": "Mobile Safari",
    "Edge": "Microsoft Edge",
    "Edge Mobile": "Microsoft Edge",
    "Samsung Internet": "Samsung Internet",
    "Opera": "Opera",
    "Opera Mobile": "Opera",
    "Opera Mini": "Opera Mini",
    "IE": "Internet Explorer",
}
SYSTEMS = {
    "Windows": "Windows",
    "Mac OS X": "Mac OS X",
    "iOS": "iOS",
    "Android": "Android",
    "Chrome OS": "Chrome OS",
    "Linux": "Linux",
    "Ubuntu": "Linux",
    "Debian": "Linux",
    "Fedora": "Linux",
    "Red Hat": "Linux",
    "SUSE": "Linux",
    "Arch Linux": "Linux",
    "Linux Mint": "Linux",
    "Gentoo": "Linux",
}


@lru_cache(maxsize=1024)
def describe(header: str) -> dict[str, Any]:
    """`$browser`, `$browser_version` (a number), `$os`, `$os_version`, `$device_type`.

    Takes a User-Agent header (already cut to a sane length); an empty one describes nothing.
    """
    if not header:
        return {}
    found = ua_parser.parse(header)
    properties: dict[str, Any] = {"$device_type": device_type(header)}
    if found.user_agent is not None:
        properties["$browser"] = BROWSERS.get(found.user_agent.family, OTHER)
        if major := digits(found.user_agent.major):
            properties["$browser_version"] = int(major)
    if found.os is not None:
        properties["$os"] = SYSTEMS.get(found.os.family, OTHER)
        if parts := [*filter(None, (digits(found.os.major), digits(found.os.minor)))]:
            properties["$os_version"] = ".".join(parts)
    return properties


def digits(text: str | None) -> str:
    """A part of a version, if it is a number that a version could have; else nothing."""
    return text if text and text.isascii() and text.isdigit() and len(text) <= 6 else ""


def device_type(header: str) -> str:
    """desktop, mobile or tablet: the words of the seed documents."""
    if "iPad" in header or "Tablet" in header or ("Android" in header and "Mobile" not in header):
        return "tablet"
    return "mobile" if "Mobi" in header or "iPhone" in header else "desktop"
