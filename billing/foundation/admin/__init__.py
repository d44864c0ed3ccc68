"""The admin's base class, and the pages of the shared ground: audit log, outbox, maintenance."""

from billing.foundation.admin import audit, maintenance, outbox
from billing.foundation.admin.bases import ReadOnlyAdmin

__all__ = ["ReadOnlyAdmin", "audit", "maintenance", "outbox"]
