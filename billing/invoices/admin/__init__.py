"""What staff see and do: documents, custom invoices, the seller's data."""

from billing.invoices.admin import documents, seller

__all__ = ["documents", "seller"]
