"""What every page of this package has in common."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import WorkspaceRequest, workspace_page
from accounts.roles import Permission
from billing.metering.selectors.days import zone

P = ParamSpec("P")


def page(view: Callable[Concatenate[WorkspaceRequest, P], HttpResponse]) -> Callable[..., HttpResponseBase]:
    """A page that every member may read, with times in the workspace's time zone."""

    @wraps(view)
    def inner(request: WorkspaceRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        with timezone.override(zone(request.workspace.time_zone)):
            return view(request, *args, **kwargs)

    return require_safe(workspace_page(Permission.VIEW)(inner))
