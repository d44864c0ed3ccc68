"""What can go wrong with plans."""


class UnknownPlan(LookupError):
    """There is no published plan of that key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"There is no published plan {key!r}.")
        self.key = key
