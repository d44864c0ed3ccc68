"""Credits of a clone: held when it is asked for, charged once when it is verified, given back otherwise.

The charge is one `addon.spend` of the ledger, like that of everything that is bought with credits and is no request.
All attempts of a job share its hold, and the charge's key is the job's, so that there is one of each. Amounts are
nano-credits.
"""

from accounts.models import Workspace
from billing.ledger.book import Book, open_book
from billing.ledger.errors import InsufficientCredits, TooManyHolds
from billing.ledger.holds import LONGEST, MOST_OPEN
from billing.ledger.models import Operation
from billing.ledger.records import OperationDraft
from billing.ledger.services import cut, request_hash
from billing.plans.addons.paying import KIND
from billing.plans.addons.words import short_of
from billing.voices.clones.errors import CloneRefused, NotCovered
from billing.voices.models import VoiceJob
from billing.voices.tiers import TIERS

NAMESPACE = "voice"
ORIGIN = "voice"  # of its holds: no key can resolve them


def words_of(job: VoiceJob) -> str:
    """What the charge says: 'Voice clone “Anna”, Premium'."""
    name = job.voice.name if job.voice else ""
    return f"Voice clone “{name}”, {TIERS[(job.price_snapshot or {})['tier']].name}"


def hold(workspace: Workspace, job: VoiceJob, *, amount: int, actor: str) -> int | None:
    """Set the price aside for a day, the longest that a hold lives; the hold, None where it costs nothing. Only credits
    that are there: a clone is nothing to overdraw for. Raises NotCovered, CloneRefused.
    """
    if not amount:
        return None
    operation = _operation(job, "hold", amount, actor)
    with open_book(workspace.pk) as book:
        if amount > book.available:
            message = short_of(amount, book.available)
            raise NotCovered(message, needed=amount, available=book.available)
        if book.open_holds >= MOST_OPEN:
            raise CloneRefused(str(TooManyHolds(MOST_OPEN)))
        placed = book.hold(
            operation=operation,
            amount=amount,
            expires_at=book.now + LONGEST,
            origin=ORIGIN,
            label=cut(words_of(job), 250),
        )
    return placed.id


def charge(workspace: Workspace, job: VoiceJob, *, amount: int) -> Operation | None:
    """Take what was held; where the hold has expired, from the balance. Once per job: again it says what was done.

    None where it costs nothing. Raises NotCovered: the hold has expired, and the balance does not cover it any more.
    """
    if not amount:
        return None
    operation = _operation(job, "charge", amount, "system")
    try:
        with open_book(workspace.pk, holds=_holds(job)) as book:
            if book.find(operation.namespace, operation.key, operation.request_hash) is None:
                _take(book, job, operation, amount)
    except InsufficientCredits as short:
        raise NotCovered(short_of(amount, short.available), needed=amount, available=short.available) from None
    return Operation.objects.get(workspace=workspace, namespace=NAMESPACE, key=operation.key)


def _take(book: Book, job: VoiceJob, operation: OperationDraft, amount: int) -> None:
    placed = book.hold_of(job.hold_id) if job.hold_id else None
    if placed is not None and not placed.resolution:
        book.settle(operation=operation, hold=placed, amount=amount, occurred_at=book.now, kind=KIND)
    else:
        book.pay(operation=operation, amount=amount, kind=KIND)


def let_go(workspace: Workspace, job: VoiceJob) -> None:
    """Give back what is still held for it."""
    if job.hold_id is None:
        return
    amount = int((job.price_snapshot or {})["nano"])
    with open_book(workspace.pk, holds=_holds(job)) as book:
        placed = book.hold_of(job.hold_id)
        if placed is not None and not placed.resolution:
            book.release(operation=_operation(job, "release", amount, "system"), hold=placed)


def _holds(job: VoiceJob) -> list[int]:
    return [] if job.hold_id is None else [job.hold_id]


def _operation(job: VoiceJob, what: str, amount: int, actor: str) -> OperationDraft:
    kinds = {"hold": "hold.place", "charge": KIND, "release": "hold.release"}
    return OperationDraft(
        NAMESPACE,
        f"{what}:{job.public_id}",
        request_hash({"job": job.public_id, "what": what, "amount": amount}),
        kinds[what],
        actor=cut(actor, 200),
        reason=cut(words_of(job), 500),
    )
