"""Usage alerts: shares of the period's credits, spend of a month, and a balance that is low or exhausted."""
