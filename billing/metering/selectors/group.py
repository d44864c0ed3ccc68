"""What a value of a breakdown comes to."""

from dataclasses import dataclass
from decimal import Decimal

METRICS = ("credits", "requests", "tokens", "quantity")


@dataclass(frozen=True)
class Group:
    """`key` is what to filter by; `bucket` counts from 0 in the starts that were given."""

    key: str
    bucket: int
    nano: int
    requests: int
    tokens: Decimal
    quantity: Decimal

    def measure(self, metric: str) -> Decimal:
        """Its size in one of METRICS; credits are nano-credits."""
        return Decimal(self.nano if metric == "credits" else getattr(self, metric))

    def plus(self, other: "Group") -> "Group":
        """Both together, in the bucket of the first."""
        return Group(
            self.key,
            self.bucket,
            self.nano + other.nano,
            self.requests + other.requests,
            self.tokens + other.tokens,
            self.quantity + other.quantity,
        )
