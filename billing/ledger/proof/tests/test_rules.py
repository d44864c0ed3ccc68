"""What the verifier refuses although chain, sums and closing line are right: the operator did what may not be done."""

import pytest

from billing.ledger.proof.tests.checking import refusal
from billing.ledger.proof.tests.forge import HOUR, NOON, Forger


@pytest.fixture
def forger() -> Forger:
    return Forger()


@pytest.fixture
def funded(forger: Forger) -> Forger:
    """Two lots: 1 has 100 and lasts two hours, 2 has 50 for ever."""
    forger.grant(100, lasts=2)
    forger.grant(50)
    return forger


def test_an_honest_history_is_valid(funded: Forger) -> None:
    funded.post("usage.spend", "available", "spent", 120, (1, 100), (2, 20), items=[["a", 70], ["b", 50]])
    funded.post("hold.place", "available", "held", 30, (2, 30))
    funded.post("usage.debt", "debt", "spent", 5)
    funded.grant(60, starts=1)
    funded.now += HOUR
    funded.start(3, 60, due=funded.now)
    funded.post("debt.repay", "available", "debt", 5, (3, 5), same=True)
    funded.post("hold.settle", "held", "spent", 12, (2, 12))
    funded.post("hold.release", "held", "available", 18, (2, 18), same=True)
    funded.post("usage.reverse", "spent", "available", 30, (2, -10), (1, -20), reverses=3)
    funded.now += HOUR
    funded.post("lot.expire", "available", "expired", 20, (1, 20))
    assert refusal(funded.proof()) == ""


@pytest.mark.parametrize("credit", ["spent", "held", "adjusted", "refunded", "issued"])
def test_a_lot_cannot_be_used_after_its_expiry(funded: Forger, credit: str) -> None:
    word = {"spent": "usage", "held": "hold", "adjusted": "adjust", "refunded": "refund", "issued": "grant"}[credit]
    funded.now += 2 * HOUR
    funded.post(f"{word}.any", "available", credit, 1, (1, 1))
    assert "lot 1 expired at 2026-03-01T14:00:00.000000Z" in refusal(funded.proof())


def test_a_lot_cannot_expire_before_its_time(funded: Forger) -> None:
    funded.post("lot.expire", "available", "expired", 100, (1, 100))
    assert "lot 1 expires at" in refusal(funded.proof())


def test_a_lapse_ends_credits_before_their_lot_at_an_instant_of_its_life(funded: Forger) -> None:
    funded.now += HOUR
    lapse = {"of": "lot.lapse", "occurred_at": NOON + HOUR / 2}
    funded.post("lot.expire", "available", "expired", 30, (1, 20), (2, 10), **lapse)
    assert refusal(funded.proof()) == ""
    for wrong in (NOON - HOUR, funded.now + HOUR):
        forged = funded.fork()
        forged.post("lot.expire", "available", "expired", 1, (2, 1), of="lot.lapse", occurred_at=wrong)
        assert "lot 2 cannot lapse like this" in refusal(forged.proof())
    funded.now += 2 * HOUR
    funded.post("lot.expire", "available", "expired", 1, (1, 1), **lapse)
    assert "lot 1 cannot lapse like this" in refusal(funded.proof())


def test_a_lot_that_never_expires_cannot_expire(funded: Forger) -> None:
    funded.now += 9_000 * HOUR
    funded.post("lot.expire", "available", "expired", 50, (2, 50))
    assert "lot 2 expires at None" in refusal(funded.proof())


def test_a_lot_cannot_be_used_before_its_start(funded: Forger) -> None:
    funded.grant(60, starts=1)
    funded.post("usage.spend", "available", "spent", 10, (3, 10))
    assert "lot 3 starts at 2026-03-01T13:00:00.000000Z" in refusal(funded.proof())


def test_a_lot_cannot_start_too_early_twice_or_as_another_one(forger: Forger) -> None:
    forger.grant(60, starts=1)
    due = NOON + HOUR
    early = forger.fork()
    early.start(1, 60, due=due)
    assert "the lot starts at" in refusal(early.proof())
    forger.now = due
    for amount, key in ((59, "start:1:2"), (60, "start:2:2"), (60, "begin:1"), (60, "start:1:2:")):
        wrong = forger.fork()
        wrong.start(1, amount, due=due, key=key)
        assert refusal(wrong.proof()) == "it starts no lot that is scheduled"
    forger.grant(60, starts=1)
    forger.start(1, 60, due=due)
    forger.start(1, 60, due=due)
    assert refusal(forger.proof()) == "it starts no lot that is scheduled"


