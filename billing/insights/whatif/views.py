"""The page answers at once with its forms and loads what has to be computed; `whole=1` has all of it in one answer, for
browsers without scripts.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import WorkspaceRequest, workspace_page
from accounts.roles import Permission
from billing.foundation.site.selectors import site
from billing.insights.whatif import present
from billing.insights.whatif.asked import DAYS, Question, percent, question
from billing.insights.whatif.query import NotAnswered, answer, choices
from billing.insights.whatif.ways import SHARES, ways
from billing.metering.selectors.days import zone

P = ParamSpec("P")
PAGE = "insights/whatif.html"
SWITCH = {"model": "Another model", "plan": "Another plan"}


def page(view: Callable[Concatenate[WorkspaceRequest, P], HttpResponse]) -> Callable[..., HttpResponseBase]:
    """A page that every member may read, with times in the workspace's time zone."""

    @wraps(view)
    def inner(request: WorkspaceRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        with timezone.override(zone(request.workspace.time_zone)):
            return view(request, *args, **kwargs)

    return require_safe(workspace_page(Permission.VIEW)(inner))


@page
def whatif(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    asked = question(request.GET)
    part = request.htmx.target
    if part == "result":
        return render(request, f"{PAGE}#result", result_context(request, asked))
    if part == "ways":
        return render(request, f"{PAGE}#ways", ways_context(request, asked))
    whole = request.GET.get("whole") == "1"
    context = {
        "nav": "whatif",
        "asked": asked,
        "spans": [(key, f"{key} days") for key in DAYS],
        "switch": [(on, text, Question(days=asked.days, on=on).link()) for on, text in SWITCH.items()],
        "choices": choices(request.workspace, asked),
        "cached_choices": SHARES,
        "all_query": replace(asked, task=None, agent=None).link(),
        "query": request.GET.urlencode(),
        "load_result": asked.complete and not whole,
        "load_ways": not whole,
    }
    if whole:
        context |= ways_context(request, asked)
    if whole and asked.complete:
        context |= result_context(request, asked)
    return render(request, PAGE, context)


@page
def whatif_csv(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """The comparison by day. A question without an answer is 422 with the reason."""
    asked = question(request.GET)
    try:
        found = answer(request.workspace, asked)
    except NotAnswered as error:
        return HttpResponse(str(error), status=422, content_type="text/plain; charset=utf-8")
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    name = f"what-if-{asked.on}-{found.span.first}-{found.span.last}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    present.write_days(found, response)  # type: ignore[arg-type]
    return response


def result_context(request: WorkspaceRequest, asked: Question) -> dict[str, object]:
    """What the part `result` needs."""
    shared: dict[str, object] = {"asked": asked, "usd_per_credit": site().usd_per_credit}
    if not asked.complete:
        return shared
    try:
        found = answer(request.workspace, asked)
    except NotAnswered as error:
        return shared | {"problem": str(error)}
    shared |= {"answer": found, "title": present.titled(asked, found), "csv_query": asked.link()}
    if found.models:
        verdict = present.model_verdict(found.models, found.usd_per_credit)
        return shared | {"found": found.models, "verdict": verdict, "rows": present.ranked(found.models)}
    if found.plans:
        own, target = found.plans.bills
        verdict = present.plan_verdict(found.plans)
        months = list(zip(own.months, target.months, strict=True))
        return shared | {"plans": found.plans, "verdict": verdict, "own": own, "target": target, "months": months}
    return shared


def ways_context(request: WorkspaceRequest, asked: Question) -> dict[str, object]:
    """What the part `ways` needs."""
    share = percent(request.GET.get("share", ""), default=-1)
    found = ways(request.workspace, count=asked.days, share=None if share < 0 else share)
    return {"asked": asked, "ways": found, "usd_per_credit": site().usd_per_credit}
