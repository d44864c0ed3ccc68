"""Customers made by the operator: a workspace, its owner and its first key, in one transaction."""

from dataclasses import dataclass
from decimal import Decimal

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.errors import Refused
from accounts.models import User, Workspace
from accounts.scopes import WORKSPACE_SCOPES, KeyKind
from accounts.services.keys import api_key_create
from accounts.services.people import person_create
from billing.credits.units import exact_nano
from billing.foundation.outbox.services import send
from billing.foundation.site.selectors import site
from billing.ledger.services import credits_grant
from billing.plans.selectors import subscribed_version
from billing.plans.services import workspace_open


@dataclass(frozen=True)
class Provisioned:
    workspace: Workspace
    api_key: str
    owner: User
    owner_is_new: bool
    plan: str


def workspace_provision(
    *,
    name: str,
    owner_email: str,
    plan_key: str | None = None,
    credits: Decimal = Decimal(0),
    external_id: str | None = None,
) -> Provisioned:
    """All or nothing; an owner without an account gets one and a link to set its password.

    Raises accounts' `Refused` (bad address, taken external id), plans' UnknownPlan or AmountOutOfRange.
    """
    owner_email = _checked_email(owner_email)
    if external_id is not None and (taken := Workspace.objects.filter(external_id=external_id).first()):
        raise Refused(f"The external id {external_id!r} belongs to workspace {taken.public_id} ({taken.name}) already.")
    if credits < 0:
        raise Refused("Credits cannot be negative.")
    amount = exact_nano(credits)
    with transaction.atomic():
        owner = User.objects.filter(email__iexact=owner_email).first()
        owner_is_new = owner is None
        owner = owner or person_create(email=owner_email)
        workspace = workspace_open(name=name, owner=owner, plan_key=plan_key, external_id=external_id)
        # The operator made this workspace for its own backend, so its key may write usage.
        workspace.usage_write_allowed = True
        workspace.save(update_fields=["usage_write_allowed"])
        _, plain = api_key_create(
            kind=KeyKind.WORKSPACE, workspace=workspace, name="First key", scopes=WORKSPACE_SCOPES
        )
        if amount:
            credits_grant(
                workspace_id=workspace.pk,
                namespace="operator",
                key=f"first:{workspace.public_id}",
                amount=amount,
                source="promotion",
                label="Starting credits",
                actor="operator",
                reason="given with workspace_create",
            )
        if owner_is_new:
            _welcome(owner, workspace)
        version = subscribed_version(workspace.pk)
    return Provisioned(workspace, plain, owner, owner_is_new, version.plan.key if version else "")


def _checked_email(email: str) -> str:
    try:
        validate_email(email.strip())
    except ValidationError:
        raise Refused(f"{email!r} is not an e-mail address.") from None
    return email.strip()


def _welcome(owner: User, workspace: Workspace) -> None:
    """Tell the new owner where the workspace is and how to set a password."""
    path = reverse(
        "account_reset_password_from_key",
        kwargs={"uidb36": user_pk_to_url_str(owner), "key": default_token_generator.make_token(owner)},
    )
    context = {
        "workspace": workspace,
        "product": site().product_name,
        "support": site().support_email,
        "link": settings.SITE_URL + path,
        "sign_in": settings.SITE_URL + reverse("account_login"),
        "days": settings.PASSWORD_RESET_TIMEOUT // 86_400,
    }
    send(
        to=[owner.email],
        subject=f"Your workspace {workspace.name} on {site().product_name}",
        text=render_to_string("foundation/email/workspace_ready.txt", context),
        kind="workspace.ready",
        key=f"workspace-ready:{workspace.public_id}",
        workspace=workspace,
    )
