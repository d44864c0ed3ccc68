"""Codes: what they give, where they count, and that no race gives them twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.db import IntegrityError, connection, transaction

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from billing.credits import clock
from billing.credits.units import NANO
from billing.packs import buying
from billing.packs.attending import notice_write
from billing.packs.buying import purchase_leave
from billing.packs.errors import CodeRefused
from billing.packs.fulfilment import ABANDONED_AFTER, purchase_end
from billing.packs.models import Promotion, Purchase, Redemption
from billing.packs.tests.conftest import Buy, code, credits_of, look, lots, pack, paid, sound
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def others(alice: User) -> list[Workspace]:
    found = [Workspace.objects.create(name=f"Other {number}") for number in range(5)]
    for each in found:
        Membership.objects.create(workspace=each, user=alice, role=Role.OWNER)
    return found


def test_percent_off(shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    code("SPRING", percent_off=15)
    purchase = paid(shop, buy(code=" spr ing "))
    assert (purchase.price, purchase.discount, purchase.amount) == (5_000, 750, 4_250)
    assert credits_of(workspace) == 10_500 * NANO
    assert purchase.document is not None
    assert (purchase.document.total, purchase.document.discount) == (4_250, 750)
    assert shop.books()["totals"]["usd"]["charge"] == 4_250
    assert str(lots(workspace)[0].unit_price_usd) == "0.004250000000"
    sound(workspace)


def test_bonus_credits_are_a_lot_of_their_own(shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    code("MORE", bonus_credits=300 * NANO)
    purchase = paid(shop, buy(code="more"))
    assert purchase.amount == 5_000
    assert [(lot.source, lot.amount // NANO, lot.label) for lot in lots(workspace)] == [
        ("bought", 10_000, "Growth"),
        ("promotion", 500, "Growth: bonus"),
        ("promotion", 300, "Code MORE"),
    ]
    sound(workspace)


def test_where_it_does_not_count(shop: SimulatedStripe, buy: Buy) -> None:
    now, day = clock.now(), timedelta(days=1)
    code("EARLY", starts_at=now + day)
    code("LATE", ends_at=now - day)
    code("OFF", active=False)
    code("ELSE").packs.add(pack("scale"))
    code("FREE", percent_off=99)
    for text, words in {
        "EARLY": "can be used from",
        "LATE": "expired",
        "OFF": "no such code",
        "ELSE": "is not for Growth",
        "NOPE": "no such code",
        "A\0B": "no such code",
    }.items():
        with pytest.raises(CodeRefused, match=words):
            buy(code=text)
    with pytest.raises(CodeRefused, match="too little"):
        buy("starter", code="FREE")
    assert Purchase.objects.count() == 0
    assert buy("scale", code="ELSE").discount == 5_000


def test_once_per_workspace_unless_it_says_more(shop: SimulatedStripe, buy: Buy, others: list[Workspace]) -> None:
    code("ONCE")
    paid(shop, buy(key="1", code="ONCE"))
    with pytest.raises(CodeRefused, match="has used this code already"):
        buy(key="2", code="ONCE")
    assert buy(key="2", code="ONCE", of=others[0]).discount
    code("TWICE", most_per_workspace=2)
    for key in ("3", "4"):
        paid(shop, buy(key=key, code="TWICE"))
    with pytest.raises(CodeRefused):
        buy(key="5", code="TWICE")


def test_begun_and_left_it_makes_way_for_the_next_one(shop: SimulatedStripe, buy: Buy) -> None:
    code("ONCE")
    first = buy(key="1", code="ONCE")
    second = buy("scale", key="2", code="ONCE")
    first.refresh_from_db()
    assert first.status == Purchase.Status.CANCELED
    assert shop.pay(str(first.session_id)) == {"expired": True}
    assert paid(shop, second).status == Purchase.Status.FULFILLED


def test_paid_in_another_tab_it_is_used(shop: SimulatedStripe, buy: Buy) -> None:
    code("ONCE")
    shop.pay(str(buy(key="1", code="ONCE").session_id))
    with pytest.raises(CodeRefused, match="has used this code already"):
        buy("scale", key="2", code="ONCE")
    assert Purchase.objects.get(key="1").status == Purchase.Status.FULFILLED


def test_not_paid_in_time_it_is_given_back(shop: SimulatedStripe, buy: Buy, others: list[Workspace]) -> None:
    code("ONLY", most=1)
    first = buy(key="1", code="ONLY")
    with pytest.raises(CodeRefused, match="used up"):
        buy(key="1", code="ONLY", of=others[0])
    Purchase.objects.update(look_at=clock.now(), created_at=clock.now() - ABANDONED_AFTER)
    look()
    first.refresh_from_db()
    assert first.status == Purchase.Status.EXPIRED
    assert buy(key="2", code="ONLY", of=others[0]).discount == 1_000
    assert Redemption.objects.filter(given_back_at=None).count() == 1


def test_given_up_it_is_free_again(shop: SimulatedStripe, buy: Buy, alice: User) -> None:
    code("ONLY", most=1)
    left = purchase_leave(purchase=buy(key="1", code="ONLY"), actor=alice)
    assert left.status == Purchase.Status.CANCELED
    assert buy(key="2", code="ONLY").discount == 1_000
    assert purchase_leave(purchase=left, actor=alice).status == Purchase.Status.CANCELED


def test_a_race_for_the_last_ones(shop: SimulatedStripe, buy: Buy, others: list[Workspace]) -> None:
    """Five workspaces, each twice at once, for three redemptions."""
    code("THREE", most=3)

    def attempt(number: int) -> bool:
        try:
            buy(key=f"k{number}", code="THREE", of=others[number % 5])
            return True
        except CodeRefused:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        got = list(pool.map(attempt, range(10)))
    active = Redemption.objects.filter(given_back_at=None)
    assert sorted(active.values_list("number", flat=True)) == [1, 2, 3]
    assert active.values("workspace").distinct().count() == 3
    assert sum(got) >= 3
    assert Purchase.objects.filter(status="open", discount__gt=0).count() == 3


def test_the_same_form_sent_at_once_is_one_purchase(shop: SimulatedStripe, buy: Buy) -> None:
    code("ONCE")

    def attempt(_: int) -> int:
        try:
            return buy(key="same", code="ONCE").pk
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(attempt, range(6)))) == 1
    assert Redemption.objects.count() == 1
    assert len(stripe.checkout.Session.list().data) == 1


def test_the_database_is_the_limit(shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    promotion = code("ONCE", most_per_workspace=2)
    first, second = buy(key="1", code="ONCE"), buy(key="2")
    used = {"promotion": promotion, "workspace": workspace, "purchase": second}
    for number, nth in ((1, 2), (2, 1)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Redemption.objects.create(**used, number=number, nth=nth)
    assert first.redemption.number == 1


@pytest.mark.parametrize(
    "wrong", [{"percent_off": 0}, {"percent_off": 100}, {"percent_off": 10, "bonus_credits": 5}, {"code": "a b"}]
)
def test_promotions_that_make_no_sense(db: None, wrong: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Promotion.objects.create(**{"code": "OK", "percent_off": 10} | wrong)


def test_pressed_twice_with_a_code_it_is_bought(
    shop: SimulatedStripe, buy: Buy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second request comes while the first one's page is made: the same purchase, and it can be paid."""
    code("ONCE")
    ask, known = buying.checkout_payment, buying._known
    seen: list[Purchase] = []

    def slow(**given: Any) -> Any:
        monkeypatch.setattr(buying, "checkout_payment", ask)
        first = [None]  # the second one looked before the first one's row was written

        def too_early(*of: Any) -> Purchase | None:
            return first.pop() if first else known(*of)

        monkeypatch.setattr(buying, "_known", too_early)
        seen.append(buy(code="ONCE"))
        return ask(**given)

    monkeypatch.setattr(buying, "checkout_payment", slow)
    assert [buy(code="ONCE")] == seen
    assert paid(shop, seen[0]).status == Purchase.Status.FULFILLED
    assert len(stripe.checkout.Session.list().data) == 1


