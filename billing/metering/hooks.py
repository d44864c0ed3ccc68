"""What the packages above tell metering; they fill the lists in `apps.ready`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Terms:
    """A quantity of a meter that is included from `starts_at` until `ends_at`."""

    meter: str
    starts_at: datetime
    ends_at: datetime
    included: Decimal


# What is included for a workspace at an instant. Asked when no open allowance covers it, under the wallet lock: whoever
# answers must not write, and should remember the answer, for a workspace without allowances asks with every event.
allowances_due: list[Callable[[int, datetime], Sequence[Terms]]] = []
