"""Projects with their budgets and tasks. Everybody sees theirs, managers change them.

Budgets, rates and everybody's time are for managers; others see their own time. From what is spent
of a budget one could tell both what others worked and what an hour of it costs.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet, Sum
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render, resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tracking import services
from tracking.budgets import Budget, Spent, budget_of, spent_on
from tracking.decorators import PersonRequest, manager_required, person_required
from tracking.models import Project, Task, TimeEntry
from tracking.money import money_of
from tracking.people import Person, manages
from tracking.project_forms import ProjectFilterForm, ProjectForm, TaskForm, name_of
from tracking.responses import done

PER_PAGE = 50
NEW, DONE = "new", "done"  # where the focus goes among the tasks, if not to one of them


@dataclass(frozen=True)
class Row:
    """A project of the list."""

    project: Project
    spent: Spent
    budget: Budget | None


@require_safe
@person_required
def projects(request: PersonRequest) -> HttpResponse:
    """The person's projects with what was spent on them, fifty on a page."""
    mine = Project.objects.visible_to(request.user)
    form = ProjectFilterForm(request.GET, request.user)
    found = form.narrowed(mine.by_client()).select_related("client")
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    rows = _rows(request.user, page)
    context = {
        "form": form,
        "page": page,
        "rows": rows,
        # Of several pages only those of this one are read: the sum of a part would mislead.
        "total": None if page.has_other_pages() else sum((row.spent for row in rows), Spent()),
        "none_at_all": not rows and not form.chosen and not mine.exists(),
        "manages": manages(request.user),
    }
    return render(request, "tracking/projects.html", context)


def _rows(user: Person, page: Page) -> list[Row]:
    shown = list(page)
    spent = spent_on([project.pk for project in shown], seen_by=user)
    return [
        Row(project, spent[project.pk], _budget(user, project, spent[project.pk]))
        for project in shown
    ]


def _budget(user: Person, project: Project, spent: Spent) -> Budget | None:
    return budget_of(project, spent) if manages(user) else None


@require_safe
@person_required
def project(request: PersonRequest, pk: int) -> HttpResponse:
    """What was spent on a project, its tasks and its people."""
    return _detail(request, _visible(request, pk))


