"""What can go wrong with plans."""


class ProvisionConflict(Exception):
    """The external id or idempotency key of a new customer was used before, for something else."""


class OtherPeriods(Exception):
    """A subscription cannot go from calendar months to periods from its anchor, or back; it takes a new one."""

    def __init__(self, version: object) -> None:
        super().__init__(f"{version} has other periods than the subscription.")


class UnknownPlan(LookupError):
    """There is no published plan of that key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"There is no published plan {key!r}.")
        self.key = key
