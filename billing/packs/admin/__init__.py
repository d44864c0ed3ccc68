"""What staff see and do: packs, codes, purchases with their refunds, disputes, the policy, reconciliations, top-ups."""

from billing.packs.admin import autotopup, catalogue, purchases

__all__ = ["autotopup", "catalogue", "purchases"]
