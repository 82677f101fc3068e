"""Django's admin: the telemetry page, a statement of what this installation sends, and to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST

from analytics import conf, delivery, outbox, samples, statement, telemetry
from analytics.admin.pages import page
from analytics.admin.payloads import CHUNK, batch_file, rehearsed
from analytics.backends.base import Outgoing
from analytics.models import Installation, State

PAGE = "admin:analytics_installation_changelist"
SECONDS = 10  # that “deliver now” works for
Act = Callable[["InstallationAdmin", HttpRequest], HttpResponse]


def act(view: Act) -> Act:
    """A view for those who may change the installation, though nobody edits it."""

    @wraps(view)
    def guarded(self: InstallationAdmin, request: HttpRequest) -> HttpResponse:
        if not self.may_act(request):
            raise PermissionDenied
        return view(self, request)

    return guarded


@admin.register(Installation)
class InstallationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # takes none at run time
    """The one installation: its list is the telemetry page, and nothing is edited."""

    def get_urls(self) -> list[URLPattern]:
        """The acts, before the pages that every model has."""
        posts = {"test": self.test, "deliver": self.deliver, "download": self.download}
        routes: dict[str, Any] = {name: require_POST(view) for name, view in posts.items()}
        routes["reset"] = self.reset
        named = "analytics_installation_{}".format
        acts = [
            path(f"{name}/", self.admin_site.admin_view(view), name=named(name))
            for name, view in routes.items()
        ]
        return [*acts, *super().get_urls()]

    # --- the page ---

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The statement of account."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = statement.statement()
        kinds = dict.fromkeys([telemetry.Kind.HEALTH, now.next_ping or telemetry.Kind.HEALTH])
        pings = [(kind, *rehearsed(partial(telemetry.rehearse, kind))) for kind in kinds]
        context = {
            "title": capfirst(self.opts.verbose_name_plural),
            "now": now,
            "to": destination(now),
            "most": statement.MOST,
            "pings": [
                {"kind": kind, "messages": made, "problem": problem}
                for kind, made, problem in pings
            ],
            "samples": rehearsed(samples.samples),
            "may_act": self.may_act(request),
        }
        return page(self, request, "telemetry", {**context, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponseRedirect:
        """There is one page of it; nothing is changed by hand."""
        if request.method == "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        return redirect(PAGE)

    # --- what admins do on it ---

    @act
    def test(self, request: HttpRequest) -> HttpResponse:
        """Send the test event now, and say what was answered."""
        if self._closed(request):
            return redirect(PAGE)
        to = destination(statement.statement())
        event, report = telemetry.send_test()
        if event.state == State.DELIVERED:
            said = gettext("Accepted: %(to)s has taken the test event.") % {"to": to}
            messages.success(request, said)
        elif event.state == State.REJECTED:
            said = gettext("Refused: %(to)s does not take the test event (%(why)s).")
            said %= {"to": to, "why": event.last_error}
            messages.error(request, said)
        else:
            said = not_taken(to, report.error)
            messages.error(request, f"{said} {telemetry.row().remedy}".strip())
        self._log(request, said)
        return redirect(PAGE)

    @act
    def deliver(self, request: HttpRequest) -> HttpResponse:
        """Deliver what waits, for some seconds, whether PostHog is to be left alone or not."""
        if self._closed(request):
            return redirect(PAGE)
        report = delivery.deliver_for(SECONDS)
        said = ngettext(
            "%(count)d event was delivered.", "%(count)d events were delivered.", report.delivered
        ) % {"count": report.delivered}
        if report.rejected:
            said += " " + ngettext(
                "%(count)d was rejected.", "%(count)d were rejected.", report.rejected
            ) % {"count": report.rejected}
        if report.error:
            said += f" {not_taken(destination(statement.statement()), report.error)}"
        elif outbox.waiting().exists():
            said += " " + gettext("More is waiting, and follows by itself.")
        level = messages.ERROR if report.error else messages.SUCCESS
        remedy = telemetry.row().remedy if report.error else ""
        messages.add_message(request, level, f"{said} {remedy}".strip())
        self._log(request, gettext("Delivered what waited."))
        return redirect(PAGE)

    @act
    def download(self, request: HttpRequest) -> HttpResponse:
        """What waits and may leave, as a file in PostHog's batch format."""
        if self._closed(request):
            return redirect(PAGE)
        self._log(request, gettext("Downloaded what waits."))
        name = f"events-{timezone.localtime():%Y-%m-%d-%H%M}.json"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        file: Any = StreamingHttpResponse(
            batch_file(waiting()), content_type="application/json", headers=headers
        )
        return file  # type: ignore[no-any-return]  # a response, if not an HttpResponse

    @act
    def reset(self, request: HttpRequest) -> HttpResponse:
        """Ask first; then be another installation for PostHog. Persons keep their ids."""
        if request.method != "POST":
            title = gettext("Reset the fingerprint?")
            return page(self, request, "reset", {"title": title, "now": telemetry.row()})
        telemetry.reset_fingerprint()
        self._log(request, gettext("New fingerprint."))
        messages.success(request, gettext("The next ping reports under a new fingerprint."))
        return redirect(PAGE)

    def _closed(self, request: HttpRequest) -> bool:
        """Whether nothing may leave; then the page says why."""
        reason = conf.get().closed_because
        if reason:
            sentence = gettext("Nothing was sent and no connection was opened: %(reason)s.")
            messages.warning(request, sentence % {"reason": reason})
        return bool(reason)

    def _log(self, request: HttpRequest, sentence: str) -> None:
        self.log_change(request, Installation.load(), sentence)

    # --- who may what ---

    def may_act(self, request: HttpRequest) -> bool:
        """Whether somebody may do what this page offers."""
        return super().has_change_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There is one installation, which makes its row itself."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Read only."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Its row holds the secret of the persons' ids."""
        return False


def destination(now: statement.Statement) -> str:
    """Where events go: PostHog's host, or the class of another backend."""
    return now.host if now.config.BACKEND == conf.POSTHOG_BACKEND else now.config.BACKEND


def not_taken(to: str, error: str) -> str:
    """Why what was sent is still here, in a sentence."""
    if not error:
        return gettext("Another process is sending it just now: the event log will say.")
    if error.startswith("HTTP"):
        said = gettext("Not taken by %(to)s (%(error)s): what waits is kept and tried again.")
    else:
        said = gettext("Cannot reach %(to)s (%(error)s): what waits is kept and tried again.")
    return said % {"to": to, "error": error}


def waiting() -> Iterator[Outgoing]:
    """What waits, the oldest first; read in pieces, so that no statement takes long.

    Pings only where telemetry is on: delivery keeps them here otherwise, too.
    """
    last, events = 0, outbox.waiting().order_by("id")
    if conf.get().telemetry_off_because:
        events = events.exclude(pk__in=telemetry.ours(telemetry.row()).values("pk"))
    while rows := [*outbox.outgoing(events.filter(id__gt=last)[:CHUNK])]:
        yield from rows
        last = rows[-1].id
