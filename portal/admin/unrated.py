"""Usage without a price: what it waits for, what to do about it, charging at once what has a price by now, and deciding
about what no price of its own time covers.
"""

import logging
from collections.abc import Iterable
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
from billing.metering.unrated.charging import Way, charge_waiting
from billing.metering.unrated.waiting import MOST_GROUPS, chargeable, groups, how_many, of_group
from billing.pricing.book import look_again
from portal.admin.secondperson import MAY_POST
from portal.admin.steps import must_may_post

log = logging.getLogger(__name__)
PERMISSION = "metering.view_usageevent"
AT_ONCE = 5_000  # events charged while the page waits; the job does the rest, of what was decided the next press
LONGEST_REASON = 200


@require_http_methods(["GET", "HEAD", "POST"])
def unrated_page(request: HttpRequest) -> HttpResponse:
    """GET shows what waits, by model and meters; POST charges what has a price, or does what was decided of a group."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    look_again()
    if request.method == "POST":
        must_may_post(request)
        _decide(request) if "group" in request.POST else _charge(request)
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


def _decide(request: HttpRequest) -> None:
    """Of events that wait for the same: charge them at the first prices after them, or nothing. Again does nothing."""
    sample, way, reason = (request.POST.get(name, "").strip() for name in ("group", "way", "reason"))
    if way not in (Way.LATER.value, Way.NOTHING.value) or not sample.isascii() or not sample.isdigit():
        messages.error(request, "Choose what to do, and with which events.")
        return
    if not 0 < len(reason) <= LONGEST_REASON or "\0" in reason:
        messages.error(request, f"Say why, in at most {LONGEST_REASON} characters. Nothing was done.")
        return
    done, failed = _each(of_group(int(sample[:18])), Way(way))
    if failed:
        messages.error(request, f"{failed:,} could not be decided; the log says why. They go on waiting.")
    if not done:
        messages.info(request, "Nothing was done: no event waits for that any more, or no price covers it.")
        return
    nothing = way == Way.NOTHING.value
    audit.record(
        action="usage.charged_nothing" if nothing else "usage.charged_later",
        actor=cast(User, request.user),
        target=f"{done} events like {sample}",
        reason=reason,
        request=request,
    )
    what = "stopped waiting, and nothing is charged for" if nothing else "got the first price after"
    messages.success(request, f"{done:,} event{'' if done == 1 else 's'} {what} {'it' if done == 1 else 'them'}.")


def _each(portions: Iterable[tuple[int, list[int]]], way: Way) -> tuple[int, int]:
    """How many were done, and how many failed; so many that the page need not wait for long."""
    done = failed = 0
    for workspace_id, pks in portions:
        try:
            done += charge_waiting(workspace_id=workspace_id, pks=pks, way=way)
        except Exception:  # one workspace keeps no other from being charged
            log.exception("waiting events of workspace %s could not be charged", workspace_id)
            failed += len(pks)
        if done + failed >= AT_ONCE:
            break
    return done, failed


def _charge(request: HttpRequest) -> None:
    done, failed = _each(chargeable(), Way.OWN)
    if failed:  # the job tries it again and tells
        messages.error(request, f"{failed:,} could not be charged; the log says why. They wait, and are tried again.")
    if done:
        user = cast(User, request.user)
        audit.record(action="usage.charged_later", actor=user, target=f"{done} events", request=request)
        messages.success(request, f"{done:,} event{'' if done == 1 else 's'} got a price and {_was(done)} charged.")
    elif not failed:
        messages.info(request, "Nothing was charged: no event that waits has a price yet.")


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
