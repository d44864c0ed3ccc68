"""The accounts of a workspace's ledger. A transfer moves its amount from `debit` to `credit`."""

from typing import Final

ISSUED: Final = "issued"  # where credits come from; its balance is minus everything ever granted
SCHEDULED: Final = "scheduled"  # granted, not started
AVAILABLE: Final = "available"
HELD: Final = "held"
SPENT: Final = "spent"
EXPIRED: Final = "expired"
ADJUSTED: Final = "adjusted"  # operator's corrections, both ways
REFUNDED: Final = "refunded"
DEBT: Final = "debt"  # used beyond the balance; its balance is minus what is owed
# A memo, no credits: the part of open holds that no lot covers, against the plan's overdraft. The two add up to zero.
OVERDRAFT: Final = "overdraft"
OVERDRAFT_HELD: Final = "overdraft_held"

# Credits in these accounts are backed by lots.
IN_LOTS: Final = frozenset({SCHEDULED, AVAILABLE, HELD})
INFLOWS: Final = frozenset({ISSUED, ADJUSTED})  # a transfer from here into a lot's account brings that lot in

EXTEND: Final = (
    "lot.extend"  # of operations and transfers: what is free of a lot goes on in another one, which ends later
)
LAPSE: Final = "lot.lapse"  # the kind of operation that alone may let credits expire before the end of their lot
