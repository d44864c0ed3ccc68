"""Why a request may not be made. The codes are those of the HTTP contract; nothing is charged."""

from dataclasses import dataclass
from datetime import datetime

from billing.credits.units import credits


class UsageRefused(Exception):
    """A well-formed request that the plan, the prices or the balance do not allow."""

    def __init__(self, code: str, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.pointer = pointer


class OutOfCredits(UsageRefused):
    """The balance does not cover it. In nano-credits: what it needs, what can be authorised at present, and what has to
    be added for it to go through (more than the difference where debt has to be repaid first).
    """

    def __init__(self, detail: str, *, needed: int, headroom: int) -> None:
        super().__init__("insufficient_credits", detail)
        self.needed = needed
        self.available = max(headroom, 0)
        self.missing = needed - headroom


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget as it stands at an instant. Amounts are nano-credits; `held` is of open holds. `name` is that of its
    project, key or member, empty for the whole workspace and where nobody asked.
    """

    budget_id: int
    level: str
    period: str
    amount: int
    stops: bool
    spent: int
    held: int
    starts_at: datetime
    resets_at: datetime
    name: str = ""

    @property
    def left(self) -> int:
        """What may still be spent or held; negative once usage that happened was more."""
        return self.amount - self.spent - self.held

    def called(self, workspace: str = "this workspace") -> str:
        """ "The monthly budget of the project “prod”"."""
        often = {"day": "daily", "month": "monthly"}[self.period]
        whose = f"the {self.level} “{self.name}”" if self.name else workspace
        return f"The {often} budget of {whose}"


class BudgetExceeded(UsageRefused):
    """A budget that stops requests has less left than this one needs (nano-credits)."""

    def __init__(self, standing: Standing, *, needed: int, unit: str) -> None:
        left = f"{credits(max(standing.left, 0)):f} of {credits(standing.amount):f} {unit}"
        super().__init__(
            "budget_exceeded",
            f"{standing.called()} has {left} left, this request needs {credits(needed):f}. Nothing was held or charged."
            f" It starts anew at {standing.resets_at:%Y-%m-%d %H:%M} UTC; until then raise it, or ask for less.",
        )
        self.standing = standing
        self.needed = needed


class ConcurrencyExceeded(UsageRefused):
    """As many requests of the workspace are running as its plan and add-ons let: `open` holds of `limit`."""

    RETRY_AFTER = 1  # seconds: a place is free as soon as any of them is settled or released

    def __init__(self, plan_name: str, *, limit: int, open_holds: int) -> None:
        super().__init__(
            "concurrency_exceeded",
            f"The {plan_name} plan, with its add-ons, lets {limit} request{'' if limit == 1 else 's'} run at the same"
            f" time, and {open_holds} {'is' if open_holds == 1 else 'are'} running. Nothing was held or charged. Settle"
            " or release a hold, or try again in a moment; more at the same time can be added to the plan.",
        )
        self.limit = limit
        self.open = open_holds


class KeyPaused(UsageRefused):
    """The key spent far faster than it usually does, and waits for a person."""

    def __init__(self, since: datetime, spent: int, *, unit: str) -> None:
        super().__init__(
            "budget_exceeded",
            f"This key was paused at {since:%Y-%m-%d %H:%M} UTC: it spent {credits(spent):f} {unit} within a minute,"
            " far more than usual. Nothing was held or charged. Owners, admins and billing managers of the workspace"
            " can resume it on the page Budgets.",
        )
        self.since = since
