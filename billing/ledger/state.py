"""The three billing states. Pure."""

from typing import Literal

State = Literal["healthy", "low", "stopped"]


def headroom(*, available: int, debt: int, overdraft_limit: int, overdraft_held: int) -> int:
    """Nano-credits that can still be authorised: the balance plus what is left of the plan's overdraft."""
    return available + overdraft_limit - overdraft_held - debt


def balance_state(
    *,
    available: int,
    held: int,
    debt: int,
    overdraft_limit: int,
    overdraft_held: int,
    low_bound: int,
    granted_any: bool,
) -> State:
    """`stopped`: nothing left to authorise. `low`: available + held under the customer's bound (held counts, so
    that holds do not make it flap). A workspace that never had credits has no balance that could be low.
    """
    if headroom(available=available, debt=debt, overdraft_limit=overdraft_limit, overdraft_held=overdraft_held) <= 0:
        return "stopped"
    if granted_any and available + held < low_bound:
        return "low"
    return "healthy"
