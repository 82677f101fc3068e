"""Entries: the list, and what people do with one or several of them."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render, resolve_url
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from tracking import services
from tracking.decorators import PersonRequest, here, person_required
from tracking.entry_forms import AddForm, BulkForm, EntryForm, SplitForm, focus_first
from tracking.forms import has_seen
from tracking.listing import Listing, listing_of
from tracking.models import TimeEntry
from tracking.offers import Offer, offer_of
from tracking.once import first_time, forget_first_time
from tracking.people import administers, manages
from tracking.responses import done, is_here

AnyForm = AddForm | EntryForm | SplitForm | BulkForm
ONCE_FOR = 60 * 60  # seconds in which a form that is sent again is taken for the same


@require_safe
@vary_on_headers("HX-Request")
@person_required
def entries(request: PersonRequest) -> HttpResponse:
    """Somebody's entries by day: their own, or of `?person=` for managers."""
    if request.htmx:
        return render(request, "tracking/entries_list.html", _list(request))
    return _page(request)


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@person_required
def entry_new(request: PersonRequest) -> HttpResponse:
    """Enter time by hand; `?day=` and `?time=` fill the form."""
    if request.method != "POST":
        given = {name: request.GET[name] for name in ("day", "time") if name in request.GET}
        form = AddForm(request.user, initial=given)
        focus_first(form)
        return _page(request, add=form, add_open=True)
    form = AddForm(request.user, request.POST)
    if not form.is_valid():
        return _add_again(request, form)
    if not first_time(request, ONCE_FOR):
        return done(request, _("This entry was added already."), to="entries")
    try:
        _work(form, lambda work: services.create_entry(request.user, **work))
    except ValidationError as error:
        forget_first_time(request)
        _tell(form, error)
        return _add_again(request, form)
    return done(request, _("Entry added."), to="entries")


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@person_required
def entry_edit(request: PersonRequest, pk: int) -> HttpResponse:
    """Change a finished entry: in its row with htmx, else on a page of its own."""
    try:
        entry = _changeable(request, pk)
    except Http404:
        if request.method != "POST":
            raise
        return _gone(request)
    form = EntryForm(request.user, request.POST or None, entry=entry)

    def save() -> None:
        version = form.cleaned_data.pop("version")
        _work(form, lambda work: services.update_entry(request.user, pk, version, **work))

    return _save(request, "form", form, save, _("Entry saved."))


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@person_required
def entry_split(request: PersonRequest, pk: int) -> HttpResponse:
    """Cut an entry in two at a time within it."""
    entry = _changeable(request, pk)
    form = SplitForm(request.user, request.POST or None, entry=entry)

    def save() -> None:
        told = form.cleaned_data
        services.split_entry(request.user, pk, told["version"], told["at"])

    return _save(request, "split", form, save, _("Entry split in two."))


@require_POST
@person_required
def entry_duplicate(request: PersonRequest, pk: int) -> HttpResponse:
    """Make another entry of the same work and times."""
    try:
        services.duplicate_entry(request.user, pk)
    except TimeEntry.DoesNotExist:
        raise Http404 from None
    except ValidationError as error:
        return done(request, " ".join(error.messages), to="entries")
    return done(request, _("Entry duplicated."), to="entries")


@require_POST
@person_required
def entry_delete(request: PersonRequest, pk: int) -> HttpResponse:
    """Delete a finished entry; it can be undone."""
    try:
        deletion = services.delete_entries(request.user, [pk])
    except ValidationError as error:
        return done(request, " ".join(error.messages), to="entries")
    if deletion is None:
        raise Http404
    return done(request, _("Entry deleted."), undo=deletion, to="entries")


@require_POST
@person_required
def entries_change(request: PersonRequest) -> HttpResponse:
    """Move, tag, mark as billable or delete several entries."""
    form = BulkForm(request.user, request.POST)
    change = CHANGES.get(request.POST.get("action", ""))
    keys = [int(key) for key in request.POST.getlist("entry") if _is_key(key)]
    if change is None:
        form.add_error(None, _("Choose what should become of the entries."))
    elif not keys:
        form.add_error(None, _("Select at least one entry."))
    if not form.is_valid():
        return _bulk_again(request, form)
    assert change is not None
    try:
        return change(request, keys, form)
    except ValidationError as error:
        _tell(form, error)
        return _bulk_again(request, form)


