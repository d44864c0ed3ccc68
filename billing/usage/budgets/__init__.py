"""Budgets: how much of a workspace's credits may be spent in a day or month; and the pace at which its keys spend."""
