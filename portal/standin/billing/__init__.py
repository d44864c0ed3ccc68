"""Subscriptions and invoices: how they are reckoned, and what becomes of them as time passes."""
