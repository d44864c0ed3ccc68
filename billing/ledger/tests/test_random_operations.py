"""Any sequence of operations keeps the books: compared with a model that knows nothing of lots on disk."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Workspace
from billing.ledger.errors import InsufficientCredits
from billing.ledger.selectors import balance
from billing.ledger.services import credits_adjust
from billing.ledger.tests.helpers import NOON, assert_clean, grant, spend

HOUR = timedelta(hours=1)


@dataclass
class Pot:
    """A lot of the model."""

    starts: datetime
    expires: datetime | None
    order: tuple[object, ...]
    left: int


@dataclass
class Model:
    """Credits as plain pots; time is applied pot by pot."""

    pots: list[Pot] = field(default_factory=list)
    debt: int = 0
    waiting: list[Pot] = field(default_factory=list)

    def pass_time(self, now: datetime) -> None:
        due = [(pot.starts, 0, pot) for pot in self.waiting if pot.starts <= now]
        due += [(pot.expires, 1, pot) for pot in self.pots + self.waiting if pot.expires and pot.expires <= now]
        for _, expiry, pot in sorted(due, key=lambda each: each[:2]):
            if expiry:
                pot.left = 0
            else:
                self.waiting.remove(pot)
                self.come_in(pot)

    def come_in(self, pot: Pot) -> None:
        repaid = min(self.debt, pot.left)
        self.debt -= repaid
        pot.left -= repaid
        self.pots.append(pot)

    def take(self, amount: int) -> int:
        for pot in sorted(self.pots, key=lambda each: each.order):
            part = min(pot.left, amount)
            pot.left -= part
            amount -= part
        return amount

    @property
    def available(self) -> int:
        return sum(pot.left for pot in self.pots)


amounts = st.one_of(st.integers(1, 20), st.integers(1, 10**12))
steps = st.lists(
    st.tuples(
        st.sampled_from(["grant", "grant", "spend", "spend", "spend", "adjust", "wait"]),
        amounts,
        st.integers(0, 6),  # hours until it starts; or hours to wait
        st.one_of(st.none(), st.integers(1, 9)),  # hours it lasts
        st.sampled_from(["plan", "promotion", "bought"]),
    ),
    min_size=1,
    max_size=14,
)
RANK = {"plan": 0, "promotion": 1, "bought": 2}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_any_history_adds_up(db: None, script: list[tuple[str, int, int, int | None, str]]) -> None:
    ws = Workspace.objects.create(name="Random").pk
    model, now = Model(), NOON
    for number, (what, amount, hours, lasts, source) in enumerate(script):
        now += timedelta(minutes=7)
        model.pass_time(now)
        if what == "wait":
            now += hours * HOUR
            model.pass_time(now)
        elif what == "grant":
            starts = now + hours * HOUR if hours > 3 else now
            expires = starts + lasts * HOUR if lasts else None
            lot = grant(ws, amount, starts=starts, expires=expires, source=source, now=now)
            order = (expires is None, expires or now, RANK[source], starts, lot)
            pot = Pot(starts, expires, order, amount)
            if starts > now:
                model.waiting.append(pot)
            else:
                model.come_in(pot)
        elif what == "spend":
            spend(ws, amount, now=now)
            model.debt += model.take(amount)
        else:
            try:
                credits_adjust(workspace_id=ws, key=str(number), amount=-amount, reason="x", actor="x", now=now)
            except InsufficientCredits:
                assert amount > model.available
            else:
                assert model.take(amount) == 0
        said = balance(ws, now)
        assert (said.available, said.debt) == (model.available, model.debt)
    assert_clean(ws)
