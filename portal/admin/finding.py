"""Finding a customer by what staff have at hand."""

import re

from django.db.models import Q, QuerySet

from accounts.models import ApiKey, Membership, Workspace
from billing.gateway.models import StripeCustomer

_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
MOST = 1_000  # more are no answer


def found_workspaces(term: str) -> set[int]:
    """Workspaces whose name or own ids contain the term, with a member of that address, with that customer at Stripe,
    with an API key that begins so or has this SHA-256.
    """
    named = Workspace.objects.filter(
        Q(name__icontains=term) | Q(public_id__iexact=term) | Q(external_id__icontains=term)
    ).values_list("pk", flat=True)
    found = set(named[:MOST])
    if len(term) >= 3:
        found |= _ids(Membership.objects.filter(user__email__icontains=term))
    if term.startswith("cus_"):
        found |= _ids(StripeCustomer.objects.filter(stripe_id=term))
    if term.startswith("pws_"):
        found |= _ids(ApiKey.objects.filter(prefix__startswith=term[:16].rstrip("…")))
    if _DIGEST.fullmatch(term):
        found |= _ids(ApiKey.objects.filter(digest=term.lower()))
    return found


def _ids(rows: QuerySet[Membership] | QuerySet[StripeCustomer] | QuerySet[ApiKey]) -> set[int]:
    return set(rows.filter(workspace__isnull=False).values_list("workspace_id", flat=True)[:MOST])
