from billing.foundation.audit.models import AuditEntry
from billing.foundation.desk.models import Proposal, SentForm, StaffNote
from billing.foundation.due.models import DueJob
from billing.foundation.imports.models import ImportRun
from billing.foundation.mail.models import MailWatch, MailWish, NewsTold, RoleMail
from billing.foundation.maintenance.models import MaintenanceRun
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.site.models import SiteLogo, SiteSettings

__all__ = [
    "AuditEntry",
    "DueJob",
    "ImportRun",
    "MailWatch",
    "MailWish",
    "MaintenanceRun",
    "NewsTold",
    "OutboxMessage",
    "Proposal",
    "RoleMail",
    "SentForm",
    "SiteLogo",
    "SiteSettings",
    "StaffNote",
]
