"""A wallet beside its model: doing the same to both, and comparing everything that can be read of them."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger import errors
from billing.ledger.held import recent_holds
from billing.ledger.records import OperationDraft
from billing.ledger.selectors import balance, expiring, holds, lots, operation, refundable
from billing.ledger.services import wallet_settle
from billing.ledger.tests.helpers import NOON, assert_clean
from billing.ledger.tests.reference import Charge, Pot, Reference, Refused

MINUTE = timedelta(minutes=1)
ALWAYS = timedelta(days=10_000)
VERIFY_EVERY = 25  # steps
REFUSALS = {"insufficient": errors.InsufficientCredits, "too long": errors.HoldTooLong, "nothing": errors.NotReversible}
STATUS = {"": "open", "settle": "settled", "release": "released", "expire": "expired"}


class SideBySide(RuleBasedStateMachine):
    """What every step is made of, and what must be true after each."""

    all_steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.ws = Workspace.objects.create(name="Any history").pk
        self.model = Reference(NOON)
        self.used: list[tuple[int, Charge]] = []  # operations that charged usage
        self.given: list[tuple[int, Pot]] = []  # operations that brought a lot in
        self.taken: list[tuple[int, Charge]] = []  # adjustments and refunds
        self.reversed: set[int] = set()
        self.keys = self.steps = 0
        self.key = ""
        self.again: Callable[[], Any]
        self.told: Any

    @property
    def now(self) -> datetime:
        return self.model.now

    def both(self, of_model: Callable[[], Any], of_ledger: Callable[[], Any]) -> tuple[Any, Any] | None:
        """What both answer, or None when both refuse, for the same reason."""
        try:
            expected = of_model()
        except Refused as refused:
            refusal = refused
        else:
            return expected, of_ledger()
        with pytest.raises(REFUSALS.get(refusal.why, errors.HoldResolved)) as raised:
            of_ledger()
        if isinstance(raised.value, errors.InsufficientCredits):
            assert raised.value.available == refusal.most
        if isinstance(raised.value, errors.HoldResolved):
            assert raised.value.resolution == refusal.why
        return None

    def keyed(self, service: Callable[..., Any], **arguments: Any) -> Any:
        """Call a service under a new key; `say_it_again` repeats the last call that succeeded."""
        self.keys += 1
        self.key = f"k{self.keys}"

        def call(key: str = self.key) -> Any:
            return service(workspace_id=self.ws, key=key, now=self.now, **arguments)

        self.told, self.again = call(), call
        return self.told

    def operation_id(self, namespace: str = "operator") -> int:
        """Of the last keyed call."""
        found = operation(self.ws, namespace, self.key)
        assert found is not None
        return found.pk

    def draft(self, kind: str) -> OperationDraft:
        self.keys += 1
        return OperationDraft("test", f"k{self.keys}", bytes(32), kind)

    # What must be true all the time

    @invariant()
    def everything_agrees(self) -> None:
        self.compare(self.model)
        instants = [*self.model.next_instants()[:3], self.now + 60 * MINUTE]
        later = deepcopy(self.model)  # readers know what nobody has posted yet
        later.wait_until(instants[self.steps % len(instants)])
        self.compare(later)

    def compare(self, model: Reference) -> None:
        at = model.now
        said = balance(self.ws, at)
        assert (said.available, said.held, said.debt) == (model.available, model.held, model.debt)
        assert (said.overdraft_held, max(said.headroom, 0)) == (model.beyond, model.headroom)
        assert min(said.available, said.debt) == 0
        rows = {row.id: (row.remaining, row.held, row.status) for row in lots(self.ws, at)}
        assert rows == {pot.id: (pot.left, pot.pinned, self._status(pot, model)) for pot in model.pots}
        found = {row.id: (row.status, row.amount, row.overdraft) for row in recent_holds(self.ws, at, limit=500)}
        assert found == {hold.id: (STATUS[hold.ended], hold.amount, hold.beyond) for hold in model.holds}
        if self.steps % 3 == 0:
            self.compare_lists(model)

    def compare_lists(self, model: Reference) -> None:
        at = model.now
        open_now = sorted((hold for hold in model.holds if not hold.ended), key=lambda hold: (hold.until, hold.id))
        assert [(row.id, row.expires_at) for row in holds(self.ws, at)] == [(hold.id, hold.until) for hold in open_now]
        ending = sorted((pot.ends, pot.id, pot.free) for pot in model.pots if pot.free and pot.ends)
        assert [(row.at, row.lot_id, row.amount) for row in expiring(self.ws, ALWAYS, at)] == ending

    def _status(self, pot: Pot, model: Reference) -> str:
        if not pot.left:
            return "expired" if pot.lapsed else "used"
        if pot.waiting:
            return "scheduled"
        first = min((each for each in model.pots if each.free), key=lambda each: each.order, default=None)
        return "next" if pot is first else "active"

    @invariant()
    def the_books_add_up(self) -> None:
        SideBySide.all_steps += 1
        self.steps += 1
        if self.steps % VERIFY_EVERY == 0:
            assert_clean(self.ws)
            self.lots_can_be_refunded()

    def lots_can_be_refunded(self) -> None:
        with clock.at(self.now):
            for pot in self.model.pots:
                found = refundable(self.ws, pot.id)
                assert found is not None
                there = pot.left if pot.waiting else pot.free
                assert (found.unspent, found.most) == (there, pot.size - pot.taken_back)

    def teardown(self) -> None:
        assert_clean(self.ws)
        wallet_settle(workspace_id=self.ws, now=self.now)
        self.compare(self.model)
        assert_clean(self.ws)