# --- what becomes of several ---------------------------------------------------------------------


Change = Callable[[PersonRequest, list[int], BulkForm], HttpResponse]  # raises `ValidationError`


def _move(request: PersonRequest, keys: list[int], form: BulkForm) -> HttpResponse:
    project, task = form.cleaned_data["project"], form.cleaned_data["task"]
    count = services.change_entries(request.user, keys, action="move", project=project, task=task)
    return _changed(
        request, count, ngettext("%(count)d entry moved.", "%(count)d entries moved.", count)
    )


def _tag(request: PersonRequest, keys: list[int], form: BulkForm) -> HttpResponse:
    if not form.cleaned_data["tags"]:
        raise ValidationError({"tags": _("Write at least one tag.")})
    with transaction.atomic():
        tags = services.tags_named(form.cleaned_data["tags"])
        count = services.change_entries(request.user, keys, action="tag", tags=tags)
    return _changed(
        request, count, ngettext("%(count)d entry tagged.", "%(count)d entries tagged.", count)
    )


def _billable(request: PersonRequest, keys: list[int], form: BulkForm) -> HttpResponse:
    billable = request.POST["action"] == "billable"
    count = services.change_entries(request.user, keys, action="billable", billable=billable)
    if billable:
        sentence = ngettext(
            "%(count)d entry is billable now.", "%(count)d entries are billable now.", count
        )
    else:
        sentence = ngettext(
            "%(count)d entry is not billable now.", "%(count)d entries are not billable now.", count
        )
    return _changed(request, count, sentence)


def _delete(request: PersonRequest, keys: list[int], form: BulkForm) -> HttpResponse:
    deletion = services.delete_entries(request.user, keys)
    count = len(deletion.entries) if deletion else 0
    sentence = ngettext("%(count)d entry deleted.", "%(count)d entries deleted.", count)
    if deletion is None:
        return _changed(request, 0, sentence)
    return done(request, sentence % {"count": count}, undo=deletion, to="entries")


def _changed(request: PersonRequest, count: int, sentence: str) -> HttpResponse:
    if not count:
        raise ValidationError(_("These entries are not there any more. Nothing was changed."))
    return done(request, sentence % {"count": count}, to="entries")


CHANGES: dict[str, Change] = {
    "move": _move,
    "tag": _tag,
    "billable": _billable,
    "not-billable": _billable,
    "delete": _delete,
}


# --- parts -------------------------------------------------------------------------------------


def _page(request: PersonRequest, status: int = 200, **context: Any) -> HttpResponse:
    """The whole page, with forms as they were sent if there are any."""
    offer = offer_of(request.user)  # which the forms have in common, with the timer bar
    add = context.get("add") or AddForm(request.user, offer=offer)
    shown = {**_list(request, offer), "offer": offer, "add": add, **context}
    if shown["may_change"]:
        shown["bulk"] = context.get("bulk") or BulkForm(request.user, offer=offer)
    return render(request, "tracking/entries.html", shown, status=status)


def _list(request: PersonRequest, offer: Offer | None = None) -> dict[str, Any]:
    """What the list shows: at its own address, or at that from which a form was sent."""
    here = request.get_full_path()
    if request.path != resolve_url("entries"):
        here = _back(request)
    if urlsplit(here).path != resolve_url("entries"):
        here = resolve_url("entries")
    query = QueryDict(urlsplit(here).query)
    listing = _listing(request, query, offer)
    own = listing.person.pk == request.user.pk
    may_change = own or administers(request.user)
    return {
        "listing": listing,
        "query": query,
        "here": here,
        "own": own,
        "may_change": may_change,
        "selected": set(),
    }


def _listing(request: PersonRequest, query: QueryDict, offer: Offer | None) -> Listing:
    wanted = query.get("person", "")
    person = _person(wanted) if wanted and wanted != str(request.user.pk) else request.user
    if person.pk != request.user.pk and not manages(request.user):
        raise Http404
    return listing_of(request.user, person, query, offer=offer)


