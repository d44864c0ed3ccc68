"""Months as people write them in addresses and on the command line: 2027-01. Pure."""

import re
from datetime import date

MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])", re.ASCII)


def month_of(text: str) -> date | None:
    """The first day of the month written as YYYY-MM, or None for anything else. From 2000 to 2099."""
    found = MONTH.fullmatch(text)
    return date(int(found[1]), int(found[2]), 1) if found else None


def next_month(month: date) -> date:
    """The first day of the month after that of `month`."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
