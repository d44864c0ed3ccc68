"""Changes of a running plan equal their previews: to the cent, to the nano-credit, to the day."""

from datetime import timedelta

import pytest

from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.outbox.models import OutboxMessage
from billing.ledger.models import Lot
from billing.metering.models import Allowance
from billing.plans import hooks
from billing.plans.models import CreditTier, PlanVersion, Subscription, SubscriptionChange
from billing.plans.periods.life import version_change
from billing.plans.subscribing.change import change_leave
from billing.plans.subscribing.errors import ChangeBusy, ChangeConflict, ChangeGone, ChangeStale, NotNow
from billing.plans.subscribing.preview import change_preview
from billing.plans.subscribing.tests.conftest import Till, version_of

pytestmark = pytest.mark.django_db


def test_an_upgrade_now(till: Till) -> None:
    before = till.start("plus")
    till.advance(days=10)
    shown = till.shown("team")
    assert (shown.kind, shown.effective_at) == ("upgrade", shown.at)
    charged, lots = till.charged(), till.lots()
    done = till.confirm(shown)
    assert done.status == "done"
    assert till.charged() - charged == shown.amount_due > 0
    assert sum(line["amount"] for line in shown.shown["lines"]) == shown.amount_due
    (new,) = Lot.objects.filter(workspace=till.workspace, source="plan", amount=shown.credits)
    assert 1_900 * NANO < new.amount < 2_000 * NANO  # 3,000 for 18 of 28 days
    assert new.expires_at == shown.credits_until
    assert len(till.lots()) == len(lots) + 1
    row = till.row
    assert (row.pk, row.version.plan.key, row.anchor) == (before.pk, "team", before.anchor)
    soon = shown.at + timedelta(minutes=1)
    running = Allowance.objects.filter(workspace=till.workspace, starts_at__lte=soon, ends_at__gt=soon)
    assert {(int(one.included), one.ends_at) for one in running} == {(9_000, row.next_period_at)}
    till.advance(days=19)
    till.look()
    assert [lot[0] for lot in till.lots()][-1] == 4_000
    assert OutboxMessage.objects.filter(kind="subscription.changed").count() == 1
    till.sound()


def test_a_tier_up_and_the_same_again(till: Till) -> None:
    till.start("team")
    till.advance(days=14)
    shown = till.shown("team", tier=1)
    charged = till.charged()
    assert till.confirm(shown).status == "done"
    assert till.charged() - charged == shown.amount_due
    assert Lot.objects.filter(amount=shown.credits, source="plan").count() == 1
    again = SubscriptionChange.objects.get(pk=shown.pk)
    assert till.confirm(again).status == "done"
    assert till.charged() - charged == shown.amount_due
    assert Lot.objects.filter(amount=shown.credits, source="plan").count() == 1
    till.sound()


