"""What the packages above want to hear of resources: they append to these lists in `apps.ready`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from billing.plans.models import ShutdownWarning


@dataclass(frozen=True)
class Shutdown:
    """The resources of a workspace are to be shut down. Told once per fall of the balance."""

    workspace_id: int
    warning_id: int
    warned_at: datetime
    at: datetime


# Told after the commit.
resource_shutdown: list[Callable[[Shutdown], None]] = []


@dataclass(frozen=True)
class Standing:
    """How the balance stands to what the resources cost. Nano-credits."""

    what: Literal["warning", "shutdown", "recovered"]
    warning: ShutdownWarning
    balance: int
    daily_cost: int
    at: datetime


# Told of each at least once, in the transaction in which it is decided: what is written then is there exactly if the
# decision is.
resource_standing: list[Callable[[Standing], None]] = []
