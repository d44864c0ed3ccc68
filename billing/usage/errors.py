"""Why a request may not be made. The codes are those of the HTTP contract; nothing is charged."""


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
