"""Shares of the period's credits, the month's spend and the balance: each told once, anew in the next period and after
credits came in; whoever looks, and whatever is lost in between.
"""

import threading
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Workspace
from billing.alerts.usage import looking
from billing.alerts.usage.facts import stands
from billing.alerts.usage.looking import balances_look, look
from billing.alerts.usage.models import UsageAlert
from billing.alerts.usage.selectors import ahead
from billing.alerts.usage.settings import Wanted, alerts_set
from billing.alerts.usage.telling import summaries_send
from billing.alerts.usage.tests.conftest import NOW, grant, mails, use
from billing.alerts.webhooks.models import WebhookEvent
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger import hooks
from billing.ledger.models import Wallet
from billing.ledger.tests.helpers import place, release

pytestmark = pytest.mark.django_db(transaction=True)
QUIET_LOW = Wanted(low_credits=1)  # so that being low is not what these are about


def told() -> list[str]:
    return list(UsageAlert.objects.exclude(told="quiet").order_by("pk").values_list("alert", flat=True))


def events(type: str) -> int:
    return WebhookEvent.objects.filter(type=type).count()


def test_each_share_is_told_once_and_again_in_the_next_period(customer: Workspace) -> None:
    alerts_set(workspace=customer, wanted=QUIET_LOW, actor="test")
    grant(customer, 1_000)
    assert Wallet.objects.get().alert_bound == 500 * NANO + 1
    for number, credits in enumerate((499, 1, 200, 50, 150)):
        use(customer, credits, f"s{number}")
    assert told() == ["50", "75", "90"]
    assert events("usage.threshold") == 3
    with clock.at(datetime(2026, 4, 2, tzinfo=UTC)):
        grant(customer, 1_000, "april")
        use(customer, 520, "in april")
        use(customer, 10, "more")
        assert told() == ["50", "75", "90", "50"]


def test_of_shares_reached_at_once_the_highest_is_told(customer: Workspace) -> None:
    alerts_set(workspace=customer, wanted=QUIET_LOW, actor="test")
    grant(customer, 1_000)
    use(customer, 930, "most of it")
    assert told() == ["90"]
    assert [subject for _, subject in mails()] == [f"{customer} has used 90 % of this period’s credits"]
    assert set(UsageAlert.objects.values_list("alert", "told")) == {("50", "quiet"), ("75", "quiet"), ("90", "mailed")}


def test_credits_that_come_in_arm_them_again(customer: Workspace) -> None:
    alerts_set(workspace=customer, wanted=QUIET_LOW, actor="test")
    grant(customer, 1_000)
    use(customer, 900, "s1")
    assert told() == ["90"]
    grant(customer, 600, "more")  # 56 % of 1,600: half of it was told of
    assert told() == ["90"]
    use(customer, 300, "s2")
    use(customer, 240, "s3")
    assert told() == ["90", "75", "90"]


def test_bought_credits_are_no_part_of_the_period(customer: Workspace) -> None:
    alerts_set(workspace=customer, wanted=QUIET_LOW, actor="test")
    grant(customer, 100)
    grant(customer, 10_000, "pack", source="bought")
    use(customer, 50, "half of the period's")
    assert told() == ["50"]
    assert Wallet.objects.get().alert_bound == 10_025 * NANO + 1


def test_a_sum_of_money_in_a_month(customer: Workspace) -> None:
    grant(customer, 100_000, source="bought")
    alerts_set(workspace=customer, wanted=Wanted(percents=(), low_credits=1, month_cents=1_000), actor="test")
    use(customer, 1_999, "just below $10")
    assert told() == []
    use(customer, 1, "ten dollars")
    use(customer, 500, "more")
    assert told() == ["money"]
    with clock.at(NOW + timedelta(days=30)):
        use(customer, 2_500, "april")
        balances_look(now=clock.now(), limit=100)
        assert told() == ["money", "money"]


def test_a_bound_of_ones_own_replaces_the_default(customer: Workspace) -> None:
    grant(customer, 1_000)
    assert Wallet.objects.get().low_bound == 100 * NANO
    alerts_set(workspace=customer, wanted=Wanted(percents=(), low_credits=400 * NANO), actor="test")
    assert Wallet.objects.get().low_bound == 400 * NANO
    use(customer, 650, "s")
    assert told() == ["low"]
    assert "350 left" in mails()[0][1]


@pytest.mark.parametrize("spends", [150, pytest.param(10_000, marks=pytest.mark.slow)])
def test_one_alert_for_each_real_fall(customer: Workspace, spends: int) -> None:
    """Spends and grants around the bound of low: as many alerts as the balance went from above to below."""
    grant(customer, 100)
    alerts_set(workspace=customer, wanted=Wanted(percents=(), low_credits=50 * NANO), actor="test")
    chance, there, falls = Random(7), 100, 0
    for number in range(spends):
        with clock.at(NOW + timedelta(seconds=number)):
            if chance.random() < 0.5 and there > 1:
                part = min(chance.randint(1, 30), there - 1)
                falls += there >= 50 > there - part
                there -= part
                use(customer, part, f"s{number}")
            else:
                part = chance.randint(1, 30) if there < 120 else 0
                hold = place(customer.pk, NANO, now=clock.now())
                release(customer.pk, hold, now=clock.now())
                if part:
                    there += part
                    grant(customer, part, f"g{number}", source="bought")
    assert falls > spends // 50
    assert told() == ["low"] * falls
    assert events("balance.low") == falls
    assert len(mails()) == 3


