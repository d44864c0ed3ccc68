"""The ledger's tables. Amounts are integer nano-credits (10**-9 credit); README.md explains the accounts.

Operation, Transfer, LotTake, HoldExtension and HoldResolution are append-only; of a Lot only `remaining`, `held`,
`scheduled` and `priority` change, of a Hold only `open_until` (triggers in migrations/_rules.py and 0003). The
wallet row is the one lock of its workspace.
"""

from datetime import timedelta

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Greatest, Least
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual

from accounts.models import Workspace
from billing.ledger.records import hold_id


class Wallet(models.Model):
    """The balance of one workspace: a running total of its transfers, and its lock."""

    workspace = models.OneToOneField(Workspace, models.PROTECT, primary_key=True, related_name="wallet")
    available = models.BigIntegerField(default=0)  # can be spent now
    held = models.BigIntegerField(default=0)  # pinned by holds
    debt = models.BigIntegerField(default=0)  # used beyond the balance, repaid first by the next inflow
    overdraft_held = models.BigIntegerField(default=0)  # part of holds that no lot covers
    # How many holds are open, those included whose time is over and was not posted yet. There is a most of them.
    open_holds = models.BigIntegerField(default=0, db_default=0)
    overdraft_limit = models.BigIntegerField(default=0)  # how far authorisations may go below zero (from the plan)
    seq = models.BigIntegerField(default=0)  # of the last transfer
    digest = models.BinaryField(max_length=32, default=bytes(32))  # of the last transfer: the chain's head
    last_at = models.DateTimeField(null=True)  # never post below this stamp
    next_due_at = models.DateTimeField(null=True)  # nearest start or expiry of a lot
    # Bounds kept here so that a spend knows from its own row whether it crossed one.
    low_bound = models.BigIntegerField(default=0)  # available + held below this is "low"
    granted_any = models.BooleanField(default=False)  # ever had credits: tells "new" from "stopped"
    stopped_at = models.DateTimeField(null=True)  # since when there is nothing left to authorise
    debt_since = models.DateTimeField(null=True)
    # Raised with every change of the workspace's budgets: who holds the lock knows whether those in memory are they.
    budget_revision = models.BigIntegerField(default=0, db_default=0)
    # available + held - debt below this asks for a top-up; 0: never. Spends read it and write it never.
    topup_bound = models.BigIntegerField(default=0, db_default=0)
    # The same balance below which the next usage alert may be due, also below zero; null: none is.
    alert_bound = models.BigIntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_due_at"], condition=Q(next_due_at__isnull=False), name="wallet_due"),
        ]
        constraints = [
            # One comparison: PostgreSQL reads the stored expression anew with every request.
            models.CheckConstraint(
                condition=GreaterThanOrEqual(
                    Least(
                        *("available", "held", "debt", "overdraft_held", "overdraft_limit", "open_holds"),
                        "topup_bound",  # null counts for nothing
                    ),
                    Value(0),
                ),
                name="wallet_amounts_not_negative",
            ),
            models.CheckConstraint(condition=Q(available=0) | Q(debt=0), name="wallet_debt_only_without_credits"),
        ]

    def __str__(self) -> str:
        return f"wallet of {self.workspace_id}"


