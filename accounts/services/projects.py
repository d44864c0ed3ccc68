"""Projects: named parts of a workspace that keys and usage belong to."""

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import slugify

from accounts import hooks
from accounts.errors import Refused
from accounts.models import ApiKey, Project, User, Workspace

MOST = 200


def project_create(*, workspace: Workspace, name: str, by: User | None, request: HttpRequest | None = None) -> Project:
    """A new project. Its slug is what usage events name and never changes afterwards."""
    name = _checked_name(name)
    slug = slugify(name)[:60].strip("-")
    if not slug:
        raise Refused("Use at least one Latin letter or digit: usage names the project by it.", field="name")
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        projects = Project.objects.filter(workspace=workspace)
        if projects.filter(slug=slug).exists():
            raise Refused(f"There is already a project “{slug}” here; archived ones count too.", field="name")
        if projects.count() >= MOST:
            raise Refused(f"A workspace has at most {MOST} projects.", field="name")
        project = Project.objects.create(workspace=workspace, slug=slug, name=name)
        _tell("project.created", project, by, request, after={"name": name})
    return project


def project_rename(*, project: Project, name: str, by: User | None, request: HttpRequest | None = None) -> Project:
    """Another name for people; the slug stays, so recorded usage keeps its project."""
    name = _checked_name(name)
    with transaction.atomic():
        current = _locked(project)
        if current.name == name:
            return current
        before, current.name = current.name, name
        current.save(update_fields=["name"])
        _tell("project.renamed", current, by, request, before={"name": before}, after={"name": name})
    return current


def project_archive(*, project: Project, by: User | None, request: HttpRequest | None = None) -> Project:
    """Close a project. Refused while working keys belong to it, because they would go on recording usage to it."""
    with transaction.atomic():
        current = _locked(project)
        if current.archived_at is not None:
            return current
        keys = ApiKey.objects.filter(project=current, revoked_at=None).exclude(expires_at__lte=timezone.now())
        if names := list(keys.order_by("name").values_list("name", flat=True)):
            raise Refused(f"Revoke its working keys first: {', '.join(names)}.")
        current.archived_at = timezone.now()
        current.save(update_fields=["archived_at"])
        _tell("project.archived", current, by, request)
    return current


def project_restore(*, project: Project, by: User | None, request: HttpRequest | None = None) -> Project:
    """Open an archived project again."""
    with transaction.atomic():
        current = _locked(project)
        if current.archived_at is None:
            return current
        current.archived_at = None
        current.save(update_fields=["archived_at"])
        _tell("project.restored", current, by, request)
    return current


def _locked(project: Project) -> Project:
    return Project.objects.select_for_update(no_key=True, of=("self",)).select_related("workspace").get(pk=project.pk)


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > 120 or "\x00" in name:
        raise Refused("Give the project a name of at most 120 characters.", field="name")
    return name


def _tell(
    action: str,
    project: Project,
    by: User | None,
    request: HttpRequest | None,
    *,
    before: dict[str, str] | None = None,
    after: dict[str, str] | None = None,
) -> None:
    hooks.emit(
        action=action,
        actor=by,
        workspace=project.workspace,
        target=project.slug,
        before=before,
        after=after,
        request=request,
    )
