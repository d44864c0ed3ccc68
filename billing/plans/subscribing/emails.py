"""What people are told of their subscription, each once, by the outbox's keys."""

from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.mail.others import alarm
from billing.foundation.mail.telling import News, tell
from billing.foundation.site.selectors import site
from billing.gateway.subscriptions import SubscriptionState
from billing.invoices.money import money_text
from billing.invoices.profiles import recipients
from billing.metering.selectors.days import zone
from billing.plans.models import Subscription
from billing.plans.subscribing.choices import choice_of


def tell_started(row: Subscription) -> None:
    _tell(row, "started", f"{row.workspace} is on the {row.version.plan.name} plan", key=f"started:{row.stripe_id}")


def tell_changed(row: Subscription, before: str) -> None:
    name = choice_of(row).name
    key = f"changed:{row.stripe_id}:{row.pk}:{choice_of(row).lookup_key}:{_second(row.paid_until)}"
    _tell(row, "changed", f"{row.workspace} is now on the {name}", key=key, before=before)


def tell_planned(row: Subscription, following: str) -> None:
    key = f"planned:{row.pk}:{following}:{_second(row.changes_at)}"
    subject = f"The plan of {row.workspace} changes on {_day(row.workspace, row.changes_at)}"
    _tell(row, "planned", subject, key=key, following=following)


def tell_cancelled(row: Subscription) -> None:
    subject = f"{_whose(row)} ends on {_day(row.workspace, row.ends_at)}"
    _tell(row, "cancelled", subject, key=f"cancelled:{row.pk}:{_now()}")


def tell_resumed(row: Subscription) -> None:
    subject = f"{_whose(row)} goes on"
    _tell(row, "resumed", subject, key=f"resumed:{row.pk}:{_now()}")


def tell_unpaid(row: Subscription, state: SubscriptionState) -> None:
    """A renewal was declined, or waits for the cardholder: each once for each invoice."""
    invoice = state.latest_invoice
    if invoice is None or invoice.paid:
        return
    amount = money_text(invoice.amount_due, invoice.currency)
    name, subject = "unpaid", f"The payment of {amount} for {row.workspace} was declined"
    if invoice.confirm:
        name, subject = "confirm", f"Confirm the payment of {amount} for {row.workspace}"
    _tell(row, name, subject, key=f"{name}:{invoice.id}", amount=amount, pay=invoice.url or "")


def tell_last(row: Subscription) -> bool:
    """It has been declined for days: what happens next. Once for each time that it fails."""
    subject = f"Last notice: {_whose(row, begins=False)} is not paid"
    return _tell(row, "last", subject, key=f"last:{row.stripe_id}:{_second(row.past_due_since)}")


def tell_ended(row: Subscription, *, failed: bool, plan: str) -> None:
    subject = f"{_whose(row)} has ended"
    _tell(row, "ended", subject, key=f"ended:{row.stripe_id}", failed=failed, plan=plan)


def tell_auto_upgraded(row: Subscription, before: str, amount: int) -> None:
    text = money_text(amount, "usd")
    key = f"auto-upgraded:{row.pk}:{choice_of(row).lookup_key}:{row.period}"
    subject = f"The plan of {row.workspace} was moved up automatically"
    _tell(row, "auto_upgraded", subject, key=key, before=before, amount=text)


def tell_auto_upgrade_stopped(row: Subscription, why: str) -> None:
    subject = f"The plan of {row.workspace} was not moved up automatically"
    _tell(row, "auto_stopped", subject, key=f"auto-stopped:{row.pk}:{row.period}:{why}"[:190], why=why)


def tell_operators(what: str, problem: str) -> None:
    """Something about a subscription needs a person."""
    alarm(
        kind="subscription.problem",
        key=f"subscription-problem:{what}:{problem}"[:200],
        subject=f"{site().product_name}: a subscription needs a person",
        text=render_to_string("plans/email/problem.txt", {"problem": problem}),
        link=f"{settings.SITE_URL}/admin/plans/subscription/",
        button="See subscriptions",
    )


def _tell(row: Subscription, name: str, subject: str, *, key: str, pay: str = "", **more: object) -> bool:
    """False when that was done before, or nobody is there to be told."""
    workspace = row.workspace
    context = {
        "row": row,
        "on": choice_of(row),
        "workspace": workspace,
        "zone": zone(workspace.time_zone),
        "units": site().credit_name_plural,
        **more,
    }
    plan, cards = (
        settings.SITE_URL + reverse(page, args=[workspace.public_id]) for page in ("plans:plan", "packs:methods")
    )
    also: tuple[tuple[str, str], ...] = ()
    link, button = plan, "See your plan"
    if name in ("unpaid", "confirm", "last"):
        link, button, also = cards, "Use another card", (("See your plan", plan),)
    if pay:
        what = "Confirm the payment" if name == "confirm" else "Pay it now"
        link, button, also = pay, what, (("Use another card", cards), *also)
    news = News(
        workspace=workspace,
        kind=f"subscription.{name}",
        key=f"subscription-{key}"[:200],
        subject=subject,
        text=render_to_string(f"plans/email/{name}.txt", context),
        link=link,
        button=button,
        also=also,
    )
    return tell(news, to=recipients(workspace))


def _whose(row: Subscription, *, begins: bool = True) -> str:
    """ "The Pro plan of Acme"."""
    return f"{'The' if begins else 'the'} {row.version.plan.name} plan of {row.workspace}"


def _day(workspace: Workspace, at: datetime | None) -> str:
    if at is None:
        return "its end"
    local = at.astimezone(zone(workspace.time_zone))
    return f"{local.day} {local:%B %Y}"


def _now() -> str:
    """Each time that somebody does it is one of its own."""
    return f"{clock.now():%Y%m%dT%H%M%S%f}"


def _second(at: datetime | None) -> int:
    return int(at.timestamp()) if at else 0
