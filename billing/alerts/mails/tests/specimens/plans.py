"""Mails about plans, add-ons and resources."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from accounts.models import User, Workspace
from billing.alerts.mails.tests.specimens.accounts import NOW
from billing.credits.units import NANO
from billing.gateway.subscriptions import Invoice, SubscriptionState
from billing.plans.addons import emails as addon_mails
from billing.plans.hooks import Shortfall
from billing.plans.models import AddOn, Plan, PlanVersion, ShutdownWarning, Subscription, WorkspaceAddOn
from billing.plans.resources import emails as resource_mails
from billing.plans.subscribing import emails
from billing.voices.clones import emails as voice_mails
from billing.voices.models import Voice, VoiceJob

DAY = timedelta(days=1)


def write(workspace: Workspace, owner: User) -> None:
    _subscription(workspace)
    _add_on(workspace)
    _resources(workspace)
    _voices(workspace)


def _subscription(workspace: Workspace) -> None:
    plan = Plan.objects.create(key="specimen", name="Pro")
    version = PlanVersion(plan=plan, number=1, monthly_price_cents=2_900, monthly_credits=20_000 * NANO)
    row = Subscription(
        pk=1, workspace=workspace, version=version, interval="month", anchor=NOW, paid_until=NOW + 30 * DAY,
        stripe_id="sub_1", ends_at=NOW + 30 * DAY, changes_at=NOW + 30 * DAY, past_due_since=NOW - 6 * DAY,
        ended_at=NOW,
    )  # fmt: skip
    emails.tell_started(row)
    emails.tell_changed(row, "Starter plan, monthly")
    emails.tell_planned(row, "Starter plan, monthly")
    emails.tell_cancelled(row)
    emails.tell_resumed(row)
    for confirm in (False, True):
        emails.tell_unpaid(row, _unpaid(f"in_{confirm}", confirm=confirm))
    emails.tell_last(row)
    emails.tell_ended(row, failed=True, plan="Free")
    emails.tell_auto_upgraded(row, "Starter plan, monthly", 2_100)
    emails.tell_auto_upgrade_stopped(row, "This month’s limit of $50.00 for automatic upgrades is reached.")


def _unpaid(key: str, *, confirm: bool) -> SubscriptionState:
    invoice = Invoice(key, "open", "https://invoice.stripe.com/i/acct_1/test_1", 2_900, "usd", confirm)
    return cast(SubscriptionState, SimpleNamespace(latest_invoice=invoice))


def _add_on(workspace: Workspace) -> None:
    held = WorkspaceAddOn(
        pk=1, workspace=workspace, addon=AddOn(key="voice", name="Voice cloning"), name="Voice cloning", quantity=2,
        monthly_credits=4_000 * NANO, paid_until=NOW + 20 * DAY, short_since=NOW, suspends_at=NOW + 2 * DAY,
    )  # fmt: skip
    news = Shortfall(workspace.pk, "voice", 8_000 * NANO, 1_250 * NANO, NOW + 2 * DAY)
    addon_mails.tell_not_covered(held, news)
    addon_mails.tell_suspended(held)
    addon_mails.tell_active_again(held, 5_300 * NANO, NOW)


def _resources(workspace: Workspace) -> None:
    warning = ShutdownWarning(
        pk=1, workspace=workspace, warned_at=NOW - 2 * DAY, shutdown_at=NOW, stopping_at=NOW, balance=900 * NANO,
        daily_cost=480 * NANO,
    )  # fmt: skip
    resource_mails.tell_warning(warning)
    resource_mails.tell_shutdown(warning, cast(Any, SimpleNamespace(balance=420 * NANO, daily_cost=480 * NANO)))
    resource_mails.tell_again(warning, balance=9_000 * NANO, daily_cost=480 * NANO)


def _voices(workspace: Workspace) -> None:
    voice = Voice(pk=1, public_id="voice_0a1b2c", name="Ada", owner=workspace)
    price = {"tier": "premium", "nano": 3_000 * NANO}
    ready = VoiceJob(public_id="vjob_1", voice=voice, attempt=1, price_snapshot=price, charge_id=1)
    failed = VoiceJob(public_id="vjob_2", voice=voice, attempt=1, price_snapshot=price)
    voice_mails.tell_ready(workspace, ready)
    voice_mails.tell_failed(workspace, failed, "The recordings are not good enough. Clip 2 is silent.")
