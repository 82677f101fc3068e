"""Django's admin: what is stored of a person, erasing it, and what PostHog is still asked about."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_permission_codename, get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy as _, ngettext
from django.views.decorators.http import require_POST

from analytics import delivery, erasure, identity, stored
from analytics.admin.pages import ReadOnly, is_key
from analytics.models import Erasure, Installation, Person


@admin.register(Person)
class PersonAdmin(ReadOnly):
    """The local mirror of PostHog's persons; and for each user a page of what is stored."""

    list_display = ("distinct_id", "updated_at")
    fields = readonly_fields = ("distinct_id", "properties", "updated_at")
    search_fields = ("=distinct_id",)
    ordering = ("-updated_at",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What is to go is erased, on the page of the user: here and at PostHog."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of a user; their key is quoted as Django's admin does it."""
        ours = [
            ("of/<str:user_id>/", self.stored_view, "of_user"),
            ("of/<str:user_id>/stored.json", require_POST(self.file_view), "of_user_file"),
        ]
        wrap = self.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()
        return [
            path(route, wrap(view), name=f"analytics_person_{name}") for route, view, name in ours
        ] + urls

    def stored_view(self, request: HttpRequest, user_id: str) -> HttpResponse:
        """What is stored of a user; a POST erases it."""
        user = self._user(request, user_id)
        if request.method == "POST":
            return self._erase(request, user)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("What is stored about how %(person)s uses the site")
            % {"person": user.get_username()},
            "opts": self.opts,
            "user_opts": user._meta,
            "person": user,
            "stored": stored.of(user.pk),
            "outlook": erasure.outlook().name,
            "obstacle": erasure.obstacle(),
            "may_erase": self._may_erase(request),
        }
        return TemplateResponse(request, "admin/analytics/person/stored.html", context)

    def file_view(self, request: HttpRequest, user_id: str) -> StreamingHttpResponse:
        """All of it as a JSON document; the log says that it was taken, and not of whom."""
        user = self._user(request, user_id)
        said = gettext("Downloaded what is stored of a person.")
        self.log_change(request, Installation.load(), said)
        file = StreamingHttpResponse(stored.download(user.pk), content_type="application/json")
        file["Content-Disposition"] = 'attachment; filename="stored.json"'
        return file

    def _user(self, request: HttpRequest, user_id: str) -> Any:
        """The user with this quoted key. Raises `PermissionDenied`, `Http404`."""
        staff: Any = request.user
        meta = get_user_model()._meta
        if not (
            self.has_view_permission(request)
            and staff.has_perm(f"{meta.app_label}.{get_permission_codename('view', meta)}")
        ):
            raise PermissionDenied
        try:
            key = identity.primary_key(unquote(user_id))
        except ValidationError as error:
            raise Http404 from error
        user = get_user_model()._default_manager.filter(pk=key).first()
        if user is None:
            raise Http404
        return user

    def _may_erase(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return bool(user.has_perm("analytics.delete_person"))

    def _erase(self, request: HttpRequest, user: Any) -> HttpResponse:
        if not self._may_erase(request):
            raise PermissionDenied
        if "sure" not in request.POST:
            messages.error(request, gettext("Tick first that you are sure: it cannot be undone."))
            return HttpResponseRedirect(request.path)
        with transaction.atomic():
            left = erasure.erase(user.pk)
            # About the request, which names nobody: the user's name would stand in the log.
            self.log_change(request, left, gettext("Erased what was recorded of a person."))
        done = gettext("What was recorded of the person is deleted here, and nothing more is.")
        messages.success(request, done)
        return HttpResponseRedirect(request.path)


@admin.register(Erasure)
class ErasureAdmin(ReadOnly):
    """What PostHog is still to be asked about; deleting one says that it was done by hand."""

    list_display = ("distinct_id", "requested_at", "stage", "due_at", "attempts", "last_error")
    fields = readonly_fields = list_display
    search_fields = ("=distinct_id",)
    ordering = ("requested_at",)
    actions = ("ask_again",)

    @admin.display(description=_("stage"))
    def stage(self, request_: Erasure) -> str:
        """How far it has come, in words."""
        if request_.due_at is None:
            return gettext("refused: waits for you")
        return gettext("asked once") if request_.repeat else gettext("to be asked")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Say first why PostHog is not asked, where it is not."""
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(map(is_key, chosen)):
            return HttpResponseRedirect(request.path)
        if request.method == "GET" and erasure.outlook() is erasure.Outlook.BY_HAND:
            sentence = gettext(
                "PostHog is not asked to delete these persons: %(why)s Put that right, or delete"
                " them with their events at PostHog by hand, and then the row here."
            )
            messages.warning(request, sentence % {"why": erasure.obstacle()})
        return super().changelist_view(request, extra_context)

    @admin.action(description=_("Ask PostHog again now"), permissions=["delete"])
    def ask_again(self, request: HttpRequest, queryset: QuerySet[Erasure]) -> None:
        """Have the next delivery ask: the page does not wait for PostHog."""
        for request_ in queryset:
            self.log_change(request, request_, gettext("PostHog is asked again."))
        # As from the beginning: a repeat a day later belongs to it.
        anew = {"due_at": timezone.now(), "repeat": False, "attempts": 0, "last_error": ""}
        number = queryset.update(**anew)
        transaction.on_commit(delivery.wake, robust=True)
        done = ngettext(
            "PostHog is asked again about %(number)d person.",
            "PostHog is asked again about %(number)d persons.",
            number,
        )
        messages.success(request, done % {"number": number})
