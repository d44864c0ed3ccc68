"""Events of packages below: subscribers of their lists, called in the transaction in which it happens."""

from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from accounts.models import Workspace
from billing.alerts.pricechanges.changes import ModelChange, PriceChange
from billing.alerts.webhooks.amounts import amount
from billing.alerts.webhooks.emitting import event_emit, moment
from billing.alerts.webhooks.models import WebhookEvent
from billing.credits import clock
from billing.packs.models import Purchase
from billing.packs.x402.models import CryptoPayment
from billing.plans.models import Subscription
from billing.plans.resources.hooks import Standing


def purchase_fulfilled(purchase: Purchase) -> None:
    _purchase(purchase, "topup.succeeded", purchase.fulfilled_at)


def purchase_failed(purchase: Purchase) -> None:
    _purchase(purchase, "topup.failed", purchase.closed_at)


def _purchase(purchase: Purchase, type: str, at: datetime | None) -> None:
    data = {
        "purchase": {
            "id": purchase.public_id,
            "name": purchase.name,
            "price": {"amount": purchase.amount, "currency": purchase.currency},
            "automatic": purchase.automatic,
            "reason": purchase.top_up.reason if purchase.automatic else None,
            "method": "card",
            "network": None,
            "transaction": None,
        },
        **amount("credits", purchase.total_credits),
    }
    event_emit(purchase.workspace, type, f"{type}:{purchase.public_id}", data, at=at)


def crypto_credited(payment: CryptoPayment) -> None:
    _crypto(payment, "topup.succeeded", payment.credited_at)


def crypto_failed(payment: CryptoPayment) -> None:
    _crypto(payment, "topup.failed", clock.now())


def _crypto(payment: CryptoPayment, type: str, at: datetime | None) -> None:
    """As of a purchase: who listens need not know how it was paid."""
    data = {
        "purchase": {
            "id": payment.public_id,
            "name": payment.name,
            "price": {"amount": payment.amount, "currency": "usd"},
            "automatic": False,
            "reason": None,
            "method": "usdc",
            "network": payment.network,
            "transaction": payment.transaction or None,
        },
        **amount("credits", payment.total_credits),
    }
    event_emit(payment.workspace, type, f"{type}:{payment.public_id}", data, at=at)


def resources_stand(standing: Standing) -> None:
    warning = standing.warning
    data = {
        "warned_at": moment(warning.warned_at),
        "shutdown_at": moment(warning.shutdown_at),
        **amount("balance", standing.balance),
        **amount("daily_cost", standing.daily_cost),
    }
    type = f"resource.{standing.what}"
    event_emit(warning.workspace, type, f"{type}:{warning.pk}", data, at=standing.at)


def price_changed(workspace: Workspace, change: ModelChange, *, now: datetime) -> None:
    """Called with the e-mail about it."""
    data = {
        "model": change.ref,
        "name": change.name,
        "direction": "rise" if change.rise else "drop",
        "effective_at": moment(change.at),
        "prices": [_price(price) for price in change.prices],
    }
    what = f"{change.ref} {change.at.isoformat()} {change.rise}"
    event_emit(workspace, "price.changed", f"price:{sha256(what.encode()).hexdigest()}", data, at=now)


def _price(change: PriceChange) -> dict[str, Any]:
    before, after = change.before, change.after
    return {
        "meter": after.meter,
        "variant": dict(after.variant),
        "per": after.per,
        "before_usd": _plain(before.usd_for(after.per)),
        "after_usd": _plain(after.usd_for(after.per)),
        "before_credits": _plain(before.credits_for(after.per)),
        "after_credits": _plain(after.credits_for(after.per)),
    }


def _plain(number: Decimal) -> Decimal:
    """Without an exponent."""
    return Decimal(f"{number.normalize():f}")


def subscription_changed(row: Subscription) -> None:
    """Subscriber of the plans' `subscription_changed`. Nothing new to say is not said again."""
    data = {
        "subscription": {
            "plan": row.version.plan.key,
            "plan_name": row.version.plan.name,
            "tier": row.credit_tier.number if row.credit_tier else None,
            "interval": row.interval or None,
            "status": row.status,
            "paid_until": _moment(row.paid_until),
            "trial_until": _moment(row.trial_until),
            "ends_at": _moment(row.ends_at),
            "ended_at": _moment(row.ended_at),
            "next_plan": row.next_version.plan.key if row.next_version else None,
            "changes_at": _moment(row.changes_at),
        },
    }
    said = sha256(repr(data).encode()).hexdigest()[:16]
    events = WebhookEvent.objects.filter(workspace=row.workspace, key__startswith=f"subscription:{row.pk}:")
    last = events.order_by("-pk").values_list("key", flat=True).first()
    if last is None or not last.endswith(said):
        # After the last one, not as many as there are: old events are deleted, and a key is used once.
        number = int(last.split(":")[2]) + 1 if last else 1
        event_emit(row.workspace, "subscription.updated", f"subscription:{row.pk}:{number}:{said}", data)


def _moment(at: datetime | None) -> str | None:
    return moment(at) if at else None
