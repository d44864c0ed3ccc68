"""What can go wrong with plans."""


class ProvisionConflict(Exception):
    """The external id or idempotency key of a new customer was used before, for something else."""


class UnknownPlan(LookupError):
    """There is no published plan of that key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"There is no published plan {key!r}.")
        self.key = key
