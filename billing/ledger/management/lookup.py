"""How commands name a workspace."""

from django.core.management.base import CommandError
from django.db.models import Q

from accounts.models import Workspace


def workspace_named(name: str) -> Workspace:
    """The workspace with this id (`ws_…`) or external id."""
    found = list(Workspace.objects.filter(Q(public_id=name) | Q(external_id=name))[:2])
    if len(found) != 1:
        raise CommandError(f"There is no workspace {name!r}; give its id (ws_…) or its external id.")
    return found[0]
