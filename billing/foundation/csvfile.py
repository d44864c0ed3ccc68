"""CSV files that are written while they are read from the database, safe to open in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import StreamingHttpResponse

RUNS = ("=", "+", "-", "@", "\t", "\r", "\n")  # a spreadsheet takes a text that begins so for a formula


def guarded(value: Any) -> Any:
    """A text that a spreadsheet would run gets an apostrophe; everything else stays."""
    if isinstance(value, str) and value.startswith(RUNS):
        return "'" + value
    return "" if value is None else value


def lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    line = _Line()
    writer = csv.writer(line)
    writer.writerow(columns)
    yield line.text
    for row in rows:
        writer.writerow([guarded(value) for value in row])
        yield line.text


def respond(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines(columns, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response["Cache-Control"] = "no-store"
    return response


class _Line:
    """What csv.writer writes to: the last line is kept."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text