class Operation(models.Model):
    """One thing that happened, whole: 1..n transfers under one idempotency key."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    namespace = models.CharField(max_length=40)  # who may choose keys here: "usage", "api", "plan", "operator", …
    key = models.CharField(max_length=200)
    request_hash = models.BinaryField(max_length=32)  # same key, other content = conflict
    kind = models.CharField(max_length=30)
    result = models.JSONField(default=dict)  # what the first caller was told
    reverses = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="reversals", db_index=False
    )
    actor = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "namespace", "key"], name="operation_once_per_key"),
        ]
        indexes = [
            models.Index(fields=["reverses"], condition=Q(reverses__isnull=False), name="operation_reversed"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}:{self.key}"


# Kinds of transfers that come with requests: holds, and what is charged.
OF_REQUESTS = (
    *("hold.place", "hold.extend", "hold.settle", "hold.release", "hold.expire"),
    *("hold.overdraft", "hold.overdraft_end", "usage.spend", "usage.debt"),
)


class Transfer(models.Model):
    """`amount` from account `debit` to account `credit`: balanced by construction."""

    # No foreign key in the database: it is the operation's workspace (checked there and by verify_ledger), and this
    # table is written with every request.
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    operation = models.ForeignKey(Operation, models.PROTECT, related_name="transfers")
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=30)
    debit = models.CharField(max_length=20)
    credit = models.CharField(max_length=20)
    amount = models.BigIntegerField()
    balance_after = models.BigIntegerField()  # available
    occurred_at = models.DateTimeField()
    created_at = models.DateTimeField()
    # For a batch: sha256 over its ordered (event id, amount) list, so the chain vouches for each event.
    items_digest = models.BinaryField(max_length=32, null=True)
    reverses = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    digest = models.BinaryField(max_length=32)

    class Meta:
        ordering = ["workspace", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "seq"], name="transfer_seq_unique_in_workspace"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="transfer_amount_positive"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="transfer_between_two_accounts"),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "reverses"], condition=Q(reverses__isnull=False), name="transfer_reversals"
            ),
            # Repayments are undone, latest first, when the debt they repaid is cancelled.
            models.Index(fields=["workspace", "-seq"], condition=Q(kind="debt.repay"), name="transfer_repayment"),
            # Pages tell a lot that expired from one that was used up.
            models.Index(fields=["workspace", "-seq"], condition=Q(kind="lot.expire"), name="transfer_expiry"),
            # What the statement lists one by one, among millions that requests made.
            models.Index(
                fields=["workspace", "-seq"], condition=~Q(kind__in=OF_REQUESTS), name="transfer_not_of_request"
            ),
            # What came in or expired on some days, in all workspaces.
            models.Index(fields=["created_at"], condition=~Q(kind__in=OF_REQUESTS), name="transfer_not_of_request_at"),
        ]

    def __str__(self) -> str:
        return f"#{self.seq} {self.kind}"


class Lot(models.Model):
    """Credits that came in together, with their own price, start and expiry."""

    class Source(models.TextChoices):
        PLAN = "plan"
        PROMOTION = "promotion"  # signup grant, promotions, operator's gifts
        BOUGHT = "bought"

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="lots", db_index=False)
    operation = models.ForeignKey(Operation, models.PROTECT, related_name="lots")
    seq = models.BigIntegerField()  # of the transfer that brought it in, whose digest vouches for its terms
    source = models.CharField(max_length=10, choices=Source.choices)
    label = models.CharField(max_length=120)  # as its owner reads it: "Pro plan, March 2026"
    amount = models.BigIntegerField()
    remaining = models.BigIntegerField()
    held = models.BigIntegerField(default=0)  # part of remaining
    priority = models.SmallIntegerField(default=0)  # staff may put a lot before (-1) or after (1) all others
    effective_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    scheduled = models.BooleanField(default=False)  # its start has not been posted yet
    unit_price_usd = models.DecimalField(max_digits=18, decimal_places=12, null=True, blank=True)  # paid per credit
    created_at = models.DateTimeField()
    # The index below tests this and not `remaining`: an update of `remaining` alone then touches no index.
    open = models.GeneratedField(expression=Q(remaining__gt=0), output_field=models.BooleanField(), db_persist=True)  # type: ignore[arg-type]

    class Meta:
        indexes = [
            # The burn order (billing.ledger.burn), for reading only the first lots of a wallet.
            models.Index(
                F("workspace"),
                F("priority"),
                F("expires_at"),  # ascending: never (NULL) comes last
                Case(When(source="plan", then=Value(0)), When(source="promotion", then=Value(1)), default=Value(2)),
                F("effective_at"),
                F("id"),
                condition=Q(open=True, scheduled=False),
                name="lot_burn_order",
            ),
            models.Index(fields=["workspace", "-id"], name="lot_of_workspace"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "seq"], name="lot_one_per_transfer"),
            models.CheckConstraint(
                condition=Q(amount__gt=0, held__gte=0, held__lte=F("remaining"), remaining__lte=F("amount")),
                name="lot_held_within_remaining_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(expires_at__gt=F("effective_at")), name="lot_expires_after_start"
            ),
        ]

    def __str__(self) -> str:
        return self.label


class LotExtension(models.Model):
    """What was free of a lot goes on in another one of the same source and price that ends later (a trigger in
    migrations/_rules.py holds it to that). What a hold pinned then stayed where it was.
    """

    into = models.OneToOneField(Lot, models.PROTECT, primary_key=True, related_name="extends")
    lot = models.ForeignKey(Lot, models.PROTECT, related_name="extensions")
    operation = models.OneToOneField(Operation, models.PROTECT, related_name="+")
    amount = models.BigIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="lot_extension_of_something"),
            models.CheckConstraint(condition=~Q(lot=F("into")), name="lot_extension_into_another"),
        ]

    def __str__(self) -> str:
        return f"{self.lot_id} goes on as {self.into_id}"


class LotTake(models.Model):
    """What a transfer did to a lot: how much it took, between which of its pockets the accounts say (available to held
    pins it, held to available lets it go, anything else takes it out). Negative puts it back (reversals).
    """

    transfer = models.ForeignKey(Transfer, models.PROTECT, related_name="takes", db_index=False)
    lot = models.ForeignKey(Lot, models.PROTECT, related_name="takes")
    position = models.PositiveIntegerField()  # order within the transfer
    amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["transfer", "position"], name="lot_take_position_unique"),
            models.CheckConstraint(condition=~Q(amount=0), name="lot_take_not_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} from {self.lot_id}"


class Hold(models.Model):
    """Credits set aside for a request that is running. The takes of its `hold.place` transfer pin them to lots."""

    operation = models.OneToOneField(Operation, models.PROTECT, primary_key=True, related_name="hold")
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    origin = models.CharField(max_length=200)  # the class of key that placed it, and alone may resolve it
    amount = models.BigIntegerField()
    overdraft = models.BigIntegerField(default=0)  # part of amount that no lot covers, within the plan's overdraft
    label = models.CharField(max_length=250, blank=True)  # as its owner reads it: "openai/gpt-4o-mini, chat"
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()  # as it was placed; extensions say later ones
    open_until = models.DateTimeField(null=True)  # when it expires; NULL once resolved, and then for ever
    request = models.JSONField(null=True)  # what usage placed it for, which owns its form; NULL: for no request

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(overdraft__gte=0, overdraft__lte=F("amount")), name="hold_overdraft_within_amount"
            ),
            models.CheckConstraint(
                condition=Q(
                    LessThanOrEqual(Greatest("expires_at", "open_until"), F("created_at") + timedelta(hours=24)),
                    expires_at__gt=F("created_at"),
                ),
                name="hold_lives_a_day_at_most",
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "open_until"], condition=Q(open_until__isnull=False), name="hold_open_in_workspace"
            ),
            models.Index(fields=["workspace", "-operation"], name="hold_of_workspace"),
        ]

    def __str__(self) -> str:
        return hold_id(self.pk)


class HoldExtension(models.Model):
    """A hold was given more time."""

    hold = models.ForeignKey(Hold, models.PROTECT, related_name="extensions")
    operation = models.OneToOneField(Operation, models.PROTECT, related_name="+")
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.hold_id} until {self.expires_at}"


class HoldResolution(models.Model):
    """How a hold ended. The primary key lets there be one."""

    class Kind(models.TextChoices):
        SETTLE = "settle"
        RELEASE = "release"
        EXPIRE = "expire"

    hold = models.OneToOneField(Hold, models.PROTECT, primary_key=True, related_name="resolution")
    # That of the hold (checked by verify_ledger), so that a workspace's released and expired ones are found.
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    operation = models.OneToOneField(Operation, models.PROTECT, related_name="resolves")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["settle", "release", "expire"]), name="hold_resolution_kind"),
        ]
        indexes = [
            # Nearly all are settled: those are found along the holds.
            models.Index(
                fields=["workspace", "kind", "-hold"], condition=~Q(kind="settle"), name="hold_resolution_not_settled"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hold_id} {self.kind}"
