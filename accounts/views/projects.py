"""The projects page and what is done from it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import WorkspaceRequest, workspace_page
from accounts.errors import Refused
from accounts.forms import ProjectForm
from accounts.roles import Permission
from accounts.selectors.workspaces import projects_of
from accounts.services.projects import project_archive, project_create, project_rename, project_restore


@require_GET
@workspace_page(Permission.VIEW)
def projects(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    return _projects_page(request, ProjectForm())


@require_POST
@workspace_page(Permission.MANAGE_KEYS)
def create(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    form = ProjectForm(request.POST)
    if form.is_valid():
        try:
            project = project_create(
                workspace=request.workspace, name=form.cleaned_data["name"], by=request.user, request=request
            )
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"Project {project} created.")
            return redirect("accounts:projects", workspace_id)
    return _projects_page(request, form, status=422)


@require_http_methods(["GET", "POST"])
@workspace_page(Permission.MANAGE_KEYS)
def rename(request: WorkspaceRequest, workspace_id: str, slug: str) -> HttpResponse:
    project = get_object_or_404(request.workspace.projects, slug=slug)
    form = ProjectForm(request.POST or None, initial={"name": project.name})
    if request.method == "POST" and form.is_valid():
        try:
            project_rename(project=project, name=form.cleaned_data["name"], by=request.user, request=request)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, "Saved.")
            return redirect("accounts:projects", workspace_id)
    context = {"form": form, "project": project, "nav": "projects"}
    return render(request, "accounts/project_rename.html", context, status=422 if form.errors else 200)


@require_POST
@workspace_page(Permission.MANAGE_KEYS)
def archive(request: WorkspaceRequest, workspace_id: str, slug: str) -> HttpResponse:
    project = get_object_or_404(request.workspace.projects, slug=slug)
    try:
        project_archive(project=project, by=request.user, request=request)
        messages.success(request, f"{project} was archived. Its usage stays; restore it any time.")
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("accounts:projects", workspace_id)


@require_POST
@workspace_page(Permission.MANAGE_KEYS)
def restore(request: WorkspaceRequest, workspace_id: str, slug: str) -> HttpResponse:
    project = get_object_or_404(request.workspace.projects, slug=slug)
    project_restore(project=project, by=request.user, request=request)
    messages.success(request, f"{project} is open again.")
    return redirect("accounts:projects", workspace_id)


def _projects_page(request: WorkspaceRequest, form: ProjectForm, status: int = 200) -> HttpResponse:
    context = {"nav": "projects", "form": form, "projects": projects_of(request.workspace)}
    return render(request, "accounts/projects.html", context, status=status)
