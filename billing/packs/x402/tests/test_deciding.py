"""Each row of the table of what follows."""

from typing import Any

import pytest

from billing.packs.x402.chain import Shown
from billing.packs.x402.deciding import decide
from billing.packs.x402.facilitator import Settled

DONE, REFUSED, UNKNOWN = Settled("done", "0x1"), Settled("refused", problem="no"), Settled("unknown", problem="down")
PAID, UNUSED, CANCELED, OTHER = Shown("paid", "0x1"), Shown("unused"), Shown("canceled"), Shown("other", "0x2")


@pytest.mark.parametrize(
    ("settled", "shown", "tried_before", "over", "following"),
    [
        (DONE, PAID, False, False, "credit"),
        (UNKNOWN, PAID, False, False, "credit"),  # our own settlement, whose answer was lost
        (None, PAID, True, False, "credit"),  # an earlier one of ours
        (REFUSED, PAID, True, False, "credit"),
        (REFUSED, PAID, False, False, "review"),  # sent by somebody else
        (Settled("refused", "0x9", "transaction_failed"), PAID, False, False, "review"),  # not by the try that failed
        (Settled("refused", "0x1", "transaction_failed"), PAID, False, False, "credit"),  # it went through all the same
        (Settled("refused", "0x9", "transaction_failed"), UNUSED, False, True, "fail"),
        (DONE, OTHER, False, False, "review"),
        (DONE, CANCELED, False, False, "fail"),
        (REFUSED, UNUSED, False, False, "wait"),  # it may have been sent all the same
        (REFUSED, UNUSED, False, True, "fail"),
        (REFUSED, UNUSED, True, False, "wait"),  # the earlier try may still be on its way
        (UNKNOWN, UNUSED, False, False, "wait"),
        (DONE, UNUSED, False, False, "wait"),
        (None, UNUSED, True, True, "fail"),
        *[(said, None, before, over, "wait") for said in (DONE, REFUSED) for before in (0, 1) for over in (0, 1)],
    ],
)
def test_what_follows(settled: Any, shown: Any, tried_before: bool, over: bool, following: str) -> None:
    assert decide(settled, shown, tried_before=tried_before, said_done=False, over=over)[0] == following


def test_what_was_said_to_be_paid_and_never_came_needs_a_person() -> None:
    assert decide(None, UNUSED, tried_before=True, said_done=True, over=True)[0] == "review"
    assert decide(None, UNUSED, tried_before=True, said_done=True, over=False)[0] == "wait"