def test_a_gift_repeats_nothing_within_the_plans_period(customer: Workspace) -> None:
    alerts_set(workspace=customer, wanted=QUIET_LOW, actor="test")
    grant(customer, 100, "plan", source="plan")
    use(customer, 60, "s1")
    assert told() == ["50"]
    grant(customer, 100)  # 60 of 200
    here = stands([customer], clock.now())[customer.pk]
    assert [aim.alert for aim in ahead(customer, here, QUIET_LOW)] == ["75", "90", "100"]
    use(customer, 50, "s2")
    assert told() == ["50"], "it was told in this period"
    assert Wallet.objects.get().alert_bound == 50 * NANO + 1, "the shares ahead are of the whole, with the gift"
    use(customer, 45, "s3")
    assert told() == ["50", "75"]


def test_more_of_the_plan_begins_its_period_anew(customer: Workspace) -> None:
    alerts_set(workspace=customer, wanted=QUIET_LOW, actor="test")
    grant(customer, 100, "plan", source="plan")
    use(customer, 60, "s1")
    grant(customer, 300, "upgrade", source="plan")  # 60 of 400
    assert told() == ["50"]
    use(customer, 140, "s2")
    assert told() == ["50", "50"]
    grant(customer, 1_000, "pack", source="bought")
    use(customer, 50, "s3")
    assert told() == ["50", "50"], "what is bought is no part of it"


def test_holds_do_not_make_it_flap(customer: Workspace) -> None:
    grant(customer, 100)
    for _ in range(3):
        hold = place(customer.pk, 95 * NANO, now=clock.now())
        release(customer.pk, hold, now=clock.now())
    assert told() == []


def test_low_and_exhausted_come_from_one_row(customer: Workspace) -> None:
    alerts_set(workspace=customer, wanted=Wanted(percents=(), low_credits=10 * NANO), actor="test")
    grant(customer, 100)
    use(customer, 95, "low")
    use(customer, 5, "all")
    assert told() == ["low", "stopped"]
    assert (events("balance.low"), events("balance.exhausted")) == (1, 1)
    assert [kind for kind, _ in mails()] == ["usage.low", "usage.exhausted"]
    grant(customer, 100, "again")
    use(customer, 100, "all again")
    assert told() == ["low", "stopped", "stopped"]
    assert events("balance.recovered") == 1


def test_two_who_look_at_once_tell_once(customer: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    grant(customer, 100)
    for name in ("alert_bound_crossed", "balance_crossed"):
        monkeypatch.setattr(hooks, name, [])
    use(customer, 60, "s")
    start = threading.Barrier(4)

    def at_once() -> None:
        try:
            start.wait()
            with clock.at(NOW):
                look([customer.pk])
        finally:
            connection.close()

    threads = [threading.Thread(target=at_once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told() == ["50"]
    assert len(mails()) == events("usage.threshold") == 1


def test_what_nobody_was_told_of_is_found_without_a_query_for_each(
    customer: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant(customer, 100)
    balances_look(now=NOW, limit=100)
    for name in ("alert_bound_crossed", "balance_crossed", "credits_granted"):
        monkeypatch.setattr(hooks, name, [])
    use(customer, 60, "s")
    assert told() == []
    assert balances_look(now=NOW, limit=100) == 1
    assert told() == ["50"]
    for number in range(30):
        grant(Workspace.objects.create(name=f"Other {number}"), 10)
    with clock.at(NOW + timedelta(minutes=1)):
        balances_look(now=clock.now(), limit=100)
        with CaptureQueriesContext(connection) as queries:
            assert balances_look(now=clock.now(), limit=100) == 0
    assert len(queries) == 2
    with clock.at(NOW + timedelta(minutes=2)):
        grant(customer, 1_000, "lost")  # the bound is for less
        balances_look(now=clock.now(), limit=100)
    assert Wallet.objects.get(pk=customer.pk).alert_bound == (1_040 - 490) * NANO + 1


def test_who_spends_between_the_look_and_the_bound_is_looked_at_again(
    customer: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts_set(workspace=customer, wanted=QUIET_LOW, actor="test")
    grant(customer, 100)
    set_bounds, spent = looking.alert_bounds_set, []

    def slowly(bounds: dict[int, int | None]) -> list[int]:
        if not spent:
            spent.append(1)
            thread = threading.Thread(target=spend)
            thread.start()
            thread.join()
        return set_bounds(bounds)

    def spend() -> None:
        try:
            with clock.at(NOW):
                use(customer, 50, "meanwhile")
        finally:
            connection.close()

    monkeypatch.setattr(looking, "alert_bounds_set", slowly)
    monkeypatch.setattr(hooks, "alert_bound_crossed", [])
    look([customer.pk])
    assert told() == ["50"]


def test_never_ten_mails_in_a_week_and_nothing_is_lost(customer: Workspace) -> None:
    alerts_set(workspace=customer, wanted=Wanted(percents=(), low_credits=50 * NANO), actor="test")
    grant(customer, 60)
    for hour in range(0, 7 * 24, 4):
        with clock.at(NOW + timedelta(hours=hour)):
            use(customer, 20, f"s{hour}")
            grant(customer, 20, f"g{hour}", source="bought")
            summaries_send(now=clock.now(), limit=100)
    assert len(told()) == 42
    kinds = [kind for kind, _ in mails()]
    assert kinds[:3] == ["usage.low"] * 3
    assert 7 <= len(kinds) <= 9
    with clock.at(NOW + timedelta(days=9)):
        summaries_send(now=clock.now(), limit=100)
    assert not UsageAlert.objects.filter(told="waiting").exists()


def test_with_nobody_to_tell_it_is_written_down(workspace: Workspace) -> None:
    lonely = Workspace.objects.create(name="Nobody's")
    grant(lonely, 100)
    use(lonely, 60, "s")
    assert list(UsageAlert.objects.filter(alert="50").values_list("told", flat=True)) == ["nobody"]
    assert mails() == []
