"""What staff see and do: packs, codes, purchases with their refunds, disputes, the policy, reconciliations, top-ups,
payments in USDC."""

from billing.packs.admin import autotopup, catalogue, crypto, purchases

__all__ = ["autotopup", "catalogue", "crypto", "purchases"]
