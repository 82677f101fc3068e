"""Parts of the site that the operator may switch off, each by one variable of the environment.

A gate stands where its addresses are declared; templates ask `gates.reports` before they show a way
in. The settings are read at each request.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import ResolverMatch, URLResolver
from django.urls.resolvers import RoutePattern
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt


@dataclass(frozen=True)
class Gate:
    """A part of the site: the setting that opens it, and what people read while it is closed."""

    setting: str
    sentence: Promise

    @property
    def is_open(self) -> bool:
        """Whether the operator has left it on."""
        return bool(getattr(settings, self.setting))


REPORTS = Gate(
    "ENABLE_REPORTS", _("Reports are switched off on this site. Its operator can switch them on.")
)
EXPORTS = Gate(
    "ENABLE_EXPORTS", _("Exports are switched off on this site. Its operator can switch them on.")
)
IMPORTS = Gate(
    "ENABLE_IMPORTS", _("Imports are switched off on this site. Its operator can switch them on.")
)


def context(_request: HttpRequest) -> dict[str, dict[str, bool]]:
    """For templates: `gates.reports`, `gates.exports` and `gates.imports`."""
    gates = {"reports": REPORTS, "exports": EXPORTS, "imports": IMPORTS}
    return {"gates": {name: gate.is_open for name, gate in gates.items()}}


class GatedResolver(URLResolver):
    """The addresses below a prefix; while the gate is closed, each answers with its sentence."""

    def __init__(self, prefix: str, included: Iterable[Any], gate: Gate) -> None:
        urlconf, app_name, namespace = included
        pattern = RoutePattern(prefix, is_endpoint=False)
        super().__init__(pattern, urlconf, app_name=app_name, namespace=namespace)
        self.gate = gate

    def resolve(self, path: str) -> ResolverMatch:
        """The view of an address."""
        if self.gate.is_open or not self.pattern.match(path):
            return super().resolve(path)
        given = {"gate": self.gate}  # the prefix is all that the route tells: Django puts it there
        return ResolverMatch(closed, (), given, route="", captured_kwargs={}, extra_kwargs=given)


def gated(prefix: str, included: Iterable[Any], gate: Gate) -> GatedResolver:
    """As `path(prefix, include(…))`, for a part of the site that may be switched off."""
    return GatedResolver(prefix, included, gate)


@csrf_exempt  # a form that was open since before gets the sentence, too
def closed(request: HttpRequest, *, gate: Gate) -> HttpResponse:
    """The sentence as a page, or alone for htmx, whose pages show it as a notice.

    403 as for the other doors that an operator closes: it hides nothing, and unlike a 404 no cache
    may keep it for the day on which the part is switched on again.
    """
    if "HX-Request" in request.headers:
        return HttpResponse(gate.sentence, "text/plain; charset=utf-8", 403)
    return render(request, "closed.html", {"sentence": gate.sentence}, status=403)
