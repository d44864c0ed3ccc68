"""When an alert is due, the balance at which it will be, and when its mail goes. Pure; amounts are nano-credits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

PERCENTS = (50, 75, 90, 100)
MONEY = "money"

# Mails in seven days: so many go at once, after that one a day; and never more than the last.
AT_ONCE, MOST = 3, 9
WEEK, DAY = timedelta(days=7), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one workspace at one instant: what is there, on hold or not, less what is owed (`level`); what was spent in
    the running period, and granted for it; and what was spent in the calendar month.
    """

    level: int
    spent: int
    granted: int
    month_spent: int


@dataclass(frozen=True, slots=True)
class Target:
    """An alert is due when `used` reaches `amount`."""

    alert: str  # "50", "75", "90", "100" or "money"
    amount: int
    used: int

    @property
    def reached(self) -> bool:
        return self.used >= self.amount

    @property
    def balance_at(self) -> int:
        """How much below the present level it is reached."""
        return self.amount - self.used


def targets(facts: Facts, percents: Iterable[int], month: int | None) -> list[Target]:
    """The alerts that are switched on. Without credits for the period there is nothing to be a share of."""
    found = []
    if facts.granted > 0:
        # Rounded up: a share is used when no less of it is.
        found = [Target(str(each), -(-facts.granted * each // 100), facts.spent) for each in sorted(percents)]
    if month is not None:
        found.append(Target(MONEY, month, facts.month_spent))
    return found


def bound(level: int, ahead: Iterable[Target]) -> int | None:
    """Below this level the nearest alert is reached: whatever is spent leaves the level and adds to what is used. None
    when none is ahead.
    """
    levels = [level - each.balance_at + 1 for each in ahead if not each.reached]
    return max(levels, default=None)


Way = Literal["now", "wait"]


def way(alert: str, sent: Sequence[tuple[datetime, str]], now: datetime) -> Way:
    """Whether a mail about `alert` may go now, beside those that went (when, and about what) in the last seven days.

    The first three go at once, then one a day. That credits ran out is told at once in any case, once a day. There
    are never more than nine in seven days.
    """
    lately = [(at, what) for at, what in sent if at > now - WEEK]
    today = [what for at, what in lately if at > now - DAY]
    if len(lately) < AT_ONCE:
        return "now"
    if len(lately) >= MOST:
        return "wait"
    if alert == "stopped":
        return "wait" if "stopped" in today else "now"
    return "wait" if today else "now"