def test_a_lot_comes_in_once_as_what_it_is_and_when_it_says(forger: Forger) -> None:
    forger.grant(60)
    forger.lots.clear()
    forger.grant(60)
    assert refusal(forger.proof()) == "lot 1 came in before"
    other = Forger()
    other.grant(60)
    other.lines[0]["transfer"][14][3] = 61
    assert "is not what this entry moves" in refusal(other.proof())
    for terms in ({"starts": 1, "credit": "available"}, {"starts": 0, "credit": "scheduled"}):
        early = Forger()
        early.grant(60, **terms)  # type: ignore[arg-type]
        assert "which does not fit" in refusal(early.proof())
    backwards = Forger()
    backwards.grant(60, lasts=-1)
    assert "expires before it starts" in refusal(backwards.proof())


def test_only_grants_and_adjustments_bring_a_lot(funded: Forger) -> None:
    funded.post("usage.spend", "available", "spent", 10, (2, 10))
    funded.grant(10, debit="spent", reverses=3)
    funded.lines[-1]["transfer"][4] = "usage.reverse"
    assert "cannot bring a lot in" in refusal(funded.proof())


def test_no_lot_gives_more_than_it_has(funded: Forger) -> None:
    funded.post("usage.spend", "available", "spent", 110, (2, 51), (1, 59))
    assert "lot 2 does not have" in refusal(funded.proof())


def test_what_is_held_cannot_be_spent_by_others(funded: Forger) -> None:
    funded.post("hold.place", "available", "held", 40, (2, 40))
    funded.post("usage.spend", "available", "spent", 20, (2, 20))
    assert "lot 2 does not have" in refusal(funded.proof())


def test_no_more_is_settled_or_released_than_is_held(funded: Forger) -> None:
    funded.post("hold.place", "available", "held", 40, (1, 40))
    other = funded.fork()
    other.post("hold.settle", "held", "spent", 40, (2, 40))
    assert "lot 2 does not have" in refusal(other.proof())
    funded.post("hold.release", "held", "available", 41, (1, 41))
    assert "the account held cannot be at -0.000000001" in refusal(funded.proof())


def test_a_lot_that_never_came_in_pays_for_nothing(funded: Forger) -> None:
    funded.post("usage.spend", "available", "spent", 10, (9, 10))
    assert "lot 9, which never came in" in refusal(funded.proof())


@pytest.mark.parametrize("takes", [(), ((1, 9),), ((1, 11),), ((1, 11), (2, -1)), ((1, 10), (2, 0))])
def test_takes_come_to_the_amount_and_go_one_way(funded: Forger, takes: tuple[tuple[int, int], ...]) -> None:
    funded.post("usage.spend", "available", "spent", 10, *takes)
    assert refusal(funded.proof())


def test_debt_and_memos_take_from_no_lot(funded: Forger) -> None:
    funded.post("hold.overdraft", "overdraft", "overdraft_held", 10, (1, 10))
    assert "its takes come to 0.00000001 instead of 0" in refusal(funded.proof())


def test_credits_move_only_in_known_ways(funded: Forger) -> None:
    for kind, debit, credit in (
        ("usage.spend", "available", "expired"),
        ("usage.spend", "available", "elsewhere"),
        ("grant.gift", "spent", "available"),
        ("magic", "available", "spent"),
        ("usage.spend", "available", "available"),
    ):
        forged = funded.fork()
        forged.post(kind, debit, credit, 10, (1, 10))
        assert "cannot go from" in refusal(forged.proof()), kind


def test_no_account_goes_where_it_cannot_be(forger: Forger) -> None:
    forger.post("hold.overdraft_end", "overdraft_held", "overdraft", 10)
    assert "the account overdraft_held cannot be at -0.00000001" in refusal(forger.proof())


def test_debt_is_repaid_before_anything_is_left(forger: Forger) -> None:
    forger.post("usage.debt", "debt", "spent", 10)
    forger.grant(30)
    assert refusal(forger.proof()) == "there are credits, but debt is not repaid"


def test_time_does_not_go_backwards(funded: Forger) -> None:
    funded.now -= HOUR
    funded.post("usage.spend", "available", "spent", 10, (2, 10))
    assert "the entry before it is of" in refusal(funded.proof())


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([["a", 4]], "were charged for events that cost 0.000000004"),
        ([["a", 5], ["b", 6]], "were charged for events that cost 0.000000011"),
        ([["a", 15], ["b", -5]], "an event costs nothing"),
        ([["a", 10], ["b", 0]], "an event costs nothing"),
        ([["a\0009\nb", 10]], "an event costs nothing"),
        ([], "were charged for events that cost 0"),
    ],
)
def test_a_charge_is_what_its_events_cost(funded: Forger, items: list[list[object]], reason: str) -> None:
    funded.post("usage.spend", "available", "spent", 10, (1, 10), items=items)
    assert reason in refusal(funded.proof())


