"""Credits held for a request before it is made: the promise that it can be paid.

What needs no lock comes first: parsing, sizing, limits, a price. Under the wallet lock the request is rated with what
is left of allowances, the credits are held, and what was expected is written down beside the hold.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import credits
from billing.foundation.site.selectors import site
from billing.ledger import selectors as ledger
from billing.ledger import store as ledger_store
from billing.ledger.book import Book, open_book
from billing.ledger.errors import IdempotencyConflict, InsufficientCredits
from billing.ledger.records import HoldState, OperationDraft, WalletState
from billing.metering.allowances import Allowances, Due, open_at, with_what_is_due
from billing.metering.errors import EventRejected
from billing.metering.events import Source
from billing.metering.facevalue import charging_site
from billing.pricing.rating import NO_ALLOWANCES, Rating
from billing.pricing.tariff import ModelPrices
from billing.usage.authorized import Authorized, replayed
from billing.usage.errors import OutOfCredits, UsageRefused
from billing.usage.estimate import known_prices, priced_lines, rated
from billing.usage.expected import hold_size
from billing.usage.limits import check_limits
from billing.usage.sizing import Sized
from billing.usage.store import write
from billing.usage.wanted import HoldWanted, fingerprint, parse_hold_wanted


@dataclass(frozen=True)
class _Request:
    """An authorisation that is well-formed and allowed, and the key that says whether it was done before."""

    workspace_id: int
    source: Source
    asked: HoldWanted
    prices: ModelPrices
    size: Sized
    namespace: str
    key: str
    hash: bytes


def authorize(
    *, workspace: Workspace, source: Source, raw: object, idempotency_key: str = "", now: datetime | None = None
) -> Authorized:
    """Hold credits for the request in `raw` (parsed JSON), which only keys of `source.origin` may then resolve.

    The same key and body again return what was told the first time, `replay` set. Raises EventRejected (malformed, or
    nothing tells what to expect), UsageRefused (unknown_model, unknown_meter, request_over_limit, quality_not_in_plan,
    amount_out_of_range), OutOfCredits, and IdempotencyConflict for the same key with another body.
    """
    asked = parse_hold_wanted(raw)
    namespace, digest = f"hold.{source.origin}", fingerprint(asked)
    try:
        request = _checked(workspace.pk, source, asked, namespace, idempotency_key, digest, now or clock.now())
    except (EventRejected, UsageRefused):
        # What was answered once stays answered, also when a price or a limit has changed since.
        if (done := _done(workspace.pk, namespace, idempotency_key, digest)) is not None:
            return done
        raise

    def place(due: Due) -> Authorized:
        return _place(request, now, due)

    return with_what_is_due(workspace.pk, place)


def _checked(
    workspace_id: int, source: Source, asked: HoldWanted, namespace: str, key: str, digest: bytes, now: datetime
) -> _Request:
    """All that can be refused without the lock."""
    prices = known_prices(asked.wanted)
    size = hold_size(asked, prices, workspace_id=workspace_id, now=now)
    check_limits(workspace_id, usage=size.asked, variant=asked.wanted.variant, prices=prices)
    rated(size, asked.wanted, prices, at=now, allowances=NO_ALLOWANCES, usd_per_credit=site().usd_per_credit)
    return _Request(workspace_id, source, asked, prices, size, namespace, key, digest)


def _done(workspace_id: int, namespace: str, key: str, digest: bytes) -> Authorized | None:
    found = ledger.operation(workspace_id, namespace, key) if key else None
    if found is None:
        return None
    if bytes(found.request_hash) != digest:
        raise IdempotencyConflict(namespace, key)
    return replayed(found.result)


def _place(request: _Request, now: datetime | None, due: Due) -> Authorized:
    also = [open_at(request.workspace_id, None, now=now or clock.now())]
    if request.key:
        also.append(ledger_store.find(request.workspace_id, request.namespace, request.key))
    with open_book(request.workspace_id, now=now, also=also) as book:
        included, *known = book.extra
        if known and known[0]:
            ((digest, result),) = known[0]
            if bytes(digest) != request.hash:
                raise IdempotencyConflict(request.namespace, request.key)
            return replayed(json.loads(result))
        allowances = Allowances(included, workspace_id=request.workspace_id, due=due)
        rating, amount = _priced(request, allowances, book.now)
        if request.key:
            operation = OperationDraft(request.namespace, request.key, request.hash, "hold.place")
        else:
            operation = OperationDraft("hold", uuid4().hex, request.hash, "hold.place")
        hold = _hold(request, book, operation, amount)
        expected = rating.nano if request.size.usage else amount
        book.also(
            *write(
                hold,
                workspace_id=request.workspace_id,
                source=request.source,
                asked=request.asked,
                prices=request.prices,
                size=request.size,
                expected=expected,
            )
        )
        told = _told(request, hold, book.state, rating)
        if request.key:
            operation.result = told.stored()
        return told


def _priced(request: _Request, allowances: Allowances, at: datetime) -> tuple[Rating, int]:
    """The price of what is expected, and how many credits to hold. What was asked for as so many credits is held in
    credits alone: nothing included is reserved for it.
    """
    most = request.asked.max_nano
    left = allowances.left(at) if most is None else NO_ALLOWANCES
    rating = rated(
        request.size,
        request.asked.wanted,
        request.prices,
        at=at,
        allowances=left,
        usd_per_credit=charging_site().usd_per_credit,
    )
    return rating, rating.nano if most is None else most


def _hold(request: _Request, book: Book, operation: OperationDraft, amount: int) -> HoldState:
    try:
        return book.hold(
            operation=operation,
            amount=amount,
            expires_at=book.now + request.asked.life,
            origin=request.source.origin,
            label=_label(request),
        )
    except InsufficientCredits:
        state = book.state
        raise OutOfCredits(_missing(amount, state), needed=amount, headroom=state.headroom) from None


def _label(request: _Request) -> str:
    """What its owner reads: the model and the task, or what is counted."""
    what = request.prices.ref or ", ".join(sorted(request.size.usage)) or "A request"
    return ", ".join(filter(None, (what, request.asked.wanted.task)))[:250]


def _missing(needed: int, state: WalletState) -> str:
    name = site().credit_name_plural
    owed = f" and {credits(state.debt):f} are owed" if state.debt else ""
    return (
        f"This request needs {credits(needed):f} {name}; {credits(max(state.headroom, 0)):f} can be held{owed}. Nothing"
        f" was held or charged. Add {credits(needed - state.headroom):f} {name}, or ask for less."
    )


def _told(request: _Request, hold: HoldState, state: WalletState, rating: Rating) -> Authorized:
    return Authorized(
        hold_id=hold.id,
        amount=hold.amount,
        overdraft=hold.overdraft,
        expires_at=hold.created_at + request.asked.life,
        available=state.available,
        held=state.held,
        state=state.state,
        basis=request.size.basis,
        note=request.size.note,
        lines=priced_lines(rating) if request.asked.max_nano is None else (),
        usage=request.size.usage,
    )
