"""What people are told about automatic top-ups: each once, by the outbox's keys."""

from datetime import datetime

from django.conf import settings
from django.urls import reverse

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.mail.others import alarm
from billing.foundation.mail.telling import News, tell
from billing.foundation.site.selectors import site
from billing.invoices.profiles import recipients
from billing.metering.selectors.days import zone
from billing.packs.autotopup.models import AutoTopUp, TopUp
from billing.packs.autotopup.sizing import Period
from billing.packs.autotopup.words import money, units
from billing.packs.models import Purchase


def page_url(workspace: Workspace) -> str:
    return settings.SITE_URL + reverse("packs:auto-top-up", args=[workspace.public_id])


def pay_url(purchase: Purchase) -> str:
    return settings.SITE_URL + reverse("packs:auto-top-up-pay", args=[purchase.workspace.public_id, purchase.public_id])


def tell_succeeded(top_up: TopUp) -> None:
    purchase = top_up.purchase
    added = f"{money(purchase.amount)} were charged, and {units(purchase.credits)} were added to {purchase.workspace}."
    _tell(
        purchase.workspace,
        f"{units(purchase.credits)} added to {purchase.workspace}: {money(purchase.amount)} charged automatically",
        [added, f"{top_up.reason}.", "The receipt comes in a message of its own."],
        kind="topup.succeeded",
        key=f"topup-succeeded:{purchase.public_id}",
    )


def tell_declined(top_up: TopUp, again_at: datetime | None) -> None:
    """`again_at`: None when it was switched off meanwhile."""
    purchase, price = top_up.purchase, money(top_up.purchase.amount)
    subject = f"The card of {purchase.workspace} was declined: {price} for an automatic top-up"
    said = f"Stripe says: {top_up.message or 'The card was declined.'} Nothing was charged."
    if top_up.outcome == TopUp.Outcome.REFUSED:  # what Stripe says then is for the operator
        subject = f"An automatic top-up of {purchase.workspace} was not possible: {price}"
        said = "Stripe did not accept it, and the operator was told. It is not about your card. Nothing was charged."
    then = "Automatic top-ups were switched off meanwhile, so it is not tried again."
    if again_at is not None:
        then = (
            f"If the balance is still that low, the card is tried again on {_at(purchase.workspace, again_at)}."
            " Until then nothing is tried. Another card can be chosen on the page."
        )
    _tell(
        purchase.workspace,
        subject,
        [said, f"{top_up.reason}.", then],
        kind="topup.failed",
        key=f"topup-declined:{purchase.public_id}",
    )


def tell_refused(top_up: TopUp, said: str, code: str) -> None:
    """Operators, of a refusal that is not about a card: once a day for each code."""
    workspace = top_up.purchase.workspace
    alarm(
        kind="topup.alarm",
        key=f"topup-refused:{code[:60]}:{clock.now():%Y-%m-%d}",
        subject="Stripe does not accept automatic top-ups",
        text=f"Stripe says: {said}\n\nFirst of {workspace} ({workspace.public_id}). No card was charged, and its people"
        " were told. It is tried again after 1, 6 and 24 hours, then its automatic top-ups are switched off.",
        link=settings.SITE_URL + reverse("admin:packs_topup_changelist"),
        button="See automatic charges",
    )


def tell_off(row: AutoTopUp, purchase: Purchase) -> None:
    """It was switched off by the portal, for the reason that the row has."""
    _tell(
        row.workspace,
        f"Automatic top-ups of {row.workspace} are switched off",
        [
            f"{row.off_because} Nothing was charged.",
            "From now on nothing is charged automatically. To switch it on again, choose a card and agree once more.",
        ],
        kind="topup.failed",
        key=f"topup-off:{purchase.public_id}",
    )


def tell_disputed(row: AutoTopUp, dispute: str) -> None:
    """The customer; operators are told of the dispute itself."""
    _tell(
        row.workspace,
        f"Automatic top-ups of {row.workspace} are switched off",
        [
            row.off_because,
            "So that nobody is charged against their will, nothing is charged automatically from now on. To switch it"
            " on again, choose a card and agree once more.",
        ],
        kind="topup.failed",
        key=f"topup-disputed:{dispute}",
    )


def tell_confirmation(top_up: TopUp, until: datetime) -> None:
    purchase = top_up.purchase
    _tell(
        purchase.workspace,
        f"Confirm a payment of {money(purchase.amount)} for {purchase.workspace}",
        [
            f"Your bank wants you to confirm the automatic top-up of {money(purchase.amount)} for"
            f" {units(purchase.credits)}. Nothing was charged.",
            f"{top_up.reason}.",
            f"Pay it by {_at(purchase.workspace, until)}; until then nothing else is charged automatically.",
        ],
        kind="topup.authentication",
        key=f"topup-confirmation:{purchase.public_id}",
        link=pay_url(purchase),
        button="Confirm the payment",
    )


def tell_capped(row: AutoTopUp, period: Period, start: datetime, until: datetime, balance: int) -> None:
    """Once a period."""
    cap, when = (row.month_cap, "this month") if period == "month" else (row.day_cap, "today")
    _tell(
        row.workspace,
        f"No more automatic top-ups {when} for {row.workspace}: {money(cap)} are reached",
        [
            f"The balance of {row.workspace} is {units(balance)}, below {units(row.threshold)}, and nothing was"
            f" charged: the most that you allowed for a {period} is {money(cap)}.",
            f"Automatic top-ups go on on {_at(row.workspace, until)}. Until then you can buy a pack, or allow more.",
        ],
        kind="topup.capped",
        key=f"topup-capped:{row.workspace.public_id}:{period}:{start:%Y-%m-%dT%H}:{cap}",
    )


def tell_paused(row: AutoTopUp, charges: int) -> None:
    """The customer, and the operators."""
    at = row.paused_at
    assert at is not None  # noqa: S101 - it was set a line before
    key = f"topup-paused:{row.workspace.public_id}:{at:%Y-%m-%dT%H:%M:%S}"
    happened = f"{charges} automatic top-ups within an hour: more than is usual, so no further one was made."
    _tell(
        row.workspace,
        f"Automatic top-ups of {row.workspace} are paused",
        [happened, "Look what uses the balance up. On the page you can let them go on, or switch them off."],
        kind="topup.paused",
        key=key,
    )
    alarm(
        kind="topup.alarm",
        key=f"{key}:operators",
        subject=f"{site().product_name}: automatic top-ups of {row.workspace} are paused",
        text=f"{row.workspace} ({row.workspace.public_id}): {happened}\n\nIts people were told.",
        link=settings.SITE_URL + reverse("admin:packs_autotopup_change", args=[row.pk]),
        button="See them in the admin",
    )


def _tell(
    workspace: Workspace,
    subject: str,
    lines: list[str],
    *,
    kind: str,
    key: str,
    link: str = "",
    button: str = "See automatic top-ups",
) -> None:
    news = News(workspace, kind, key, subject, "\n\n".join(lines), link or page_url(workspace), button)
    tell(news, to=recipients(workspace))


def _at(workspace: Workspace, at: datetime) -> str:
    return f"{at.astimezone(zone(workspace.time_zone)):%-d %B %Y, %H:%M} ({workspace.time_zone})"
