"""A workspace's customer at Stripe: made when it is first needed."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import stripe
from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.models import Workspace
from billing.gateway.client import how
from billing.gateway.errors import Refused, translated
from billing.gateway.models import StripeCustomer

T = TypeVar("T")


def customer_id(workspace: Workspace) -> str | None:
    """None before anything was bought; asks nobody."""
    found = StripeCustomer.objects.filter(workspace=workspace, livemode=settings.STRIPE_LIVE_MODE).first()
    return found.stripe_id if found else None


def workspace_of(customer: str) -> Workspace | None:
    found = StripeCustomer.objects.filter(stripe_id=customer).select_related("workspace").first()
    return found.workspace if found else None


def customers_exist() -> bool:
    """Whether Stripe has a customer of any workspace; asks nobody."""
    return StripeCustomer.objects.exists()


def customer_ensure(workspace: Workspace, *, email: str = "", lost: str = "") -> str:
    """The customer's id; made at Stripe if there is none, or in place of one that Stripe has `lost`.

    Not to be called within a transaction: it waits for the network. Raises GatewayError.
    """
    known = customer_id(workspace)
    if known and known != lost:
        return known
    mode = "live" if settings.STRIPE_LIVE_MODE else "test"
    contact: dict[str, Any] = {"email": email} if email else {}
    # A key is good for the same content only, and the workspace may be renamed before an answer comes.
    content = hashlib.sha256(f"{workspace.name}\n{email}".encode()).hexdigest()[:16]
    with translated():
        made = stripe.Customer.create(
            name=workspace.name,
            metadata={"workspace": workspace.public_id},
            **contact,
            **how(f"customer:{workspace.public_id}:{mode}:{lost or 'first'}:{content}"),
        )
    row, _ = StripeCustomer.objects.update_or_create(
        workspace=workspace, livemode=settings.STRIPE_LIVE_MODE, defaults={"stripe_id": made.id}
    )
    return row.stripe_id


def customers_link(pairs: Sequence[tuple[Workspace, str]]) -> None:
    """Each workspace is this customer of the present mode, as another system says; asks nobody.

    Raises Refused where one is linked already, and then none is.
    """
    live = settings.STRIPE_LIVE_MODE
    rows = [StripeCustomer(workspace=workspace, livemode=live, stripe_id=stripe_id) for workspace, stripe_id in pairs]
    try:
        with transaction.atomic():
            StripeCustomer.objects.bulk_create(rows, batch_size=1_000)
    except IntegrityError:
        raise Refused("One of them was linked otherwise in the meantime.") from None


def for_customer(workspace: Workspace, email: str, act: Callable[[str], T]) -> T:
    """`act` for the workspace's customer; with a new one when Stripe has lost it (a deleted one, a new stand-in)."""
    customer = customer_ensure(workspace, email=email)
    try:
        return act(customer)
    except Refused as error:
        if (error.code, error.param) != ("resource_missing", "customer"):
            raise
    return act(customer_ensure(workspace, email=email, lost=customer))
