"""What an operator does before the first customer: shown on the first page until all of it is done."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse

from accounts.models import ApiKey
from accounts.scopes import KeyKind
from billing.foundation.outbox.transport import Transport, transport
from billing.foundation.site.selectors import site
from billing.gateway.endpoint import is_connected
from billing.ledger.models import Operation
from billing.metering.models import UsageEvent
from billing.plans.selectors import newest_version, plans_on_offer


@dataclass(frozen=True, slots=True)
class Step:
    """`how`: what to do, or what is so; `href` leads to where it is done in the admin, if it is."""

    title: str
    done: bool
    how: str
    href: str = ""


def first_steps() -> list[Step]:
    """All of them in order; empty once everything is done."""
    found = list(_steps())
    return [] if all(step.done for step in found) else found


def _steps() -> Iterator[Step]:
    yield _face_value()
    yield _plan()
    yield _mail()
    yield from _payments()
    yield _key()
    yield _event()
    yield _going_live()


def _face_value() -> Step:
    """Fixed by the first entry of the ledger, so it is asked before."""
    of = site()
    words = f"A {of.credit_name} of {of.product_name} is worth ${of.usd_per_credit.normalize():f}"
    if Operation.objects.exists():
        return Step("Name and face value", True, f"{words}; the ledger has entries, so that stays.")
    how = f"{words}. That is fixed by the first entry of the ledger."
    return Step("Name and face value", False, how, reverse("admin:foundation_sitesettings_changelist"))


def _plan() -> Step:
    first, href = newest_version(site().default_plan), reverse("admin:plans_plan_changelist")
    if first is None:
        return Step("A plan to begin with", False, "Publish one, and make it the default in the site settings.", href)
    others = len(plans_on_offer())
    return Step("A plan to begin with", True, f"New customers are on “{first.plan.name}”; {others} are on offer.", href)


def _mail() -> Step:
    done = transport() is Transport.SMTP
    how = "Messages leave by EMAIL_URL." if done else "Set EMAIL_URL and DEFAULT_FROM_EMAIL: nothing is sent yet."
    return Step("E-mail", done, how, reverse("admin:foundation_outboxmessage_changelist"))


def _payments() -> Iterator[Step]:
    real = bool(settings.STRIPE_SECRET_KEY) and not settings.SIMULATED_PAYMENTS
    how = "The key is set." if real else "Set STRIPE_SECRET_KEY. Payments are simulated or off until then."
    yield Step("Stripe", real, how)
    webhooks = real and is_connected()
    how = "Stripe knows our address." if webhooks else "Run manage.py stripe_connect: no payment is credited yet."
    yield Step("Stripe's webhooks", webhooks, how)


def _key() -> Step:
    done = ApiKey.objects.filter(kind=KeyKind.SERVICE, revoked_at=None).exists()
    how = "There is one." if done else "Make one for your backend: manage.py service_key_create."
    return Step("A service key", done, how, reverse("admin:accounts_apikey_changelist"))


def _event() -> Step:
    done = UsageEvent.objects.exists()
    how = "Usage was recorded." if done else "Record one with the key: POST /api/v1/usage."
    return Step("A first event", done, how, reverse("admin:metering_usageevent_changelist"))


def _going_live() -> Step:
    live = not settings.DEMO and settings.SITE_URL.startswith("https:") and settings.STRIPE_LIVE_MODE
    how = (
        "This is no demo, its address is encrypted, and cards are charged."
        if live
        else "A database of your own, SITE_URL=https://…, a live key; then manage.py doctor."
    )
    return Step("Going live", live, how)
