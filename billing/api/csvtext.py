"""CSV answers for those who ask with `Accept: text/csv`."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse

from billing.api import jsontext


def wanted(request: HttpRequest) -> bool:
    """Whether the caller prefers CSV."""
    return preferred(request, "text/csv")


def preferred(request: HttpRequest, content_type: str) -> bool:
    """Whether the caller prefers this to JSON: it is named, and JSON is not named before it."""
    named = [part.split(";")[0].strip().lower() for part in request.headers.get("Accept", "").split(",")]
    kinds = [kind for kind in named if kind in (content_type, "application/json")]
    return bool(kinds) and kinds[0] == content_type


def respond(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """A CSV file, written while it is read from the database."""
    response = StreamingHttpResponse(_lines(columns, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


class _Line:
    """What csv.writer writes to: the last line is kept."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def _lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    line = _Line()
    writer = csv.writer(line)
    writer.writerow(columns)
    yield line.text
    for row in rows:
        writer.writerow([cell(value) for value in row])
        yield line.text


def cell(value: Any) -> Any:
    """Numbers without exponent; a text that a spreadsheet would run as a formula gets an apostrophe."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return jsontext.fixed(value)
    if isinstance(value, datetime):
        return jsontext.instant(value)
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return "" if value is None else value
