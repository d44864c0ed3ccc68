"""Credits held for a request before it is made: the promise that it can be paid.

What needs no lock comes first: parsing, sizing, limits, a price. Under the wallet lock the request is rated with what
is left of allowances, credits and included quantities are set aside, and what was expected is written into the hold's
row.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import credits
from billing.ledger import holds as ledger_holds
from billing.ledger import selectors as ledger
from billing.ledger import store as ledger_store
from billing.ledger.book import Book, open_book
from billing.ledger.errors import IdempotencyConflict, InsufficientCredits, TooManyHolds
from billing.ledger.records import HoldState, OperationDraft, WalletState
from billing.ledger.roundtrip import Rows
from billing.metering.allowances import Allowances, Due, open_at, with_what_is_due
from billing.metering.errors import EventRejected
from billing.metering.events import Source
from billing.metering.facevalue import charging_site
from billing.metering.reporters import confirm, still_the_same
from billing.metering.settling import is_quiet
from billing.plans.limits import KnownLimits, LimitsInDoubt, limits_lately
from billing.pricing.rating import NO_ALLOWANCES, Rating
from billing.usage import store
from billing.usage.authorized import Authorized, replayed
from billing.usage.budgets.holding import budgets_for, note_refusal
from billing.usage.budgets.pace import pause_of, refuse_paused
from billing.usage.budgets.rules import rules_of
from billing.usage.errors import BudgetExceeded, OutOfCredits, UsageRefused
from billing.usage.estimate import priced_lines
from billing.usage.limits import check_concurrency
from billing.usage.request import HoldRequest, hold_request
from billing.usage.wanted import HoldWanted, fingerprint, parse_hold_wanted
from billing.usage.words import in_credits


@dataclass(frozen=True)
class _Named:
    """The caller's own name of a request, and what tells it from others; both empty without one."""

    workspace_id: int
    namespace: str
    key: str
    hash: bytes

    def operation(self) -> OperationDraft:
        if self.key:
            return OperationDraft(self.namespace, self.key, self.hash, "hold.place")
        return OperationDraft("hold", "", b"", "hold.place")


def authorize(
    *, workspace: Workspace, source: Source, raw: object, idempotency_key: str = "", now: datetime | None = None
) -> Authorized:
    """Hold credits for the request in `raw` (parsed JSON), which only keys of `source.origin` may then resolve.

    The same key and body again return what was told the first time, `replay` set. Raises EventRejected (malformed, or
    nothing tells what to expect), UsageRefused (unknown_model, unknown_meter, request_over_limit, quality_not_in_plan,
    amount_out_of_range), ConcurrencyExceeded, OutOfCredits, BudgetExceeded, KeyPaused, and IdempotencyConflict for the
    same key with another body.
    """
    asked = parse_hold_wanted(raw)
    # Without a key nobody can ask for the same again, and nothing needs to tell it from others.
    told_by = fingerprint(asked) if idempotency_key else b""
    named = _Named(workspace.pk, f"hold.{source.origin}", idempotency_key, told_by)

    known = limits_lately(workspace.pk)
    try:
        with suppress(LimitsInDoubt):
            return _attempt(source, asked, named, now, known)
        return _attempt(source, asked, named, now, known.again())
    except BudgetExceeded as refused:
        note_refusal(refused, now or clock.now())
        raise


def _attempt(source: Source, asked: HoldWanted, named: _Named, now: datetime | None, known: KnownLimits) -> Authorized:
    """Raises LimitsInDoubt where the limits changed, and for whatever they may have refused before that is known."""
    try:
        request = hold_request(named.workspace_id, source, asked, limits=known.limits, now=now or clock.now())
    except (EventRejected, UsageRefused) as refused:
        if known.doubts:
            raise LimitsInDoubt from refused
        # What was answered once stays answered, also when a price or a limit has changed since.
        if (done := _done(named)) is not None:
            return done
        raise

    def place(due: Due) -> Authorized:
        return _place(request, named, known, now, due)

    return with_what_is_due(named.workspace_id, place)


