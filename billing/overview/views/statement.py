"""The statement of a month, and its movements as CSV."""

import csv
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import WorkspaceRequest, workspace_page
from accounts.roles import Permission
from billing.overview.monthly import (
    CSV_COLUMNS,
    LINE_NAMES,
    ROW_NAMES,
    Month,
    chosen,
    chosen_month,
    csv_rows,
    listed,
    listed_sum,
    month_statement,
    row_totals,
    sheet,
)
from billing.overview.page import page

SHOWN = 300  # movements; the CSV has all


@page
def statement(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    month, only = _month(request), chosen(request.GET)
    found = month_statement(request.workspace, month.first)
    moved = list(islice(listed(request.workspace, found, only), SHOWN + 1))
    context = {
        "nav": "statement",
        "month": month,
        "statement": found,
        "rows": list(ROW_NAMES.values()),
        "lines": sheet(found),
        "row_totals": row_totals(found),
        "whole": found.totals(),
        "moved": moved[:SHOWN],
        "left_out": len(moved) > SHOWN,
        "shown": SHOWN,
        "sum": listed_sum(found, only),
        "only": only,
        "row_names": ROW_NAMES,
        "line_names": LINE_NAMES,
        "csv_query": urlencode({"month": f"{month.first:%Y-%m}", **only.query}),
    }
    return render(request, "overview/statement.html", context)


@require_safe
@workspace_page(Permission.VIEW)
def statement_csv(request: WorkspaceRequest, workspace_id: str) -> HttpResponseBase:
    """The same selection, every movement, amounts exact."""
    month, only = _month(request), chosen(request.GET)
    found = month_statement(request.workspace, month.first)
    return StreamingHttpResponse(
        _lines([CSV_COLUMNS], csv_rows(request.workspace, found, only)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="statement-{month.first:%Y-%m}.csv"'},
    )


def _month(request: WorkspaceRequest) -> Month:
    month = chosen_month(request.workspace, request.GET.get("month", ""))
    if month is None:
        raise Http404("no such month")
    return month


class _Line:
    """What csv.writer writes to: the last line is kept."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def _lines(*parts: Any) -> Iterator[str]:
    line = _Line()
    writer = csv.writer(line)
    for part in parts:
        for row in part:
            writer.writerow([_harmless(str(cell)) for cell in row])
            yield line.text


def _harmless(text: str) -> str:
    """A text that a spreadsheet does not take for a formula; numbers may begin with a minus."""
    if text[:1] in ("=", "+", "@", "\t", "\r") or (text[:1] == "-" and not text[1:].replace(".", "", 1).isdigit()):
        return "'" + text
    return text
