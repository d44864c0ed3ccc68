"""What this package has to be told about plans, its neighbours, which the portal says in `apps.ready()`; and what the
packages above want to hear of purchases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing.packs.models import Purchase
    from billing.packs.x402.models import CryptoPayment

# The key of a workspace's plan, empty without one. Argument: the workspace's id.
plan_of: list[Callable[[int], str]] = []

# Key → name of the plans that there are.
plan_names: list[Callable[[], Mapping[str, str]]] = []

# Told in the transaction in which it happens: what they write is there exactly if that is. They must not wait for
# anything, and what they raise undoes it.
purchase_fulfilled: list[Callable[[Purchase], None]] = []
purchase_failed: list[Callable[[Purchase], None]] = []

# The same of payments in USDC: credited, or ended without credits.
crypto_credited: list[Callable[[CryptoPayment], None]] = []
crypto_failed: list[Callable[[CryptoPayment], None]] = []


def plan_key(workspace_id: int) -> str:
    return next((key for ask in plan_of if (key := ask(workspace_id))), "")


def plans() -> dict[str, str]:
    return {key: name for ask in plan_names for key, name in ask().items()}
