"""Tags. Everybody makes them by typing them on an entry; managers keep them in order."""

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tracking import services
from tracking.decorators import PersonRequest, manager_required
from tracking.models import Tag
from tracking.project_forms import FilterForm, TagForm
from tracking.responses import done

PER_PAGE = 50


@require_safe
@manager_required
def tags(request: PersonRequest) -> HttpResponse:
    """The tags, fifty on a page."""
    form = FilterForm(request.GET)
    found = form.narrowed(Tag.objects.order_by("name"))
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    none_at_all = not page and not form.chosen and not Tag.objects.exists()
    context = {"form": form, "page": page, "new": TagForm(), "none_at_all": none_at_all}
    return render(request, "tracking/tags.html", context)


@require_POST
@manager_required
def tag_new(request: PersonRequest) -> HttpResponse:
    """Make a tag."""
    form = TagForm(request.POST)
    if form.is_valid():
        try:
            tag = services.create_tag(form.cleaned_data["name"])
        except ValidationError as error:
            form.refuse(error)
        else:
            return done(request, _("The tag “%(name)s” is there.") % {"name": tag.name}, to="tags")
    return _form(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@manager_required
def tag_edit(request: PersonRequest, pk: int) -> HttpResponse:
    """Rename a tag (`name`), archive it or bring it back (`archived`, 1 or 0)."""
    tag = get_object_or_404(Tag, pk=pk)
    if request.method != "POST":
        return _form(request, TagForm(initial={"name": tag.name}), tag)
    form = TagForm({"name": request.POST.get("name", tag.name)})
    archived = {"1": True, "0": False}.get(request.POST.get("archived", ""))
    if form.is_valid():
        try:
            tag = services.update_tag(pk, name=form.cleaned_data["name"], archived=archived)
        except ValidationError as error:
            form.refuse(error)
        else:
            return done(request, _said(tag, archived), to="tags")
    return _form(request, form, tag)


def _said(tag: Tag, archived: bool | None) -> str:
    sentences = {
        None: _("The tag “%(name)s” is saved."),
        True: _("“%(name)s” is archived: entries keep it, new ones cannot take it."),
        False: _("“%(name)s” is active again."),
    }
    return sentences[archived] % {"name": tag.name}


def _form(request: PersonRequest, form: TagForm, tag: Tag | None = None) -> HttpResponse:
    status = 422 if form.errors else 200
    return render(request, "tracking/tag_form.html", {"form": form, "tag": tag}, status=status)
