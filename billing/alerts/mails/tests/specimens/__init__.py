"""One mail or more of every kind, written by the code that writes it in real life, from rows that are not saved where
they need not be.
"""

from django.test import override_settings

from accounts.models import User, Workspace
from billing.alerts.mails.tests.specimens import accounts, credits, money, operators, plans
from billing.foundation.outbox.models import OutboxMessage


def written(workspace: Workspace, owner: User) -> list[OutboxMessage]:
    """All of them, of the workspace and its owner, who runs the installation as well."""
    User.objects.filter(pk=owner.pk).update(is_superuser=True)
    with override_settings(EMAIL_BACKEND="billing.foundation.outbox.backend.OutboxBackend"):
        for part in (accounts, plans, money, credits, operators):
            part.write(workspace, owner)
    return list(OutboxMessage.objects.order_by("pk"))