def test_both_parts_of_a_charge_are_for_the_same_events(forger: Forger) -> None:
    forger.grant(10)
    forger.post("usage.spend", "available", "spent", 10, (1, 10), items=[["a", 15]])
    forger.post("usage.debt", "debt", "spent", 5, same=True, items=[["a", 5]])
    assert "the same events in all its entries" in refusal(forger.proof())


def test_only_a_charge_has_events(funded: Forger) -> None:
    funded.post("adjust.operator", "available", "adjusted", 10, (1, 10), items=[["a", 10]])
    assert refusal(funded.proof()) == "only a charge has events"


class TestReversals:
    @pytest.fixture
    def spent(self, funded: Forger) -> Forger:
        """Entry 3 has spent 80: 60 of lot 1, 20 of lot 2."""
        funded.post("usage.spend", "available", "spent", 80, (1, 60), (2, 20))
        return funded

    def test_nothing_comes_back_without_a_reason(self, spent: Forger) -> None:
        spent.post("usage.reverse", "spent", "available", 10, (2, -10))
        assert refusal(spent.proof()) == "credits come back, but no entry is reversed"

    def test_no_debt_is_cancelled_without_a_reason(self, forger: Forger) -> None:
        forger.post("usage.debt", "debt", "spent", 10)
        forger.post("usage.reverse", "spent", "debt", 10)
        assert refusal(forger.proof()) == "credits come back, but no entry is reversed"

    def test_no_more_comes_back_than_was_charged(self, spent: Forger) -> None:
        spent.post("usage.spend", "available", "spent", 30, (1, 30))
        spent.post("usage.reverse", "spent", "available", 80, (2, -20), (1, -60), reverses=3)
        assert refusal(spent.proof()) == ""
        spent.post("usage.reverse", "spent", "available", 1, (1, -1), reverses=3)
        assert "more of entry 3 is taken back than it moved" in refusal(spent.proof())

    def test_no_lot_gets_back_what_another_one_paid(self, spent: Forger) -> None:
        spent.post("usage.spend", "available", "spent", 10, (2, 10))
        spent.post("usage.reverse", "spent", "available", 21, (2, -21), reverses=3)
        assert "more of entry 3 is taken back than it moved" in refusal(spent.proof())

    @pytest.mark.parametrize("reverses", [0, -1, 4, 5, 900])
    def test_only_what_was_before_is_reversed(self, spent: Forger, reverses: int) -> None:
        spent.post("usage.reverse", "spent", "available", 10, (2, -10), reverses=reverses)
        assert "it cannot reverse entry" in refusal(spent.proof())

    def test_credits_come_back_the_way_they_went(self, spent: Forger) -> None:
        other = spent.fork()
        other.post("usage.reverse", "spent", "available", 10, (2, -10), reverses=2)
        assert "spent to available does not reverse issued to available of entry 2" in refusal(other.proof())
        spent.post("adjust.reverse", "adjusted", "available", 10, (2, -10), reverses=3)
        assert "adjusted to available does not reverse available to spent of entry 3" in refusal(spent.proof())

    def test_a_refund_takes_from_its_own_lot_only(self, funded: Forger) -> None:
        funded.post("refund.pack", "available", "refunded", 10, (1, 10), reverses=2)
        assert refusal(funded.proof()) == "entry 2 did not bring lot 1 in"

    def test_no_more_is_refunded_than_came_in_unless_a_refund_was_reversed(self, funded: Forger) -> None:
        refund = funded.post("refund.pack", "available", "refunded", 40, (2, 40), reverses=2)
        funded.post("refund.reverse", "refunded", "available", 40, (2, -40), reverses=refund)
        funded.post("refund.pack", "available", "refunded", 50, (2, 50), reverses=2)
        assert refusal(funded.proof()) == ""
        funded.post("refund.reverse", "refunded", "available", 1, (2, -1), reverses=refund)
        assert "more of entry 3 is taken back than it moved" in refusal(funded.proof())

    def test_what_is_far_back_is_found(self, forger: Forger) -> None:
        """Further than what the script keeps in memory."""
        forger.grant(5_000)
        for _ in range(700):
            forger.post("usage.spend", "available", "spent", 2, (1, 2))
        for number in (2, 256, 257, 258, 512, 513, 514, 700, 701):
            forger.post("usage.reverse", "spent", "available", 2, (1, -2), reverses=number)
        assert refusal(forger.proof()) == ""
        forger.post("usage.reverse", "spent", "available", 1, (1, -1), reverses=257)
        assert "more of entry 257 is taken back than it moved" in refusal(forger.proof())
