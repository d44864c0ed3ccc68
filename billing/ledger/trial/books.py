"""The numbers a trial balance is made of, workspace by workspace, each of one snapshot."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from billing.ledger.trial.flows import MOVED, between, run

# One statement: lots, transfers and wallet of a workspace are of the same moment, whatever is posted meanwhile.
_BOOKS = f"""
WITH {MOVED}
SELECT workspace_id, 'moved', bucket, source, debit, credit, sum(amount) FROM moved GROUP BY 1, 2, 3, 4, 5, 6
UNION ALL
SELECT workspace_id, 'lots', 0, source, '', CASE WHEN scheduled THEN 'scheduled' ELSE 'available' END,
    sum(remaining - held)
FROM ledger_lot WHERE workspace_id = ANY(%(workspaces)s) AND remaining > 0 GROUP BY 1, 2, 3, 4, 5, 6
UNION ALL
SELECT workspace_id, 'lots', 0, source, '', 'held', sum(held)
FROM ledger_lot WHERE workspace_id = ANY(%(workspaces)s) AND remaining > 0 GROUP BY 1, 2, 3, 4, 5, 6
UNION ALL
SELECT workspace_id, 'wallet', 0, '', '', kept.account, kept.amount
FROM ledger_wallet, LATERAL (VALUES ('available', available), ('held', held), ('owed', debt)) kept(account, amount)
WHERE workspace_id = ANY(%(workspaces)s)
"""  # noqa: S608


@dataclass(slots=True)
class Books:
    """What transfers moved, per bucket (0 before, 1 in, 2 after the month), source and account; what the lots have;
    and what the wallets say. In nano-credits.
    """

    available: int = 0
    held: int = 0
    owed: int = 0
    moved: defaultdict[tuple[int, str, str], int] = field(default_factory=lambda: defaultdict(int))
    in_lots: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def net(self, source: str, account: str, buckets: Iterable[int]) -> int:
        """What an account gained of one source."""
        key = source if source != "unsourced" else ""
        return sum(self.moved.get((bucket, key, account), 0) for bucket in buckets)

    def net_all(self, account: str, buckets: Iterable[int]) -> int:
        """What an account gained in all."""
        wanted = set(buckets)
        return sum(gained for (bucket, _, name), gained in self.moved.items() if name == account and bucket in wanted)

    def lots(self, source: str, account: str) -> int:
        return self.in_lots.get((source, account), 0)

    def add(self, other: "Books") -> None:
        self.available += other.available
        self.held += other.held
        self.owed += other.owed
        for moved, amount in other.moved.items():
            self.moved[moved] += amount
        for lots, amount in other.in_lots.items():
            self.in_lots[lots] += amount


def books(workspace_ids: Sequence[int], edges: Sequence[datetime]) -> dict[int, Books]:
    """Of each of these workspaces that has any."""
    found: defaultdict[int, Books] = defaultdict(Books)
    rows = run(_BOOKS, between(workspace_ids, edges))
    for workspace_id, part, bucket, source, debit, credit, amount in rows:
        each, nano = found[workspace_id], int(amount)
        if part == "moved":
            each.moved[bucket, source, debit] -= nano
            each.moved[bucket, source, credit] += nano
        elif part == "lots":
            each.in_lots[source, credit] += nano
        else:
            setattr(each, credit, nano)
    return found
