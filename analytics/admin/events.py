"""Django's admin: the log of events. A rejected one is retried, any deleted; the rest is read."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy as _, ngettext
from django.views.decorators.http import require_POST

from analytics import catalogue, conf, eventlog, identity, outbox, privacy, telemetry
from analytics.admin.pages import is_key, page
from analytics.admin.payloads import payload
from analytics.eventlog import Asked
from analytics.insights import rollups
from analytics.models import Event, State

LOG = "admin:analytics_event_changelist"
PROTOCOL = ("$set", "$groupidentify")  # names beside those that are declared
SHARED: dict[str, Any] = {"required": False, "max_length": 200}
DAYS = [MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(9998, 12, 31))]
ANY_ID: dict[str, Any] = {
    "required": False,
    "min_value": 0,
    "max_value": 2**63 - 2,
    "widget": forms.HiddenInput,
}


def day_field(label: Any) -> forms.DateField:
    """A day that computes in every time zone."""
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, validators=DAYS, widget=widget)


class SearchForm(forms.Form):
    """What is looked for, and where the page begins."""

    event = forms.CharField(label=_("event"), **SHARED)
    person = forms.CharField(label=_("person (whole id)"), **SHARED)
    state = forms.ChoiceField(label=_("state"), required=False)
    since = day_field(_("from"))
    until = day_field(_("to"))
    before = forms.IntegerField(**ANY_ID)
    after = forms.IntegerField(**ANY_ID)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        state: Any = self.fields["state"]
        state.choices = [("", _("all")), *State.choices]
        self.fields["event"].widget.attrs["list"] = "event-names"

    @property
    def asked(self) -> Asked:
        """What a valid form looks for; days are those of the time zone in hand."""
        given = self.cleaned_data
        until = given["until"] + timedelta(days=1) if given["until"] else None
        return Asked(
            given["event"],
            given["person"],
            given["state"],
            midnight(given["since"]),
            midnight(until),
        )

    @property
    def query(self) -> dict[str, str]:
        """What is looked for as an address holds it, without the page."""
        names = ("event", "person", "state", "since", "until")
        return {name: self.data[name] for name in names if self.data.get(name)}


def midnight(day: date | None) -> datetime | None:
    """When a day begins in the time zone in hand."""
    return timezone.make_aware(datetime.combine(day, time())) if day else None


@admin.register(Event)
class EventAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # takes none at run time
    """The log, newest first."""

    def get_urls(self) -> list[URLPattern]:
        """The retry, before the pages that every model has."""
        view = self.admin_site.admin_view(require_POST(self.retry_view))
        retry = path("<int:event_id>/retry/", view, name="analytics_event_retry")
        return [retry, *super().get_urls()]

    # --- the list ---

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A page of the log; or what is done to the events that are marked on it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._act(request)
        form = SearchForm(request.GET)
        found = eventlog.Page([])
        if form.is_valid():
            given = form.cleaned_data
            found = eventlog.page(form.asked, before=given["before"], after=given["after"])
        others = no_persons()
        context = {
            "title": gettext("Event log"),
            "form": form,
            "page": found,
            "rows": [(event, others.get(event.distinct_id, "")) for event in found.rows],
            "names": sorted({*catalogue.events, *PROTOCOL}),
            "links": links(form, found),
            "searched": bool(form.query),
            "here": request.GET.urlencode(),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "may_retry": self.may_retry(request),
            "may_delete": self.has_delete_permission(request),
        }
        return page(self, request, "log", {**context, **(extra_context or {})})

    def _act(self, request: HttpRequest) -> HttpResponse:
        """Retry or delete the events that are marked; to delete asks first."""
        marked = [int(key) for key in request.POST.getlist(ACTION_CHECKBOX_NAME) if is_key(key)]
        events = Event.objects.filter(pk__in=marked[: 2 * eventlog.SIZE])
        action = request.POST.get("action")
        if not marked:
            messages.warning(request, gettext("Mark the events that something is to be done to."))
        elif action == "retry":
            self._retry(request, events)
        elif action == "delete_selected":
            if not self.has_delete_permission(request):
                raise PermissionDenied
            asking = delete_selected(self, request, events)
            if asking is not None:
                return cast(HttpResponse, asking)
        else:
            messages.warning(request, gettext("Choose what is to be done: retry, or delete."))
        return self._back(request)

    def _back(self, request: HttpRequest) -> HttpResponseRedirect:
        """To the page of the log from which the form came."""
        query = request.META.get("QUERY_STRING", "")
        return redirect(f"{reverse(LOG)}?{query}" if query else reverse(LOG))

    # --- one event ---

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """An event, and what of it leaves."""
        if request.method == "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        event = self.get_object(request, unquote(object_id))
        if event is None:
            messages.warning(request, gettext("That event is not in the log (any more)."))
            return redirect(LOG)
        (outgoing,) = outbox.outgoing(Event.objects.filter(pk=event.pk))
        context = {
            "title": event.event,
            "event": event,
            "whose": no_persons().get(event.distinct_id, ""),
            "payload": payload(outgoing),
            "may_retry": self.may_retry(request) and event.state == State.REJECTED,
            "may_delete": self.has_delete_permission(request),
        }
        return page(self, request, "event", context)

    def retry_view(self, request: HttpRequest, event_id: int) -> HttpResponse:
        """Have one rejected event wait again."""
        self._retry(request, Event.objects.filter(pk=event_id))
        return redirect("admin:analytics_event_change", event_id)

    def _retry(self, request: HttpRequest, events: QuerySet[Event]) -> None:
        """Have rejected events wait again; says what was done, and why not with the others."""
        if not self.may_retry(request):
            raise PermissionDenied
        if reason := conf.get().closed_because:
            sentence = gettext("Nothing may leave (%(reason)s): retry it once it may.")
            messages.warning(request, sentence % {"reason": reason})
            return
        rejected = events.filter(state=State.REJECTED)
        if conf.get().telemetry_off_because:  # a ping would be kept here again at once
            rejected = rejected.exclude(event__in=telemetry.PINGS)
        silent = privacy.objectors({event.distinct_id for event in rejected})
        again = [event for event in rejected if event.distinct_id not in silent]
        number = outbox.retry(Event.objects.filter(pk__in=[event.pk for event in again]))
        for event in again:
            self.log_change(request, event, gettext("Retried."))
        if number:
            said = ngettext("%(count)d event waits again.", "%(count)d events wait again.", number)
            messages.success(request, said % {"count": number})
        else:
            messages.warning(request, gettext("Only what was rejected can be retried."))
        if silent:
            messages.warning(request, gettext("What is of people who opted out since stays here."))

    # --- shared ---

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        """Back to the log, which nobody changes: Django would lead past it."""
        messages.success(request, gettext("The event is deleted."))
        return redirect(LOG)

    def delete_model(self, request: HttpRequest, obj: Event) -> None:
        """Delete it as if it had never been: insights count it no more."""
        self.delete_queryset(request, Event.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> None:
        """Delete them as if they had never been: insights count them no more."""
        with transaction.atomic():
            rollups.withdraw(queryset)
            super().delete_queryset(request, queryset)

    def may_retry(self, request: HttpRequest) -> bool:
        """Whether somebody may have a rejected event wait again."""
        return super().has_change_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Events are recorded, not written."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Read only."""
        return False


def no_persons() -> dict[str, str]:
    """The ids that are no person's, and whose they are in words."""
    found = {identity.NOBODY: gettext("nobody in particular")}
    installation = telemetry.row()
    if installation.salt:
        found[installation.fingerprint] = gettext("this installation")
    return found


def links(form: SearchForm, page: eventlog.Page) -> dict[str, str]:
    """The addresses of the pages around this one; empty where there is none."""
    there: dict[str, dict[str, int]] = {}
    if page.newer is not None:
        there |= {"newest": {}, "newer": {"after": page.newer}}
    if page.older is not None:
        there |= {"older": {"before": page.older}, "oldest": {"after": 0}}
    return {name: f"?{urlencode({**form.query, **place})}" for name, place in there.items()}
