"""Who a workspace's documents are made out to, and who gets them."""

from collections.abc import Sequence

from django.db import transaction
from django.forms.models import model_to_dict
from django.http import HttpRequest

from accounts.errors import Refused
from accounts.models import Membership, User, Workspace
from accounts.roles import Permission, Role, may
from billing.credits import clock
from billing.foundation.audit.services import record_change
from billing.invoices.models import BillingProfile

FIELDS = ("legal_name", "address", "country", "tax_id_type", "tax_id", "email", "purchase_order")


def profile_of(workspace: Workspace) -> BillingProfile:
    """Empty when nobody filled it in."""
    return BillingProfile.objects.filter(pk=workspace.pk).first() or BillingProfile(workspace=workspace)


def customer_snapshot(workspace: Workspace) -> dict[str, str]:
    """What a document keeps of the customer."""
    profile = profile_of(workspace)
    return {
        "workspace": workspace.name,
        "name": profile.legal_name or workspace.name,
        "address": profile.address,
        "country": profile.country,
        "tax_id_type": profile.tax_id_type,
        "tax_id": profile.tax_id,
    }


def recipients(workspace: Workspace) -> list[str]:
    """Where documents are sent: the profile's address, or all who manage billing."""
    if address := profile_of(workspace).email:
        return [address]
    roles = [role for role in Role.values if may(role, Permission.MANAGE_BILLING)]
    members = Membership.objects.filter(workspace=workspace, role__in=roles, user__is_active=True)
    return [member.user.email for member in members.select_related("user").order_by("created_at", "pk")]


def billing_addresses(workspace_ids: Sequence[int]) -> dict[int, list[str]]:
    """Of many workspaces, those whose billing details name an address, with it."""
    named = BillingProfile.objects.filter(workspace__in=workspace_ids).exclude(email="")
    return {workspace_id: [email] for workspace_id, email in named.values_list("workspace_id", "email")}


@transaction.atomic
def profile_save(
    *, workspace: Workspace, values: dict[str, str], by: User, request: HttpRequest | None = None
) -> BillingProfile:
    """Change what `values` names (see FIELDS); documents that were issued keep what they say. Raises Refused."""
    row, _ = BillingProfile.objects.get_or_create(workspace=workspace)
    row = BillingProfile.objects.select_for_update(of=("self",)).get(pk=row.pk)
    before = model_to_dict(row, fields=FIELDS)
    for name in FIELDS:
        if name in values:
            setattr(row, name, values[name].strip())
    if row.tax_id and not row.tax_id_type:
        raise Refused("Say what kind of number this is.", field="tax_id_type")
    if not row.tax_id:
        row.tax_id_type = ""
    if record_change(
        action="billing_profile.changed",
        actor=by,
        workspace=workspace,
        target="billing details",
        before=before,
        after=model_to_dict(row, fields=FIELDS),
        request=request,
    ):
        row.updated_at = clock.now()
        row.save()
    return row