def _done(named: _Named) -> Authorized | None:
    found = ledger.operation(named.workspace_id, named.namespace, named.key) if named.key else None
    return None if found is None else _repeated(named, bytes(found.request_hash), found.result)


def _repeated(named: _Named, digest: bytes, result: dict[str, object]) -> Authorized:
    if digest != named.hash:
        raise IdempotencyConflict(named.namespace, named.key)
    return replayed(result)


def _place(request: HoldRequest, named: _Named, known: KnownLimits, now: datetime | None, due: Due) -> Authorized:
    at = now or clock.now()
    same, pause = still_the_same(request.source), pause_of(request.source)
    repeat = [ledger_store.find(named.workspace_id, named.namespace, named.key)] if named.key else []
    also = [*same, *known.doubts, open_at(named.workspace_id, None, now=at), *pause, *repeat]
    with open_book(named.workspace_id, now=now, also=also, leave=is_quiet(named.workspace_id)) as book:
        answers = iter(book.extra)
        confirm(list(islice(answers, len(same))))
        known.confirm(list(islice(answers, len(known.doubts))))
        included, paused, before = next(answers), list(islice(answers, len(pause))), next(answers, None)
        if before:
            ((digest, result),) = before
            return _repeated(named, bytes(digest), json.loads(result))
        refuse_paused(paused)
        if book.open_holds >= ledger_holds.MOST_OPEN:
            raise TooManyHolds(ledger_holds.MOST_OPEN)
        check_concurrency(named.workspace_id, known.limits, book.open_holds, book.now)
        return _new(request, named, book, included, due)


def _new(request: HoldRequest, named: _Named, book: Book, included: Rows, due: Due) -> Authorized:
    allowances = Allowances(included, book=book, due=due)
    rating, amount = _priced(request, allowances, book)
    project = request.asked.wanted.project
    budgets = budgets_for(rules_of(book), request.source, workspace_id=named.workspace_id, project=project, at=book.now)
    budgets.check(amount)
    operation = named.operation()
    expected = rating.nano if request.size.usage else amount
    hold = _hold(request, book, operation, amount, expected)
    for line in rating.lines:
        if line.from_allowance:
            allowances.reserve(line.meter, line.from_allowance, book.now)
    for statement in (*allowances.reservation_writes(hold.id), *budgets.hold_writes(hold.id, amount)):
        book.also(*statement)
    store.remember(request, hold, None if included else book)
    told = _told(request, hold, book.state, rating)
    if named.key:
        operation.result = told.stored()
    return told


def _priced(request: HoldRequest, allowances: Allowances, book: Book) -> tuple[Rating, int]:
    """The price of what is expected, and how many credits to hold. What was asked for as so many credits is held in
    credits alone: nothing included is reserved for it.
    """
    most = request.asked.max_nano
    left = allowances.left(book.now) if most is None else NO_ALLOWANCES
    counted, face_value = request.counted(book), charging_site().usd_per_credit
    rating = request.rating(book.now, left, usd_per_credit=face_value, counted=counted)
    return rating, rating.nano if most is None else most


def _hold(request: HoldRequest, book: Book, operation: OperationDraft, amount: int, expected: int) -> HoldState:
    try:
        return book.hold(
            operation=operation,
            amount=amount,
            expires_at=book.now + request.asked.life,
            origin=request.source.origin,
            label=request.label,
            request=store.written(request, expected=expected),
        )
    except InsufficientCredits:
        state = book.state
        raise OutOfCredits(_missing(amount, state), needed=amount, headroom=state.headroom) from None


def _missing(needed: int, state: WalletState) -> str:
    owed = f" and {credits(state.debt):f} are owed" if state.debt else ""
    return (
        f"This request needs {in_credits(needed)}; {credits(max(state.headroom, 0)):f} can be held{owed}. Nothing"
        f" was held or charged. Add {in_credits(needed - state.headroom)}, or ask for less."
    )


def _told(request: HoldRequest, hold: HoldState, state: WalletState, rating: Rating) -> Authorized:
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
