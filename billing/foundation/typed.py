"""Numbers as people type them."""

import re
from decimal import Decimal

_NUMBER = re.compile(r"[-+]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})", re.ASCII)
_GROUPING = str.maketrans("", "", ", _'\u00a0\u202f")


def number_typed(text: str) -> Decimal | None:
    """ "12,000", "12 000", "2.5" as a number; None for everything else, such as "1e5" and "NaN"."""
    plain = text.translate(_GROUPING)
    return Decimal(f"{Decimal(plain).normalize():f}") if _NUMBER.fullmatch(plain) else None