@require_http_methods(["GET", "HEAD", "POST"])
@manager_required
def project_new(request: PersonRequest) -> HttpResponse:
    """Make a project, and a client with it if need be."""
    form = ProjectForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            made = services.create_project(request.user, **form.given())
        except ValidationError as error:
            form.refuse(error)
        else:
            sentence = _("The project “%(name)s” is there.") % {"name": made.name}
            return done(request, sentence, to=resolve_url("project", made.pk))
    return _form(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@manager_required
def project_edit(request: PersonRequest, pk: int) -> HttpResponse:
    """Change a project."""
    found = _visible(request, pk)
    form = ProjectForm(request.POST if request.method == "POST" else None, project=found)
    seen = request.POST.get("seen") or services.fingerprint(found)
    if form.is_bound and form.is_valid():
        try:
            services.update_project(request.user, pk, **form.given(), seen=seen)
        except ValidationError as error:
            form.refuse(error)
            if isinstance(error, services.ChangedElsewhereError):
                seen = services.fingerprint(found)  # who saves again knows of it
        else:
            return done(request, _("The project is saved."), to=resolve_url("project", pk))
    return _form(request, form, project=found, seen=seen)


@require_POST
@manager_required
def project_archive(request: PersonRequest, pk: int) -> HttpResponse:
    """Archive a project, or bring it back with `archived=0`."""
    archived = request.POST.get("archived") != "0"
    _visible(request, pk)
    changed = services.update_project(request.user, pk, services.ProjectFields(archived=archived))
    if archived:
        sentence = _("“%(name)s” is archived: it takes no more time, and its time stays.")
    elif changed.active:
        sentence = _("“%(name)s” is active again.")
    else:
        sentence = _("“%(name)s” is restored. It takes time once its client is restored, too.")
    return done(request, sentence % {"name": changed.name}, to=resolve_url("project", pk))


@require_POST
@manager_required
def task_new(request: PersonRequest, pk: int) -> HttpResponse:
    """Add a task to a project."""
    found, form = _visible(request, pk), TaskForm(request.POST)
    if form.is_valid():
        try:
            services.create_task(request.user, found, form.cleaned_data["name"])
        except ValidationError as error:
            form.refuse(error)
        else:
            return _tasks_changed(request, found, _("The task is added."), focus=NEW)
    return _tasks(request, found, form=form)


@require_POST
@manager_required
def task_edit(request: PersonRequest, pk: int) -> HttpResponse:
    """Rename a task (`name`), mark it as done or open it again (`done`, 1 or 0)."""
    task = get_object_or_404(Task.objects.select_related("project__client"), pk=pk)
    form = TaskForm({"name": request.POST.get("name", task.name)})
    done = {"1": True, "0": False}.get(request.POST.get("done", ""))
    if form.is_valid():
        try:
            services.update_task(request.user, pk, name=form.cleaned_data["name"], done=done)
        except ValidationError as error:
            form.refuse(error)
        else:
            focus = _after(task) if done else None
            return _tasks_changed(request, task.project, _("The task is saved."), focus=focus)
    return _tasks(request, task.project, wrong={task.pk: form})


# --- parts -------------------------------------------------------------------------------------


def _visible(request: PersonRequest, pk: int) -> Project:
    mine = Project.objects.visible_to(request.user).select_related("client")
    return get_object_or_404(mine, pk=pk)


def _form(request: PersonRequest, form: ProjectForm, **context: Any) -> HttpResponse:
    status = 422 if form.errors else 200
    return render(request, "tracking/project_form.html", {"form": form} | context, status=status)


@dataclass(frozen=True)
class TaskRow:
    """A task of a project's page, with the time spent on it and the form that renames it."""

    task: Task
    time: timedelta
    form: TaskForm


@dataclass(frozen=True)
class PersonRow:
    """Somebody on a project's page."""

    person: Any
    name: str
    time: timedelta
    member: bool


Sums = list[tuple[int | None, Any, timedelta]]


def _sums(user: Person, project: Project) -> Sums:
    """The time of each task and person; in the one place that reads the project's rows."""
    mine = TimeEntry.objects.visible_to(user)
    entries = mine.filter(project=project, seconds__isnull=False)
    sums = entries.order_by().values_list("task", "user").annotate(Sum("seconds"))
    return [(task, user, timedelta(seconds=seconds)) for task, user, seconds in sums]


def _detail(request: PersonRequest, project: Project, **context: Any) -> HttpResponse:
    spent = spent_on([project.pk], seen_by=request.user)[project.pk]
    sums = _sums(request.user, project)
    context = {
        "project": project,
        "spent": spent,
        "budget": _budget(request.user, project, spent),
        "manages": manages(request.user),
        "worth": money_of(spent.cents, project.currency) if spent.cents else "",
        "people": _people(project, sums, everybody=manages(request.user)),
        "restricted": project.members.exists(),
        **_task_context(project, sums, **context),
    }
    form = context["form"]
    status = 422 if form.errors or any(row.form.errors for row in context["tasks"]) else 200
    return render(request, "tracking/project_detail.html", context, status=status)


def _people(project: Project, sums: Sums, *, everybody: bool) -> list[PersonRow]:
    """The members, and with `everybody` all who spent time on it; most time first."""
    times: dict[Any, timedelta] = {}
    for _task, user, time in sums:
        times[user] = times.get(user, timedelta()) + time
    members = set(project.members.values_list("pk", flat=True))
    shown = members | times.keys() if everybody else members
    fields = ("username", "first_name", "last_name", "is_active")
    found: QuerySet[Any] = get_user_model()._default_manager.filter(pk__in=shown).only(*fields)
    rows = [
        PersonRow(person, name_of(person), times.get(person.pk, timedelta()), person.pk in members)
        for person in found
    ]
    return sorted(rows, key=lambda row: (-row.time, row.name.casefold()))


def _task_context(
    project: Project,
    sums: Sums,
    *,
    form: TaskForm | None = None,
    wrong: dict[int, TaskForm] | None = None,
    focus: int | str | None = None,
) -> dict[str, Any]:
    times: dict[int | None, timedelta] = {}
    for task, _user, time in sums:
        times[task] = times.get(task, timedelta()) + time
    rows = [
        TaskRow(
            task,
            times.get(task.pk, timedelta()),
            (wrong or {}).get(task.pk) or TaskForm(initial={"name": task.name}),
        )
        for task in project.tasks.all()
    ]
    return {
        "tasks": rows,
        "open_tasks": [row for row in rows if not row.task.done],
        "done_tasks": [row for row in rows if row.task.done],
        "form": form or TaskForm(),
        "focus": focus,
    }


def _after(task: Task) -> int | str:
    """Where to go on from a task that is done now: at the next one, else where it has gone."""
    later = task.project.tasks.filter(done=False, name__gt=task.name)
    return later.values_list("pk", flat=True).first() or DONE


def _tasks_changed(
    request: PersonRequest, project: Project, sentence: str, *, focus: int | str | None
) -> HttpResponse:
    """The tasks anew for htmx, with the focus where the next action is; else the page."""
    if request.htmx:
        return _tasks(request, project, focus=focus)
    return done(request, sentence, to=resolve_url("project", project.pk))


def _tasks(request: PersonRequest, project: Project, **context: Any) -> HttpResponse:
    """The part of a project's page that holds the tasks; all of it without htmx."""
    if not request.htmx:
        return _detail(request, project, **context)
    found: dict[str, Any] = {"project": project, "manages": True}
    found |= _task_context(project, _sums(request.user, project), **context)
    wrong = found["form"].errors or any(row.form.errors for row in found["tasks"])
    return render(request, "tracking/project_tasks.html", found, status=422 if wrong else 200)
