"""Where every credit is that was ever issued: the page for staff, and its CSV."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.models import Workspace
from billing.credits.format import exact_text
from billing.ledger.records import Problem
from billing.ledger.trial.balance import Row, TrialBalance, trial_balance
from billing.ledger.trial.month import month_of
from billing.ledger.trial.table import COLUMNS, write_csv

PERMISSION = "ledger.view_transfer"
SHOWN = 20  # findings; verify_ledger has all of them
SOURCES = {"plan": "Plan", "promotion": "Promotional", "bought": "Bought", "unsourced": "Unsourced", "total": "Total"}
LINES = {name: title.replace("_", " ").capitalize() for name, title in COLUMNS.items()}
TO_DATE = {name: title for name, title in LINES.items() if name != "opening"}  # nothing was there before everything


@dataclass(frozen=True, kw_only=True)
class Line:
    """An account: one amount for each source. `tone` is "bad" for a difference, "sum" for what others add up to."""

    name: str
    amounts: tuple[str, ...]
    tone: str


@require_safe
def trial_balance_page(request: HttpRequest) -> HttpResponse:
    """`?month=2027-01` chooses the month whose movements are shown, `&format=csv` gives the file."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    trial = trial_balance(_month(request))
    if request.GET.get("format") == "csv":
        return _csv(trial)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Trial balance",
        "trial": trial,
        "sources": tuple(SOURCES.values()),
        "to_date": _lines(trial.to_date, TO_DATE),
        "in_month": _lines(trial.in_month, LINES),
        "second": [
            (way.name.capitalize(), *map(_amount, (way.lots, way.transfers, way.wallets)), way.agrees)
            for way in trial.second
        ],
        "unsourced": {name: exact_text(value) for name, value in _on_debt(trial).items()},
        "findings": [(_link(problem), problem.detail) for problem in trial.problems[:SHOWN]],
        "left_out": max(len(trial.problems) - SHOWN, 0),
    }
    return TemplateResponse(request, "admin/trial_balance.html", context)


def _month(request: HttpRequest) -> date | None:
    text = request.GET.get("month", "")
    month = month_of(text)
    if text and month is None:
        raise Http404("no such month")
    return month


def _csv(trial: TrialBalance) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="trial-balance-{trial.month:%Y-%m}.csv"'
    write_csv(trial, response)
    return response


def _lines(rows: tuple[Row, ...], names: dict[str, str]) -> list[Line]:
    found = []
    for name, title in names.items():
        amounts = [getattr(row, name) for row in rows]
        bad = name == "difference" and any(amounts)
        tone = "bad" if bad else "sum" if name in ("closing", "difference") else ""
        found.append(Line(name=title, amounts=tuple(map(exact_text, amounts)), tone=tone))
    return found


def _on_debt(trial: TrialBalance) -> dict[str, int]:
    """What the row `unsourced` says, in words: incurred, paid back, still owed."""
    row = next(row for row in trial.to_date if row.source == "unsourced")
    return {"incurred": row.owed - row.repaid, "repaid": -row.repaid, "owed": row.owed}


def _amount(nano: int | None) -> str:
    return "–" if nano is None else exact_text(nano)


def _link(problem: Problem) -> tuple[str, str]:
    workspace = Workspace.objects.get(pk=problem.workspace_id)
    return workspace.public_id, reverse("admin:accounts_workspace_change", args=[workspace.pk])
