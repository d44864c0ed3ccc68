"""Why a request may not be made. The codes are those of the HTTP contract; nothing is charged."""


class UsageRefused(Exception):
    """A well-formed request that the plan, the prices or the balance do not allow."""

    def __init__(self, code: str, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.pointer = pointer


class OutOfCredits(UsageRefused):
    """Nothing is left to authorise. `needed` and `available` are nano-credits."""

    def __init__(self, detail: str, *, needed: int, available: int) -> None:
        super().__init__("insufficient_credits", detail)
        self.needed = needed
        self.available = available
