"""Clients. Only managers see them all: a client's name tells of projects of others."""

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tracking import services
from tracking.decorators import PersonRequest, manager_required
from tracking.models import Client
from tracking.project_forms import ClientForm, FilterForm
from tracking.responses import done

PER_PAGE = 50


@require_safe
@manager_required
def clients(request: PersonRequest) -> HttpResponse:
    """The clients with the number of their projects, fifty on a page."""
    form = FilterForm(request.GET)
    active = Count("projects", filter=Q(projects__archived=False))
    found = form.narrowed(Client.objects.annotate(active=active, every=Count("projects")))
    page = Paginator(found.order_by("name"), PER_PAGE).get_page(request.GET.get("page"))
    none_at_all = not page and not form.chosen and not Client.objects.exists()
    context = {"form": form, "page": page, "new": ClientForm(), "none_at_all": none_at_all}
    return render(request, "tracking/clients.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@manager_required
def client_new(request: PersonRequest) -> HttpResponse:
    """Make a client."""
    form = ClientForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            made = services.create_client(request.user, **form.cleaned_data)
        except ValidationError as error:
            form.refuse(error)
        else:
            sentence = _("The client “%(name)s” is there.") % {"name": made.name}
            return done(request, sentence, to="clients")
    return _form(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@manager_required
def client_edit(request: PersonRequest, pk: int) -> HttpResponse:
    """Rename a client, or change its currency."""
    client = get_object_or_404(Client, pk=pk)
    initial = {"name": client.name, "currency": client.currency}
    form = ClientForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_bound and form.is_valid():
        try:
            services.update_client(pk, **form.changes())
        except ValidationError as error:
            form.refuse(error)
        else:
            return done(request, _("The client is saved."), to="clients")
    return _form(request, form, client)


@require_POST
@manager_required
def client_archive(request: PersonRequest, pk: int) -> HttpResponse:
    """Archive a client and with it its projects, or bring it back with `archived=0`."""
    get_object_or_404(Client, pk=pk)
    archived = request.POST.get("archived") != "0"
    client = services.update_client(pk, archived=archived)
    sentence = (
        _("“%(name)s” is archived: its projects take no more time, and their time stays.")
        if archived
        else _("“%(name)s” is active again.")
    )
    return done(request, sentence % {"name": client.name}, to="clients")


def _form(request: PersonRequest, form: ClientForm, client: Client | None = None) -> HttpResponse:
    context = {"form": form, "client": client}
    status = 422 if form.errors else 200
    return render(request, "tracking/client_form.html", context, status=status)