def test_each_change_is_told_once(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever steps it takes: a change of tier and interval moves the subscription's periods as well."""
    told: list[tuple[str | None, int, str, str]] = []

    def listen(row: Subscription) -> None:
        tier = row.credit_tier.number if row.credit_tier else 0
        said = (row.stripe_id, tier, row.interval, row.status)
        if told[-1:] != [said]:
            told.append(said)

    monkeypatch.setattr(hooks, "subscription_changed", [listen])
    key = till.start("team").stripe_id
    assert told == [(None, 0, "", "ended"), (key, 0, "month", "active")]
    del told[:-1]
    till.change("team", "year", 2)
    for _ in range(2):
        till.advance(days=31)
        till.look()
    assert told[1:] == [(key, 2, "year", "active")], told
    till.sound()


def test_from_the_month_to_the_year(till: Till) -> None:
    """The month is finished as it was paid: its credits stay, so nothing of it is given back."""
    first = till.start("plus")
    till.advance(days=10)
    shown = till.shown("plus", "year")
    assert (shown.kind, shown.amount_due, shown.credits) == ("downgrade", 0, 0)
    assert shown.effective_at == first.paid_until
    assert till.confirm(shown).status == "done"
    assert (till.row.interval, till.charged(), len(till.lots())) == ("month", 2_000, 1)
    for months in range(2, 14):
        till.advance(days=31 if months > 2 else 19)
        till.look()
        assert (len(till.lots()), till.charged()) == (months, 2_000 + 20_000)
    row = till.row
    assert (row.interval, row.stripe_id) == ("year", first.stripe_id)
    till.sound()


def test_to_more_by_the_year(till: Till) -> None:
    """More credits at once are had by the month; the year begins after it."""
    till.start("plus")
    till.advance(days=10)
    said = till.shown("team", "year").shown["sentences"]
    assert "To have more at once, change to it by the month first." in said
    assert "To have more at once, change to it by the month first." not in till.shown("plus", "year").shown["sentences"]
    version_of("lite", 20, 1_000, 3_000)  # which is cheaper: by the month it would wait, too
    assert "To have more at once, change to it by the month first." not in till.shown("lite", "year").shown["sentences"]
    now = till.change("team")
    charged = till.charged()
    assert till.change("team", "year").status == "done"
    assert (till.row.version.plan.key, till.charged()) == ("team", charged)
    till.advance(days=19)
    till.look()
    assert (till.row.interval, till.charged() - charged) == ("year", 50_000)
    assert [lot[0] for lot in till.lots()] == [1_000, now.credits // NANO, 4_000]
    till.sound()


def test_what_is_cheaper_begins_when_the_paid_time_is_over(till: Till) -> None:
    row = till.start("team", tier=1)
    shown = till.shown("plus")
    assert (shown.kind, shown.amount_due, shown.credits) == ("downgrade", 0, 0)
    assert shown.effective_at == row.paid_until
    charged = till.charged()
    assert till.confirm(shown).status == "done"
    row = till.row
    assert (row.version.plan.key, row.changes_at) == ("team", shown.effective_at)
    assert row.next_version is not None
    assert till.charged() == charged
    with pytest.raises(NotNow, match="Stay on this plan"):
        till.shown("team", "year")
    till.advance(days=29)
    till.look()
    row = till.row
    assert (row.version.plan.key, row.changes_at, row.credit_tier) == ("plus", None, None)
    assert till.charged() - charged == 2_000
    assert [lot[0] for lot in till.lots()] == [8_000, 1_000]
    till.sound()


def test_a_tier_down_and_staying_after_all(till: Till) -> None:
    till.start("team", tier=2)
    assert till.confirm(till.shown("team", tier=1)).status == "done"
    assert till.row.next_credit_tier is not None
    assert till.confirm(till.shown(kind="keep")).status == "done"
    assert till.row.changes_at is None
    till.advance(days=29)
    till.look()
    assert [lot[0] for lot in till.lots()] == [16_000, 16_000]
    assert till.row.credit_tier is not None


def test_from_the_year_to_the_month(till: Till) -> None:
    till.start("plus", "year")
    shown = till.shown("plus")
    assert (shown.kind, shown.effective_at) == ("downgrade", till.row.paid_until)
    assert till.confirm(shown).status == "done"
    for _ in range(12):
        till.advance(days=31)
        till.look()
    assert till.row.interval == "month"
    assert till.charged() == 20_000 + 2_000
    assert len(till.lots()) == 13
    till.sound()


def test_cancelled_and_resumed_and_cancelled(till: Till) -> None:
    row = till.start("plus")
    shown = till.shown(kind="cancel")
    assert shown.effective_at == row.paid_until
    said = shown.shown["sentences"]
    assert "After that you are on the Free plan." in said
    assert "Included from then on: 1,000 input characters." in said
    assert till.confirm(shown).status == "done"
    assert till.row.ends_at == row.paid_until
    with pytest.raises(NotNow, match="Resume"):
        till.shown("team")
    assert till.confirm(till.shown(kind="keep")).status == "done"
    assert till.row.ends_at is None
    # The free plan is what one is on afterwards: choosing it is cancelling.
    assert till.confirm(till.shown("free", "")).kind == "cancel"
    till.advance(days=29)
    till.look()
    assert (till.row.version.plan.key, till.row.stripe_id) == ("free", None)
    assert till.row.anchor == row.paid_until
    assert till.charged() == 2_000
    kinds = set(OutboxMessage.objects.values_list("kind", flat=True))
    assert {"subscription.cancelled", "subscription.resumed", "subscription.ended"} <= kinds
    till.sound()


def test_changed_in_between(till: Till) -> None:
    till.start("plus")
    stale, other = till.shown("team"), till.shown("team", tier=1)
    assert till.confirm(other).status == "done"
    charged = till.charged()
    with pytest.raises(ChangeStale):
        till.confirm(stale)
    assert till.charged() == charged
    with pytest.raises(ChangeGone):
        till.confirm(SubscriptionChange.objects.get(pk=stale.pk))
    old = till.shown("team", tier=2)
    till.advance(seconds=31 * 60)
    with pytest.raises(ChangeStale):
        till.confirm(old)


def test_the_same_key(till: Till) -> None:
    till.start("plus")
    with till.time():
        one = change_preview(workspace=till.workspace, choice=till.choice("team"), key="order-1")
        assert change_preview(workspace=till.workspace, choice=till.choice("team"), key="order-1") == (one[0], True)
        with pytest.raises(ChangeConflict):
            change_preview(workspace=till.workspace, choice=till.choice("team", tier=1), key="order-1")


def test_declined_then_paid(till: Till) -> None:
    """The change waits for its payment; nothing changes until then."""
    till.start("plus")
    till.card("pm_card_chargeCustomerFail")
    shown = till.shown("team")
    waits = till.confirm(shown)
    assert (waits.status, waits.session_url[:4]) == ("asked", "http")
    assert "declined" in waits.problem
    assert till.row.version.plan.key == "plus"
    assert len(till.lots()) == 1
    other = till.shown("team", tier=1)
    with pytest.raises(ChangeBusy):
        till.confirm(other)
    till.simulated.client.post(f"_hosted/invoices/{waits.invoice_id}/pay", number="4242424242424242")
    till.asked_anew()
    waits.refresh_from_db()
    assert (waits.status, till.row.version.plan.key) == ("done", "team")
    assert [lot[0] for lot in till.lots()] == [1_000, shown.credits // NANO]
    till.sound()


def test_declined_and_given_up(till: Till) -> None:
    till.start("plus")
    till.card("pm_card_chargeCustomerFail")
    waits = till.confirm(till.shown("team"))
    with till.time():
        left = change_leave(waits)
    assert left.status == "failed"
    assert till.row.version.plan.key == "plus"
    assert till.charged() == 2_000


def test_stripe_does_not_answer(till: Till) -> None:
    """The answer is lost: the same again, or the clock, finds it done."""
    till.start("plus")
    shown = till.shown("team")
    charged = till.charged()
    till.simulated.control("faults", on="subscriptions/sub_", method="POST", times=2, afterwards=True)
    with pytest.raises(Exception, match="does not answer"):
        till.confirm(shown)
    assert SubscriptionChange.objects.get(pk=shown.pk).status == "asked"
    till.simulated.control("faults")
    till.advance(seconds=90)
    till.look()
    assert SubscriptionChange.objects.get(pk=shown.pk).status == "done"
    assert till.charged() - charged == shown.amount_due
    assert [lot[0] for lot in till.lots()][1:] == [shown.credits // NANO]
    till.sound()


def test_nothing_to_cancel(till: Till) -> None:
    with pytest.raises(NotNow):
        till.shown(kind="cancel")
    with pytest.raises(NotNow):
        till.shown("free", "")
    with clock.at(clock.now()), pytest.raises(NotNow):
        change_preview(workspace=till.workspace, choice=None, kind="keep", key="x")


def test_moved_by_staff_to_a_version_that_costs_the_same(till: Till) -> None:
    """At Stripe the price stays the old version's, and does not move the customer back."""
    row = till.start("team", tier=1)
    newer = PlanVersion.objects.get(pk=row.version_id)
    tier = CreditTier.objects.get(pk=row.credit_tier_id)
    newer.pk, newer.number, newer.concurrency = None, 2, 9
    newer.save()
    tier.pk, tier.version = None, newer
    tier.save()
    with till.time() as now:
        version_change(row.pk, newer, credit_tier=tier, at=now, now=now)
    till.asked_anew()
    assert till.row.version == newer
    assert till.confirm(till.shown("plus")).status == "done"
    till.advance(days=29)
    till.look()
    assert till.row.version.plan.key == "plus"