def test_given_up_while_its_page_is_made(
    shop: SimulatedStripe, buy: Buy, others: list[Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else has the code by then: the page that nobody saw is closed."""
    code("ONLY", most=1)
    ask = buying.checkout_payment

    def slow(**given: Any) -> Any:
        monkeypatch.setattr(buying, "checkout_payment", ask)
        session = ask(**given)
        buy(key="other tab", code="ONLY")
        return session

    monkeypatch.setattr(buying, "checkout_payment", slow)
    left = buy(code="ONLY")
    assert (left.status, left.session_id) == (Purchase.Status.CANCELED, None)
    states = sorted(str(each.status) for each in stripe.checkout.Session.list().data)
    assert states == ["expired", "open"]


def test_paid_after_it_was_given_back_it_counts(shop: SimulatedStripe, buy: Buy, others: list[Workspace]) -> None:
    """One that was lost, and paid all the same: the code is used, and nobody gets it a third time."""
    promotion = code("TWO", most=2)
    lost = buy(key="lost", code="TWO")
    shop.pay(str(lost.session_id))
    purchase_end(lost.pk, Purchase.Status.CANCELED)
    buy(key="1", code="TWO", of=others[0])
    notice_write(lost, "checkout.session.completed")
    look()
    active = Redemption.objects.filter(promotion=promotion, given_back_at=None)
    assert sorted(active.values_list("number", flat=True)) == [1, 2]
    with pytest.raises(CodeRefused, match="used up"):
        buy(key="2", code="TWO", of=others[1])


def test_a_limit_that_comes_later(shop: SimulatedStripe, buy: Buy, alice: User, others: list[Workspace]) -> None:
    """Numbers are beyond it then; what is given back of the lower ones does not make room."""
    promotion = code("MANY")
    begun = [buy(key="k", code="MANY", of=each) for each in others[:3]]
    purchase_leave(purchase=begun[0], actor=alice)
    for most in (2, 1):
        Promotion.objects.filter(pk=promotion.pk).update(most=most)
        with pytest.raises(CodeRefused, match="used up"):
            buy(key="k", code="MANY", of=others[3])
    Promotion.objects.filter(pk=promotion.pk).update(most=3)
    assert buy(key="k", code="MANY", of=others[3]).discount == 1_000
