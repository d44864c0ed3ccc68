"""Work by the clock: every periodic job with its last run, its next one, and a button to run it now."""

from datetime import timedelta
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from accounts.models import User
from billing.credits import clock
from billing.foundation.due.registry import UnknownJob
from billing.foundation.due.standing import NotQueued, Standing, job_ask, standings

PERMISSION = "foundation.view_duejob"
MAY_RUN = "foundation.change_duejob"


@require_http_methods(["GET", "HEAD", "POST"])
def due_work_page(request: HttpRequest) -> HttpResponse:
    """GET shows all jobs; a POST with `job` has a worker run that one now."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    if request.method == "POST":
        _ask(request)
        return redirect("due-work")
    found = standings(clock.now())
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Due work",
        "jobs": [(each, every_text(each.job.every), seconds_text(each)) for each in found],
        "unwell": sum(each.health in ("failing", "late") for each in found),
        "may_run": request.user.has_perm(MAY_RUN),
    }
    return TemplateResponse(request, "admin/due_work.html", context)


def _ask(request: HttpRequest) -> None:
    if not request.user.has_perm(MAY_RUN):
        raise PermissionDenied
    name = request.POST.get("job", "")
    try:
        job_ask(name=name, actor=cast(User, request.user), request=request)
    except UnknownJob as error:
        raise Http404("no such job") from error
    except NotQueued:
        messages.error(request, f"{name} was not queued: the broker does not answer. It runs by its schedule.")
    else:
        messages.success(request, f"{name} is queued. A worker looks for what is due; what was done is not done again.")


def every_text(every: timedelta) -> str:
    """ "every 30 s", "every minute", "every 24 h"."""
    for unit, seconds in (("h", 3600), ("min", 60)):
        count, rest = divmod(int(every.total_seconds()), seconds)
        if count and not rest:
            return f"every {count} {unit}"
    return f"every {every.total_seconds():g} s"


def seconds_text(standing: Standing) -> str:
    seconds = standing.row.last_seconds
    return "–" if seconds is None else f"{seconds:,.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
