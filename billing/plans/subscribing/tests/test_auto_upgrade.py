"""Automatic upgrades: only as agreed, once, and told about."""

from decimal import Decimal
from typing import Any

import pytest

from accounts.errors import Refused
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.foundation.due.registry import run_due
from billing.foundation.outbox.models import OutboxMessage
from billing.ledger.models import Lot
from billing.ledger.services import credits_adjust, credits_grant
from billing.plans.models import AutoUpgrade, Subscription, SubscriptionChange
from billing.plans.subscribing.autoupgrade import JOB, auto_upgrade_agree, auto_upgrade_withdraw
from billing.plans.subscribing.tests.conftest import Till
from billing.plans.subscribing.tests.test_newer_version import newer

pytestmark = pytest.mark.django_db


def spend(till: Till, credits: int, key: str) -> None:
    with till.time():
        credits_adjust(workspace_id=till.workspace.pk, key=key, amount=-credits * NANO, reason="test", actor="test")


def agree(till: Till, highest: int = 2, most: int = 50_000) -> AutoUpgrade:
    with till.time():
        return auto_upgrade_agree(workspace=till.workspace, highest=highest, most_cents=most, by=till.person)


def run(till: Till) -> None:
    with till.time():
        (done,) = run_due(only=JOB)
    assert done.error == "", done.error


def tier(till: Till) -> int:
    row = till.row
    return row.credit_tier.number if row.credit_tier else 0


def test_up_when_used_up_one_step_at_a_time_until_the_highest(till: Till) -> None:
    till.start("team")
    spend(till, 4_000, "a")
    run(till)
    assert tier(till) == 0, "nobody has agreed"
    agreed = agree(till, highest=1)
    assert "tier 1" in agreed.text
    assert "$500.00" in agreed.text
    charged = till.charged()
    run(till)
    run(till)
    (change,) = SubscriptionChange.objects.filter(origin="automatic")
    assert (tier(till), change.status, till.charged() - charged) == (1, "done", change.amount_due)
    assert OutboxMessage.objects.filter(kind="subscription.auto_upgraded").count() == 1
    spend(till, change.credits // NANO, "b")
    left = sum(lot.remaining for lot in Lot.objects.filter(workspace=till.workspace))
    spend_rest(till, left)
    run(till)
    assert tier(till) == 1, "no higher than agreed"
    till.sound()


def spend_rest(till: Till, nano: int) -> None:
    if nano:
        with till.time():
            credits_adjust(workspace_id=till.workspace.pk, key="rest", amount=-nano, reason="test", actor="test")


def test_bought_credits_do_not_count(till: Till) -> None:
    till.start("team")
    agree(till)
    with till.time():
        credits_grant(workspace_id=till.workspace.pk, key="pack", amount=500 * NANO, source="bought", label="Pack")
    spend(till, 3_999, "a")
    run(till)
    assert tier(till) == 0
    spend(till, 1, "b")
    run(till)
    assert tier(till) == 1


def test_never_more_money_than_agreed(till: Till) -> None:
    till.start("team")
    agree(till, most=1_000)
    spend(till, 4_000, "a")
    charged = till.charged()
    run(till)
    run(till)
    assert (tier(till), till.charged()) == (0, charged)
    assert OutboxMessage.objects.filter(kind="subscription.auto_stopped").count() == 1


def test_declined_once_is_not_tried_again(till: Till) -> None:
    till.start("team")
    agree(till)
    till.card("pm_card_chargeCustomerFail")
    spend(till, 4_000, "a")
    run(till)
    run(till)
    assert (tier(till), SubscriptionChange.objects.filter(origin="automatic").count()) == (0, 1)
    assert OutboxMessage.objects.filter(kind="subscription.auto_stopped").count() == 1


def test_withdrawn(till: Till) -> None:
    till.start("team")
    agree(till)
    agree(till, highest=1)
    assert AutoUpgrade.objects.filter(withdrawn_at=None).count() == 1
    assert auto_upgrade_withdraw(workspace=till.workspace, by=till.person)
    spend(till, 4_000, "a")
    run(till)
    assert tier(till) == 0
    with pytest.raises(Refused):
        agree(till, highest=7)


def test_another_version_switches_it_off_and_the_preview_says_so(till: Till) -> None:
    till.start("team")
    off = "Automatic upgrades are switched off; agree to them anew."
    assert off not in till.shown("team", tier=1).shown["sentences"]
    agreed = agree(till)
    assert off not in till.shown("team", tier=1).shown["sentences"]
    newer("team", 5_500, 4_500, tiers=((9_000, 9_900),))
    shown = till.shown("team", newest=True)
    assert off in shown.shown["sentences"]
    assert till.confirm(shown).status == "done"
    agreed.refresh_from_db()
    assert (agreed.withdrawn_at is not None, agreed.withdrawn_by) == (True, "change of the plan")
    assert AuditEntry.objects.filter(action="auto_upgrade.withdrawn", workspace=till.workspace).count() == 1


def test_one_that_was_kept_by_a_change_is_ended_and_told(till: Till) -> None:
    """Agreed to while the plan was changing."""
    row = till.start("team")
    agreed = agree(till)
    version = newer("team", 5_500, 4_500, tiers=((9_000, 9_900),))
    Subscription.objects.filter(pk=row.pk).update(version=version)
    spend(till, 4_000, "a")
    run(till)
    run(till)
    agreed.refresh_from_db()
    assert agreed.withdrawn_at is not None
    assert OutboxMessage.objects.filter(kind="subscription.auto_stopped").count() == 1


def test_the_page(till: Till, alice_client: Any, bob_client: Any) -> None:
    path = f"/w/{till.workspace.public_id}/plan/auto-upgrade"
    assert bob_client.get(path).status_code == 403
    assert "No higher tier" in alice_client.get(path).content.decode()
    till.start("team", "year")
    refused = alice_client.post(path, {"highest": "2", "most": "50"})
    assert refused.status_code == 422
    assert "Tier 2: 16,000 credits a month for $1,700.00 a year" in refused.content.decode()
    assert alice_client.post(path, {"highest": "2", "most": "50", "agreed": "on"}).status_code == 302
    agreed = AutoUpgrade.objects.get()
    assert (agreed.most_cents, agreed.agreed_by) == (int(Decimal(50) * 100), till.person)
    page = alice_client.get(path).content.decode()
    assert agreed.text in page
    assert 'value="50' in page
    assert alice_client.post(path, {"off": "1"}).status_code == 302
    assert AutoUpgrade.objects.get().withdrawn_at is not None
