"""Imports: choose a file, see what it will make, import it."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tracking.decorators import PersonRequest, person_required
from tracking.import_forms import ImportForm, too_large
from tracking.importing.files import MOST_BYTES, length_of
from tracking.models import Import
from tracking.responses import say
from tracking.services import imports as services
from tracking.services.rules import ChangedElsewhereError

BESIDE_THE_FILE = 64 * 1024  # bytes of a form with a file
SAMPLE = 8  # lines that the preview shows
LATEST = 10  # imports that the page lists


@csrf_exempt  # not before its size is known: to look for the token is to read the whole form
@person_required
def imports(request: PersonRequest) -> HttpResponse:
    """The form, and one's own imports."""
    if request.method == "POST" and length_of(request) > MOST_BYTES + BESIDE_THE_FILE:
        return _refused(request, too_large(length_of(request) - BESIDE_THE_FILE))
    return _imports(request)


imports.judges_length = True  # type: ignore[attr-defined]  # read by the site's BodyMiddleware


@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def _imports(request: Any) -> HttpResponse:
    if request.method != "POST":
        services.clear()
        return _page(request, ImportForm(request.user))
    form = ImportForm(request.user, request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form, 422)
    file, zone = form.cleaned_data["file"], form.cleaned_data["time_zone"]
    try:
        made = services.read(request.user, file.file, file.name, zone)
    except ValidationError as error:
        form.add_error("file", error)
        return _page(request, form, 422)
    return redirect("import", made.pk)


@require_safe
@person_required
def one_import(request: PersonRequest, pk: UUID) -> HttpResponse:
    """An import: how far its check is, what it will make, or what it has made."""
    return render(request, "tracking/import.html", _about(_own(request, pk)))


@require_POST
@person_required
def import_days(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Say whether the month stands first in its dates."""
    made = _own(request, pk)
    order = request.POST.get("order", "")
    if order not in ("day", "month"):
        context = {**_about(made), "error": _("Choose which day is meant.")}
        return render(request, "tracking/import.html", context, status=422)
    services.decide(request.user, pk, month_first=order == "month")
    return redirect("import", pk)


@require_POST
@person_required
def import_check(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Check some lines more; htmx gets how far it is, or the preview."""
    _do(lambda: services.check_next(request.user, pk))
    if not request.htmx:
        return redirect("import", pk)
    return render(request, "tracking/import_state.html", _about(_own(request, pk)))


@require_POST
@person_required
def import_apply(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Import all of it."""
    try:
        _do(lambda: services.apply(request.user, pk))
    except ChangedElsewhereError as error:
        context = {**_about(_own(request, pk)), "error": " ".join(error.messages)}
        return render(request, "tracking/import.html", context, status=422)
    return redirect("import", pk)


@require_POST
@person_required
def import_discard(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Throw an import away that is not done."""
    _do(lambda: services.discard(request.user, pk))
    say(request, _("Nothing was imported."))
    return redirect("imports")


# --- parts -------------------------------------------------------------------------------------


def _own(request: PersonRequest, pk: UUID) -> Import:
    own = Import.objects.filter(user_id=request.user.pk)
    return get_object_or_404(own.exclude(state=Import.State.READING), pk=pk)


def _do(act: Callable[[], object]) -> None:
    try:
        act()
    except Import.DoesNotExist:
        raise Http404 from None


def _refused(request: PersonRequest, error: ValidationError) -> HttpResponse:
    """413: the page without what was sent, which is not read."""
    form = ImportForm(request.user, {"time_zone": request.user.time_zone}, {})
    form.errors.clear()
    form.add_error("file", error)
    return _page(request, form, 413)


def _page(request: PersonRequest, form: ImportForm, status: int = 200) -> HttpResponse:
    own = Import.objects.filter(user_id=request.user.pk).exclude(state=Import.State.READING)
    context = {"form": form, "imports": own[:LATEST], "most_bytes": MOST_BYTES}
    return render(request, "tracking/imports.html", context, status=status)


def _about(made: Import) -> dict[str, Any]:
    """What the page of an import shows."""
    result, notes = made.result, made.notes
    return {
        "made": made,
        "checked": services.progress(made) if made.state == Import.State.CHECKING else made.lines,
        "windows": notes["encoding"] == "cp1252",
        "ready": made.state == Import.State.CHECKED and not result["wrong"] and result["entries"],
        "errors": [(_lines(ranges), sentence) for sentence, ranges in result.get("errors", [])],
        "new": [kind for kind in _new(result.get("new", {})) if kind["count"]],
        "people": _people(result.get("people", {}), made),
        "spent": timedelta(seconds=result.get("seconds", 0)),
        "first": _day(result.get("first")),
        "last": _day(result.get("last")),
        "sample": list(_sample(made)),
        "dates": list(_dates(made)),
    }


def _new(new: dict[str, Any]) -> Iterator[dict[str, Any]]:
    words = {
        "clients": ngettext("%d new client", "%d new clients", _count(new, "clients")),
        "projects": ngettext("%d new project", "%d new projects", _count(new, "projects")),
        "tasks": ngettext("%d new task", "%d new tasks", _count(new, "tasks")),
        "tags": ngettext("%d new tag", "%d new tags", _count(new, "tags")),
    }
    for kind, words_of in words.items():
        count = _count(new, kind)
        names = new.get(kind, {}).get("names", [])
        yield {
            "count": count,
            "words": words_of % count,
            "names": names,
            "more": count - len(names),
        }


def _count(new: dict[str, Any], kind: str) -> int:
    return int(new.get(kind, {}).get("count", 0))


def _people(entries: dict[str, int], made: Import) -> list[tuple[str, int]]:
    """The names of others for whom entries are made, with how many."""
    if set(entries) <= {str(made.user_id)}:
        return []
    people = get_user_model()._default_manager.filter(pk__in=list(entries))
    named = [(person.get_full_name() or person.get_username(), person) for person in people]
    return sorted((name, entries[str(person.pk)]) for name, person in named)


def _lines(ranges: list[list[int]]) -> str:
    """The numbers of lines as people write them: 2, 5–9 and more."""
    shown = [str(first) if first == last else f"{first}–{last}" for first, last in ranges]
    more = "" if len(shown) <= services.RANGES else " …"
    return ", ".join(shown[: services.RANGES]) + more


def _day(seconds: float | None) -> date | None:
    return None if seconds is None else timezone.localdate(datetime.fromtimestamp(seconds, UTC))


def _sample(made: Import) -> Iterator[dict[str, Any]]:
    """The first lines as the entries that they will be."""
    if made.state != Import.State.CHECKED:
        return
    for kept in services.first_lines(made, SAMPLE):
        start, end = (datetime.fromtimestamp(at, UTC) for at in (kept.start, kept.end))
        yield {"kept": kept, "start": start, "end": end, "duration": end - start}


def _dates(made: Import) -> Iterator[dict[str, Any]]:
    """For the question which of day and month stands first: a date, and both of its meanings."""
    if made.state == Import.State.ASKING:
        text, day, month = services.undecided_date(made)
        yield {"text": text, "order": "day", "day": day}
        yield {"text": text, "order": "month", "day": month}
