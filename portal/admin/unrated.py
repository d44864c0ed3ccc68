"""Usage without a price: what it waits for, what to do about it, and charging at once what has a price by now."""

import logging
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.models import User
from billing.foundation.audit import services as audit
from billing.metering.unrated.charging import charge_waiting
from billing.metering.unrated.waiting import MOST_GROUPS, chargeable, groups, how_many
from billing.pricing.book import look_again
from portal.admin.secondperson import MAY_POST
from portal.admin.steps import must_may_post

log = logging.getLogger(__name__)
PERMISSION = "metering.view_usageevent"
AT_ONCE = 5_000  # events charged while the page waits; the job does the rest


@require_http_methods(["GET", "HEAD", "POST"])
def unrated_page(request: HttpRequest) -> HttpResponse:
    """GET shows what waits, by model and meters; POST charges what has a price."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    look_again()
    if request.method == "POST":
        must_may_post(request)
        _charge(request)
        return redirect("unrated")
    found = groups()
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Usage without a price",
        "groups": found,
        "events": how_many(),
        "all_shown": len(found) < MOST_GROUPS,
        "may_charge": request.user.has_perm(MAY_POST),
        "list": reverse("admin:metering_usageevent_changelist"),
        "prices": reverse("price-approvals"),
        "imports": reverse("admin:pricing_priceimport_changelist"),
    }
    return TemplateResponse(request, "admin/unrated.html", context)


def _charge(request: HttpRequest) -> None:
    done = failed = 0
    for workspace_id, pks in chargeable():
        try:
            done += charge_waiting(workspace_id=workspace_id, pks=pks)
        except Exception:  # one workspace keeps no other from being charged; the job tries it again and tells
            log.exception("waiting events of workspace %s could not be charged", workspace_id)
            failed += len(pks)
        if done + failed >= AT_ONCE:
            break
    if failed:
        messages.error(request, f"{failed:,} could not be charged; the log says why. They wait, and are tried again.")
    if done:
        user = cast(User, request.user)
        audit.record(action="usage.charged_later", actor=user, target=f"{done} events", request=request)
        messages.success(request, f"{done:,} event{'' if done == 1 else 's'} got a price and {_was(done)} charged.")
    elif not failed:
        messages.info(request, "Nothing was charged: no event that waits has a price yet.")


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
