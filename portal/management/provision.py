"""Customers made by command: with credits to start with, and a mail to an owner who is new."""

from decimal import Decimal

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.errors import Refused
from accounts.models import User, Workspace
from billing.credits.units import exact_nano
from billing.foundation.mail.letters import Letter
from billing.foundation.mail.others import letter_send
from billing.foundation.site.selectors import site
from billing.ledger.services import credits_grant
from billing.plans import provisioning as plans
from billing.plans.provisioning import NewCustomer, Provisioned


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
    if external_id is not None and (taken := Workspace.objects.filter(external_id=external_id).first()):
        raise Refused(f"The external id {external_id!r} belongs to workspace {taken.public_id} ({taken.name}) already.")
    if credits < 0:
        raise Refused("Credits cannot be negative.")
    amount = exact_nano(credits)
    with transaction.atomic():
        made = plans.workspace_provision(
            NewCustomer(
                name=name,
                owner_email=owner_email,
                plan_key=plan_key,
                external_id=external_id,
                usage_write_allowed=True,  # made for the operator's own backend, so its key may write usage
            )
        )
        if amount:
            credits_grant(
                workspace_id=made.workspace.pk,
                namespace="operator",
                key=f"first:{made.workspace.public_id}",
                amount=amount,
                source="promotion",
                label="Starting credits",
                actor="operator",
                reason="given with workspace_create",
            )
        if made.owner_is_new:
            _welcome(made.owner, made.workspace)
    return made


def _welcome(owner: User, workspace: Workspace) -> None:
    """Tell the new owner where the workspace is and how to set a password."""
    path = reverse(
        "account_reset_password_from_key",
        kwargs={"uidb36": user_pk_to_url_str(owner), "key": default_token_generator.make_token(owner)},
    )
    context = {
        "workspace": workspace,
        "product": site().product_name,
        "days": settings.PASSWORD_RESET_TIMEOUT // 86_400,
    }
    letter = Letter(
        subject=f"Your workspace {workspace.name} on {site().product_name}",
        text=render_to_string("foundation/email/workspace_ready.txt", context),
        reason=f"Sent to you because the workspace {workspace.name} on {site().product_name} was made for you",
        link=settings.SITE_URL + path,
        button="Choose a password",
        also=(("Sign in", settings.SITE_URL + reverse("account_login")),),
    )
    letter_send(
        letter,
        to=[owner.email],
        kind="workspace.ready",
        key=f"workspace-ready:{workspace.public_id}",
        workspace=workspace,
    )
