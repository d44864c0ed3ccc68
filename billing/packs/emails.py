"""What people are told besides the receipt, which goes with the invoice: each once, by the outbox's keys."""

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Workspace
from billing.foundation.mail.others import alarm
from billing.foundation.mail.telling import News, tell
from billing.foundation.site.selectors import site
from billing.gateway.expiring import ExpiringCard
from billing.gateway.looking import Dispute
from billing.invoices.money import money_text
from billing.invoices.profiles import recipients
from billing.packs.models import MoneyBack, Purchase, Reconciliation
from billing.packs.x402.models import CryptoPayment


def tell_operators(purchase: Purchase, problem: str) -> None:
    """Something about a purchase needs a person."""
    _operators(
        f"{site().product_name}: a payment of {purchase.workspace} needs a person",
        "packs/email/problem.txt",
        {
            "purchase": purchase,
            "problem": problem,
            "amount": money_text(purchase.amount, purchase.currency),
        },
        link=_in_admin(purchase),
        button="See the purchase",
        kind="purchase.problem",
        key=f"purchase-problem:{purchase.public_id}:{problem}"[:200],
    )


def tell_operators_of_crypto(payment: CryptoPayment, problem: str) -> None:
    """Money in USDC that may be here, and is not known to be this customer's: a person decides."""
    _operators(
        f"{site().product_name}: a payment in USDC of {payment.workspace} needs a decision",
        "packs/email/crypto_problem.txt",
        {"payment": payment, "problem": problem, "amount": money_text(payment.amount, "usd")},
        link=settings.SITE_URL + reverse("admin:packs_cryptopayment_change", args=[payment.pk]),
        button="See the payment",
        kind="purchase.problem",
        key=f"crypto-problem:{payment.public_id}",
    )


def tell_dispute(back: MoneyBack, *, top_ups_off: bool) -> None:
    """A cardholder disputes a payment: Stripe wants evidence within days."""
    purchase = back.purchase
    amount = money_text(back.amount, purchase.currency)
    _operators(
        f"{site().product_name}: {purchase.workspace} disputes {amount}",
        "packs/email/dispute.txt",
        {
            "purchase": purchase,
            "amount": amount,
            "dispute": back.stripe_id,
            "reason": back.reason.replace("_", " "),
            "top_ups_off": top_ups_off,
        },
        link=_in_admin(purchase),
        button="See the purchase",
        kind="purchase.dispute",
        key=f"dispute:{back.stripe_id}",
    )


def tell_invoice_dispute(workspace: Workspace, dispute: Dispute, *, top_ups_off: bool) -> None:
    """As `tell_dispute`, of a payment that is no purchase's."""
    amount = money_text(dispute.amount, dispute.currency)
    _operators(
        f"Dispute of {amount} by {workspace}",
        "packs/email/invoice_dispute.txt",
        {
            "workspace": workspace,
            "amount": amount,
            "dispute": dispute,
            "reason": dispute.reason.replace("_", " "),
            "top_ups_off": top_ups_off,
        },
        link=settings.SITE_URL + reverse("admin:packs_invoicedispute_changelist"),
        button="See disputes of invoices",
        kind="purchase.dispute",
        key=f"dispute:{dispute.id}",
    )


def tell_differences(run: Reconciliation) -> None:
    _operators(
        f"{site().product_name}: ledger and Stripe differ ({len(run.differences)})",
        "packs/email/differences.txt",
        {"run": run, "shown": run.differences[:20], "left_out": max(len(run.differences) - 20, 0)},
        link=f"{settings.SITE_URL}/admin/",
        button="Open the admin",
        kind="purchase.differences",
        key=f"reconciliation:{run.started_at:%Y-%m-%d}:{len(run.differences)}",
    )


def tell_card_expires(workspace: Workspace, card: ExpiringCard) -> bool:
    """Once per card and date. False when that was done, or nobody is there to be told."""
    link = settings.SITE_URL + reverse("packs:methods", args=[workspace.public_id])
    brand = card.brand.replace("_", " ").title()
    news = News(
        workspace=workspace,
        kind="card.expiring",
        key=f"card-expiring:{card.id}:{card.exp_year}-{card.exp_month}",
        subject=f"The {brand} card of {workspace} ending in {card.last4} expires soon",
        text=render_to_string("packs/email/card.txt", {"workspace": workspace, "card": card, "brand": brand}),
        link=link,
        button="Add another card",
    )
    return tell(news, to=recipients(workspace))


def _in_admin(purchase: Purchase) -> str:
    return settings.SITE_URL + reverse("admin:packs_purchase_change", args=[purchase.pk])


def _operators(
    subject: str, template: str, context: dict[str, object], *, link: str, button: str, kind: str, key: str
) -> None:
    text = render_to_string(template, context)
    alarm(kind=kind, key=key, subject=subject, text=text, link=link, button=button)
