"""What every page of voice provisioning has: who may do what, the tabs, and the engine that serves."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.template.response import TemplateResponse

from billing.voices.serving import channel
from portal.admin.voices import MAY_ENGINE, MAY_PROVISION, PERMISSION

TABS = (
    ("voice-provisioning", "Catalogue"),
    ("voice-provision", "Provision"),
    ("voice-engine", "Engine"),
    ("voice-rollout", "Rollout"),
    ("voice-jobs", "Jobs"),
)


def must_see(request: HttpRequest) -> None:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied


def page(request: HttpRequest, template: str, *, title: str, tab: str, **said: Any) -> TemplateResponse:
    """Without `tab` being one of TABS, none is marked as the current one."""
    context = {
        **admin.site.each_context(request),
        "title": title,
        "tabs": TABS,
        "tab": tab,
        "channel": channel(),
        "may_provision": request.user.has_perm(MAY_PROVISION),
        "may_engine": request.user.has_perm(MAY_ENGINE),
        **said,
    }
    return TemplateResponse(request, f"admin/voices/{template}.html", context)
