"""Reading a CSV file strictly: what is not clear is refused with the line, the column, and what to write instead."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

MOST_BYTES = 1_500_000  # it travels once more with the confirmation
MOST_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Problem:
    """`line` as an editor counts them, 0 for the file as a whole."""

    line: int
    column: str
    text: str


class Unreadable(ValueError):
    """The file is no such table at all; the problem says what to do."""

    def __init__(self, line: int, column: str, text: str) -> None:
        super().__init__(text)
        self.problem = Problem(line, column, text)


@dataclass(frozen=True, slots=True)
class Row:
    """Texts by column, without spaces around them; "" where the file has none."""

    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


def rows_of(data: bytes, *, columns: Sequence[str], required: Sequence[str]) -> list[Row]:
    """Raises Unreadable."""
    text = _text(data)
    if not text.strip():
        raise Unreadable(0, "", "The file is empty. Its first line names the columns, each further one is a row.")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    try:
        header = [name.strip().lower() for name in next(lines)]
        _check_header(header, columns, required)
        found = list(_rows(lines, header))
    except csv.Error as error:
        raise Unreadable(
            lines.line_num, "", f"The quotes do not fit ({error}). Quote a cell whole, double a quote in it."
        ) from None
    if not found:
        raise Unreadable(0, "", "The file has columns and no rows.")
    return found


def _text(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise Unreadable(0, "", f"The file has {len(data):,} bytes; at most {MOST_BYTES:,} are taken. Split it.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(line, "", "This is no UTF-8. Save the file as “CSV UTF-8”.") from None
    if "\0" in text:
        raise Unreadable(0, "", "The file holds zero bytes: it is UTF-16 or no text. Save it as “CSV UTF-8”.")
    return text


def _separator(text: str) -> str:
    """A comma or a semicolon, as the first line has it."""
    first = text.splitlines()[0]
    return ";" if first.count(";") > first.count(",") else ","


def _check_header(header: list[str], columns: Sequence[str], required: Sequence[str]) -> None:
    known = ", ".join(columns)
    for name in header:
        if name not in columns:
            shown = name or "one without a name"
            raise Unreadable(1, name, f"There is no column {shown!r}. The columns are {known}; commas or semicolons.")
        if header.count(name) > 1:
            raise Unreadable(1, name, "This column is there twice: take one of them away.")
    for name in required:
        if name not in header:
            raise Unreadable(1, name, f"This column is missing. The columns are {known}.")


def _rows(lines: Iterator[list[str]], header: list[str]) -> Iterator[Row]:
    begins, count = 2, 0
    for cells in lines:
        line, begins = begins, lines.line_num + 1  # type: ignore[attr-defined]
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise Unreadable(
                line,
                "",
                f"This line has {len(cells)} cells, the first one {len(header)}. Quote cells with a separator in them.",
            )
        count += 1
        if count > MOST_ROWS:
            raise Unreadable(line, "", f"At most {MOST_ROWS:,} rows are taken at once. Split the file.")
        yield Row(line, {name: cell.strip() for name, cell in zip(header, cells, strict=True)})


def decimal_of(text: str) -> Decimal:
    """Raises ValueError with what to write."""
    advice = f"{text!r} is no number. Write digits with a point before the decimals and nothing else, such as 1234.56."
    if not text or not all(char in "0123456789." for char in text) or not text.isascii():
        raise ValueError(advice)
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(advice) from None


def date_of(text: str) -> date:
    """Raises ValueError with what to write."""
    try:
        if len(text) != 10:
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date. Write it as year-month-day, such as 2027-01-31.") from None
