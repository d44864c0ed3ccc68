"""What the services refuse, as problem documents."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from billing.api.present import amount, budget, concurrency
from billing.api.problems import Problem
from billing.credits.units import AmountOutOfRange
from billing.foundation.site.naming import named
from billing.ledger.errors import HoldResolved, HoldTooLong, IdempotencyConflict, TooManyHolds, UnknownHold
from billing.metering.errors import EventConflict, EventRejected
from billing.usage.errors import BudgetExceeded, ConcurrencyExceeded, KeyPaused, OutOfCredits, UsageRefused

_ENDED = {"settle": "settled", "release": "released", "expire": "expired"}


@contextmanager
def problems() -> Iterator[None]:
    """Turns what the block refuses into a Problem."""
    try:
        yield
    except (EventRejected, UsageRefused) as error:
        raise refused(error) from error
    except EventConflict as error:
        raise Problem(error.code, error.detail) from error
    except IdempotencyConflict as error:
        detail = "This Idempotency-Key was used before for another request. Nothing was done."
        raise Problem("idempotency_conflict", detail) from error
    except UnknownHold as error:
        raise Problem("not_found", "This workspace has no such hold that this class of key could change.") from error
    except HoldResolved as error:
        raise Problem("hold_resolved", str(error), members={"hold_status": _ENDED[error.resolution]}) from error
    except TooManyHolds as error:
        raise Problem("too_many_holds", str(error)) from error
    except HoldTooLong as error:
        raise refused(EventRejected("invalid_request", str(error), "/expires_in")) from error
    except AmountOutOfRange as error:
        raise Problem("amount_out_of_range", named(str(error))) from error


def refused(error: EventRejected | UsageRefused) -> Problem:
    place = [{"pointer": error.pointer, "detail": error.detail}] if error.pointer else []
    members: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, OutOfCredits):
        for name in ("needed", "available", "missing"):
            members |= amount(name, getattr(error, name))
    if isinstance(error, BudgetExceeded):
        members |= {**amount("needed", error.needed), "budget": budget(error.standing)}
    if isinstance(error, ConcurrencyExceeded):
        members["concurrency"] = concurrency(error.limit, error.open)
        headers = {"Retry-After": str(error.RETRY_AFTER)}
    if isinstance(error, KeyPaused):
        members["paused_at"] = error.since
    if isinstance(error, EventRejected) and error.resolution:
        members["hold_status"] = _ENDED[error.resolution]
    return Problem(error.code, error.detail, errors=place, members=members, headers=headers)
