"""A workspace to which everything has happened that a ledger knows, through the real services."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.book import open_book
from billing.ledger.correction_services import lot_refund, operation_reverse
from billing.ledger.hold_services import hold_release
from billing.ledger.models import Operation, Transfer
from billing.ledger.records import OperationDraft
from billing.ledger.selectors import balance
from billing.ledger.services import credits_adjust, credits_grant, overdraft_set
from billing.metering.events import EventInput, Source
from billing.metering.models import UsageEvent
from billing.metering.record import usage_record, usage_record_batch
from billing.metering.reverse import usage_reverse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SERVICE = Source("service")
INPUT_TOKEN = Decimal("0.00003")  # credits of gpt-4o-mini
_numbers = count()


class Story:
    """What happens to one workspace, day by day, in credits. A request costs 0.72 unless told otherwise."""

    def __init__(self, workspace: Workspace) -> None:
        self.ws = workspace.pk
        self.now = NOON

    def days_later(self, days: float) -> None:
        self.now += timedelta(days=days)

    def grant(self, credits: float, *, source: str = "promotion", **terms: object) -> int:
        """A new lot; its id."""
        result = credits_grant(
            workspace_id=self.ws,
            key=f"g{next(_numbers)}",
            amount=int(credits * NANO),
            label='Frühling "26" 🌱',
            source=source,
            now=self.now,
            **terms,  # type: ignore[arg-type]
        )
        assert result.lot_id is not None
        return result.lot_id

    def use(self, *event_ids: str) -> None:
        """Report requests, several as a batch."""
        events = [self._event(event_id) for event_id in event_ids]
        with clock.at(self.now):
            if len(events) == 1:
                usage_record(workspace_id=self.ws, source=SERVICE, event=events[0])
            else:
                usage_record_batch(workspace_id=self.ws, source=SERVICE, events=events)

    def _event(self, event_id: str, credits: str = "0.72", hold: int | None = None) -> EventInput:
        usage = {"input_tokens": Decimal(credits) / INPUT_TOKEN}
        at = self.now - timedelta(minutes=3)
        return EventInput(event_id, "openai/gpt-4o-mini", usage, occurred_at=at, hold=hold)

    def adjust(self, credits: float) -> int:
        key = f"a{next(_numbers)}"
        amount = int(credits * NANO)
        credits_adjust(workspace_id=self.ws, key=key, amount=amount, reason="Wrong", actor="sam", now=self.now)
        return Operation.objects.get(workspace_id=self.ws, key=key).pk

    def hold(self, credits: float, *, hours: int = 1) -> int:
        with open_book(self.ws, now=self.now) as book:
            draft = OperationDraft("hold", f"h{next(_numbers)}", bytes(32), "hold.place")
            until = book.now + timedelta(hours=hours)
            return book.hold(operation=draft, amount=int(credits * NANO), expires_at=until, origin="service").id

    def settle(self, hold: int, credits: str) -> None:
        with clock.at(self.now):
            event = self._event(f"settles {hold}", credits, hold)
            usage_record(workspace_id=self.ws, source=SERVICE, event=event)

    def release(self, hold: int) -> None:
        hold_release(workspace_id=self.ws, hold_id=hold, origin="service", now=self.now)

    def take_back(self, event_id: str) -> None:
        """The charge of one request."""
        event = UsageEvent.objects.get(workspace_id=self.ws, event_id=event_id)
        usage_reverse(workspace_id=self.ws, pk=event.pk, reason="asked", actor="staff", now=self.now)

    def refund(self, lot: int, credits: float) -> int:
        key, amount = f"f{next(_numbers)}", int(credits * NANO)
        lot_refund(
            workspace_id=self.ws, lot_id=lot, amount=amount, key=key, reason="asked", actor="staff", now=self.now
        )
        return Operation.objects.get(workspace_id=self.ws, key=key).pk

    def undo(self, operation_id: int) -> None:
        key = f"u{next(_numbers)}"
        operation_reverse(
            workspace_id=self.ws, operation_id=operation_id, key=key, reason="mistake", actor="staff", now=self.now
        )

    def brought(self, lot: int) -> int:
        """The operation that brought a lot in."""
        return Operation.objects.get(lots=lot).pk

    @property
    def kinds(self) -> set[str]:
        return set(Transfer.objects.filter(workspace_id=self.ws).values_list("kind", flat=True))


def tell(workspace: Workspace) -> Story:
    """Grants, debt and its repayment, batches, expiry, corrections, holds that end in every way, and one still open."""
    story = Story(workspace)
    story.use("first/1")  # before any credits: debt
    spring = story.grant(8, source="plan", expires_at=NOON + 9 * DAY, effective_at=NOON - DAY)
    bought = story.grant(20, source="bought", effective_at=NOON + DAY, unit_price_usd=Decimal("0.0045"))
    story.use("req 1", "req-ü-2", "req\n3", "🌊")
    story.days_later(2)  # the bought lot starts
    story.use(*(f"evt_{n:04}" for n in range(9)))
    story.use("einzeln")
    lowered = story.adjust(-1.5)
    raised = story.adjust(2.25)
    story.grant(3, expires_at=story.now + DAY)
    story.days_later(2)  # … expires
    _holds(story)
    _corrections(story, lowered=lowered, raised=raised, plan_lot=spring, used_up=bought)
    story.grant(5, source="bought", effective_at=story.now + 30 * DAY, expires_at=story.now + 90 * DAY)
    story.hold(0.75, hours=20)
    return story


def _holds(story: Story) -> None:
    with clock.at(story.now):
        overdraft_set(workspace_id=story.ws, limit=2 * NANO)
    story.settle(story.hold(2), "1.26")
    story.settle(story.hold(1), "1.74")
    story.release(story.hold(3))
    story.hold(4)  # expires
    story.days_later(0.5)
    brief = story.grant(1, expires_at=story.now + DAY / 24)
    late = story.hold(1, hours=3)  # pins what expires before it is released
    story.days_later(0.1)
    story.release(late)
    assert Transfer.objects.filter(kind="lot.expire", takes__lot=brief).exists()


def _corrections(story: Story, *, lowered: int, raised: int, plan_lot: int, used_up: int) -> None:
    for event_id in ("einzeln", "req-ü-2", "🌊"):
        story.take_back(event_id)
    pack = story.grant(10, source="bought", unit_price_usd=Decimal("0.005"))
    refunded = story.refund(pack, 4)
    story.refund(pack, 1)
    story.undo(refunded)  # the card's bank took the dispute back
    story.refund(pack, 9)
    waiting = story.grant(6, source="bought", effective_at=story.now + DAY)
    story.undo(story.refund(waiting, 6))
    story.undo(lowered)
    story.undo(raised)
    story.undo(story.brought(story.grant(2)))
    _all_spent(story)
    story.use(*(f"more than there is {n}" for n in range(30)))
    for number in (0, 7, 29):  # from lots, in part from lots, and owed: credits that come back repay debt
        story.take_back(f"more than there is {number}")
    story.grant(40, source="plan", expires_at=story.now + 30 * DAY)  # repays
    story.take_back("more than there is 20")  # its debt was repaid: reopened and cancelled
    story.refund(used_up, 2)
    story.undo(story.brought(plan_lot))  # spent long ago: becomes debt, repaid by the others


def _all_spent(story: Story) -> None:
    hold = story.hold((balance(story.ws, story.now).available) / NANO + 0.5)  # in part from the overdraft
    story.settle(hold, "9")
    story.adjust(-((balance(story.ws, story.now).available) // NANO - 3))
    left = story.hold(balance(story.ws, story.now).available / NANO + 1)
    story.release(left)


EVERY_KIND: Sequence[str] = (
    *("grant.operator", "lot.start", "lot.expire", "adjust.operator", "usage.spend", "usage.debt", "debt.repay"),
    *("hold.place", "hold.overdraft", "hold.settle", "hold.release", "hold.expire", "hold.overdraft_end"),
    *(
        "refund.pack",
        "refund.debt",
        "refund.reverse",
        "grant.reverse",
        "adjust.reverse",
        "usage.reverse",
        "debt.reopen",
    ),
)
