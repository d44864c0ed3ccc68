from billing.foundation.audit.models import AuditEntry
from billing.foundation.due.models import DueJob
from billing.foundation.maintenance.models import MaintenanceRun
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.site.models import SiteSettings

__all__ = ["AuditEntry", "DueJob", "MaintenanceRun", "OutboxMessage", "SiteSettings"]