def _person(key: str) -> Any:
    try:
        return get_object_or_404(get_user_model(), pk=UUID(key))
    except ValueError:
        raise Http404 from None


def _back(request: PersonRequest) -> str:
    """The page of this site on which the person is, or to which the form leads back."""
    wished = here(request) or request.POST.get("next", "") or request.GET.get("next", "")
    return wished if is_here(wished) else resolve_url("entries")


def _changeable(request: PersonRequest, pk: int) -> TimeEntry:
    """A finished entry that is the person's to change; else 404."""
    entries = TimeEntry.objects.changeable_by(request.user).filter(ended_at__isnull=False)
    return get_object_or_404(entries.shown().select_related("user"), pk=pk)


def _save(
    request: PersonRequest,
    name: str,
    form: EntryForm | SplitForm,
    save: Callable[[], None],
    sentence: str,
) -> HttpResponse:
    """The form; or, sent and saved, what is said of it; or why it was refused."""
    if request.method != "POST" or not form.is_valid():
        return _form(request, name, form)
    try:
        save()
    except TimeEntry.DoesNotExist:  # deleted at this very moment
        if isinstance(form, EntryForm):
            return _gone(request)
        raise Http404 from None
    except services.ChangedElsewhereError as error:
        return _changed_elsewhere(request, form, error)
    except ValidationError as error:
        _tell(form, error)
        return _form(request, name, form)
    return done(request, sentence, to="entries")


def _work(form: AddForm | EntryForm, act: Callable[[dict[str, Any]], TimeEntry]) -> TimeEntry:
    """Do something with what a valid form says; tags that it made go where it is refused."""
    work = dict(form.cleaned_data)
    with transaction.atomic():
        work["tags"] = services.tags_named(work["tags"], getattr(form, "entry", None))
        return act(work)


def _tell(form: AnyForm, error: ValidationError) -> None:
    """Say an error of the services beside its field, or above the form if it is of none."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for name, errors in error.error_dict.items():
        field = form.answers.get(name, name)
        form.add_error(field if field in form.fields else None, ValidationError(errors))


def _form(
    request: PersonRequest, name: str, form: EntryForm | SplitForm, **more: Any
) -> HttpResponse:
    """A form in its row for htmx, or on a page; 422 where it has errors."""
    if form.errors:
        focus_first(form)
    context = {"form": form, "entry": form.entry, "next": _back(request), "kind": name, **more}
    template = f"tracking/entry_{name}.html" if request.htmx else "tracking/entry_page.html"
    return render(request, template, context, status=422 if form.errors else 200)


def _changed_elsewhere(
    request: PersonRequest, form: EntryForm | SplitForm, error: ValidationError
) -> HttpResponse:
    """What was typed stays, beside what the entry says now; sent again, it is meant so."""
    now = _changeable(request, form.entry.pk)
    _tell(form, error)
    has_seen(form, now.version)
    return _form(request, "form" if isinstance(form, EntryForm) else "split", form, now=now)


def _gone(request: PersonRequest) -> HttpResponse:
    """The entry was deleted meanwhile: what was typed stands in its form, or where one is added."""
    if request.htmx:
        return HttpResponse(_("This entry is not there any more."), "text/plain", status=404)
    sent = request.POST.copy()
    sent["time"] = f"{sent.get('start', '')}–{sent.get('end', '')}"
    form = AddForm(request.user, sent)
    form.add_error(
        None, _("This entry is not there any more. What you typed stands here: add it anew.")
    )
    return _page(request, 404, add=form, add_open=True)


def _add_again(request: PersonRequest, form: AddForm) -> HttpResponse:
    focus_first(form)
    if request.htmx:
        context = {"add": form, "add_open": True, "next": _back(request)}
        return render(request, "tracking/entries_add.html", context, status=422)
    return _page(request, 422, add=form, add_open=True)


def _bulk_again(request: PersonRequest, form: BulkForm) -> HttpResponse:
    keys = {int(key) for key in request.POST.getlist("entry") if _is_key(key)}
    if request.htmx:
        context = {"bulk": form, "next": _back(request)}
        return render(request, "tracking/entries_bulk.html", context, status=422)
    return _page(request, 422, bulk=form, selected=keys)


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19  # no database has longer ones
