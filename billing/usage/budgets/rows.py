"""A budget as its page draws it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from billing.usage.errors import Standing


@dataclass(frozen=True)
class Row:
    standing: Standing

    @property
    def title(self) -> str:
        standing = self.standing
        return standing.name or "The whole workspace"

    @property
    def kind(self) -> str:
        return {"workspace": "", "project": "Project", "key": "API key", "member": "Keys of a member"}[
            self.standing.level
        ]

    @property
    def state(self) -> Literal["over", "near", "within"]:
        used = self.standing.amount - self.standing.left
        if used >= self.standing.amount:
            return "over"
        return "near" if 5 * used >= 4 * self.standing.amount else "within"

    @property
    def left(self) -> int:
        return max(self.standing.left, 0)

    @property
    def over(self) -> int:
        """What was spent beyond it."""
        return max(self.standing.spent - self.standing.amount, 0)

    @property
    def spent_percent(self) -> int:
        """Of the amount, rounded down, so that 100 means used up."""
        return min(100, 100 * self.standing.spent // self.standing.amount)

    @property
    def held_percent(self) -> int:
        return min(100 - self.spent_percent, 100 * self.standing.held // self.standing.amount)


def rows_of(standings: Iterable[Standing]) -> list[Row]:
    return [Row(standing) for standing in standings]
