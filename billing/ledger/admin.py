"""The ledger for staff to look at. Nothing here writes: history is append-only, credits move by services."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import TabularInline
from unfold.decorators import display

from billing.credits import clock
from billing.credits.format import exact_text
from billing.foundation.admin import ReadOnlyAdmin
from billing.foundation.adminlists import DaysFilter, FewValuesFilter
from billing.ledger.adminfilters import IssuedFilter
from billing.ledger.models import Hold, HoldExtension, Lot, LotTake, Operation, Transfer, Wallet
from billing.ledger.records import WalletState, hold_id, parse_hold_id

MANY = 10_000


class EstimatingPaginator(Paginator):  # type: ignore[type-arg]
    """Counts only what can be counted at once: an unfiltered history is estimated from the planner's statistics."""

    @cached_property
    def count(self) -> int:
        query = cast(QuerySet[Any], self.object_list)
        if query.query.where:
            return int(query.count())
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [query.model._meta.db_table]
            )
            estimate = int(cursor.fetchone()[0])
        return estimate if estimate > MANY else int(query.count())


class LedgerAdmin(ReadOnlyAdmin):
    paginator = EstimatingPaginator
    show_full_result_count = False
    list_select_related: Any = ("workspace",)
    search_fields: Any = ("workspace__name", "workspace__public_id__exact", "workspace__external_id__exact")


def amount(field: str, description: str = "") -> Callable[[Any, Any], str]:
    """A column with the nano-credits of `field` as exact credits."""

    @display(description=description or field.replace("_", " "), ordering=field)
    def column(self: Any, row: Any) -> str:
        return exact_text(getattr(row, field))

    return cast(Callable[[Any, Any], str], column)


def digest(field: str) -> Callable[[Any, Any], str]:
    """A column with the bytes of `field` as hex."""

    @display(description=field.replace("_", " "))
    def column(self: Any, row: Any) -> str:
        value = getattr(row, field)
        return bytes(value).hex() if value is not None else "–"

    return cast(Callable[[Any, Any], str], column)


@admin.register(Wallet)
class WalletAdmin(LedgerAdmin):
    list_display = ("workspace", "state", "credits", "held_credits", "debt_credits", "seq", "last_at", "stopped_at")
    list_filter = (
        "granted_any",
        ("stopped_at", admin.EmptyFieldListFilter),
        ("debt_since", admin.EmptyFieldListFilter),
    )
    fields: Any = (
        "workspace",
        ("state", "stopped_at", "debt_since"),
        ("credits", "held_credits", "debt_credits"),
        ("overdraft", "overdraft_in_holds", "low_under"),
        ("seq", "head"),
        ("last_at", "next_due_at", "granted_any"),
    )
    readonly_fields: Any = (
        "state",
        "credits",
        "held_credits",
        "debt_credits",
        "overdraft",
        "overdraft_in_holds",
        "low_under",
        "head",
    )
    credits = amount("available")
    held_credits = amount("held")
    debt_credits = amount("debt")
    overdraft = amount("overdraft_limit")
    overdraft_in_holds = amount("overdraft_held")
    low_under = amount("low_bound", "low under")
    head = digest("digest")

    @display(label={"healthy": "success", "low": "warning", "stopped": "danger", "new": "info"})
    def state(self, wallet: Wallet) -> str:
        found = WalletState(
            available=wallet.available,
            held=wallet.held,
            debt=wallet.debt,
            overdraft_limit=wallet.overdraft_limit,
            overdraft_held=wallet.overdraft_held,
            low_bound=wallet.low_bound,
            granted_any=wallet.granted_any,
            seq=wallet.seq,
            digest=bytes(wallet.digest),
            stopped_at=wallet.stopped_at,
            debt_since=wallet.debt_since,
        ).state
        return "new" if found == "stopped" and not wallet.granted_any else found


class ReadOnlyInline(TabularInline):
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False


class TakeInline(ReadOnlyInline):
    model = LotTake
    fields: Any = ("position", "lot", "credits")
    readonly_fields: Any = ("credits",)
    ordering = ("position",)
    credits = amount("amount")


class TransferInline(ReadOnlyInline):
    model = Transfer
    fields: Any = ("seq", "kind", "debit", "credit", "credits", "balance")
    readonly_fields: Any = ("credits", "balance")
    ordering = ("seq",)
    credits = amount("amount")
    balance = amount("balance_after")


class FamilyFilter(admin.SimpleListFilter):
    """By what can be done about it."""

    title = "family"
    parameter_name = "family"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("correctable", "Grants, adjustments, refunds"), ("corrections", "Corrections")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Operation]) -> QuerySet[Operation]:
        if self.value() == "correctable":
            return queryset.filter(kind__regex=r"^(grant|adjust|refund)\.").exclude(kind__endswith=".reverse")
        return queryset.filter(reverses__isnull=False) if self.value() else queryset


@admin.register(Operation)
class OperationAdmin(LedgerAdmin):
    list_display = ("id", "workspace", "kind", "namespace", "key", "actor", "reason", "created_at")
    list_filter = (FamilyFilter, ("kind", FewValuesFilter), ("namespace", FewValuesFilter))
    search_fields: Any = (*LedgerAdmin.search_fields, "key__exact")
    exclude = ("request_hash",)
    inlines = (TransferInline,)
    ordering = ("-id",)


@admin.register(Transfer)
class TransferAdmin(LedgerAdmin):
    list_display = ("id", "workspace", "seq", "kind", "debit", "credit", "credits", "balance", "created_at")
    list_filter = (IssuedFilter, "kind", ("created_at", DaysFilter))
    list_filter_submit = True
    fields: Any = (
        ("workspace", "seq"),
        "operation",
        ("kind", "debit", "credit"),
        ("credits", "balance"),
        ("occurred_at", "created_at"),
        "reverses",
        "hash",
        "items_hash",
    )
    readonly_fields: Any = ("credits", "balance", "hash", "items_hash")
    inlines = (TakeInline,)
    ordering = ("-id",)
    credits = amount("amount")
    balance = amount("balance_after")
    hash = digest("digest")
    items_hash = digest("items_digest")


class PaidFilter(admin.SimpleListFilter):
    """Lots that were paid for: what is left of them is deferred revenue."""

    title = "payment"
    parameter_name = "paid"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("unspent", "Paid for, and something left"), ("yes", "Paid for"), ("no", "Given")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Lot]) -> QuerySet[Lot]:
        if self.value() == "no":
            return queryset.exclude(unit_price_usd__gt=0)
        if self.value() == "unspent":
            queryset = queryset.filter(open=True)
        return queryset.filter(unit_price_usd__gt=0) if self.value() else queryset


@admin.register(Lot)
class LotAdmin(LedgerAdmin):
    list_display = ("id", "workspace", "label", "source", "credits", "left", "pinned", "effective_at", "expires_at")
    list_filter = (PaidFilter, "source", "open", "scheduled")
    fields: Any = (
        "workspace",
        ("label", "source", "priority"),
        ("credits", "left", "pinned"),
        ("effective_at", "expires_at", "scheduled"),
        ("unit_price_usd", "created_at"),
        ("operation", "seq"),
    )
    readonly_fields: Any = ("credits", "left", "pinned")
    ordering = ("-id",)
    credits = amount("amount")
    left = amount("remaining", "left")
    pinned = amount("held", "in holds")


class HoldStateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("settle", "Settled"), ("release", "Released"), ("expire", "Expired")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Hold]) -> QuerySet[Hold]:
        now = clock.now()
        if self.value() == "open":
            return queryset.filter(open_until__gt=now)
        if self.value() == "expire":  # also where nothing has posted it yet
            return queryset.filter(Q(resolution__kind="expire") | Q(open_until__lte=now))
        return queryset.filter(resolution__kind=self.value()) if self.value() else queryset


class ExtensionInline(ReadOnlyInline):
    model = HoldExtension
    fields: Any = ("created_at", "expires_at", "operation")
    readonly_fields: Any = ("created_at", "expires_at", "operation")
    ordering = ("pk",)


@admin.register(Hold)
class HoldAdmin(LedgerAdmin):
    """What is set aside for running requests, and how it ended. The operation that placed it has the lots."""

    list_display = ("public_id", "workspace", "label", "credits", "state", "origin", "created_at", "open_until")
    list_filter = (HoldStateFilter, "origin")
    list_select_related: Any = ("workspace", "resolution")
    fields: Any = (
        ("public_id", "state"),
        "workspace",
        ("label", "origin"),
        ("credits", "of_overdraft"),
        "lots",
        ("created_at", "expires_at", "open_until"),
        "operation",
        ("ended_by", "ended_at"),
    )
    readonly_fields: Any = ("public_id", "state", "credits", "of_overdraft", "lots", "ended_by", "ended_at")
    inlines = (ExtensionInline,)
    ordering = ("-operation",)
    credits = amount("amount")
    of_overdraft = amount("overdraft", "of it overdraft")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Hold], search_term: str
    ) -> tuple[QuerySet[Hold], bool]:
        """By the id that customers see, too."""
        if (pk := parse_hold_id(search_term.strip())) is not None:
            return queryset.filter(pk=pk), False
        found: tuple[QuerySet[Hold], bool] = super().get_search_results(request, queryset, search_term)
        return found

    def get_inlines(self, request: HttpRequest, obj: Hold | None) -> Any:
        return self.inlines if obj is not None and obj.extensions.exists() else ()

    @display(description="From lots")
    def lots(self, hold: Hold) -> str:
        takes = LotTake.objects.filter(transfer__operation_id=hold.pk).select_related("lot").order_by("position")
        return ", ".join(f"{exact_text(take.amount)} of {take.lot}" for take in takes) or "–"

    @display(description="Hold", ordering="operation")
    def public_id(self, hold: Hold) -> str:
        return hold_id(hold.pk)

    @display(label={"open": "info", "settled": "success", "released": "warning", "expired": "warning"})
    def state(self, hold: Hold) -> str:
        resolution = getattr(hold, "resolution", None)
        if resolution is not None:
            return {"settle": "settled", "release": "released"}.get(resolution.kind, "expired")
        return "open" if hold.open_until is not None and hold.open_until > clock.now() else "expired"

    @display(description="Ended by")
    def ended_by(self, hold: Hold) -> str:
        resolution = getattr(hold, "resolution", None)
        if resolution is None:
            return "–"
        by = "the clock" if resolution.kind == "expire" else resolution.operation.actor or "the key that placed it"
        return f"{by}, operation {resolution.operation_id}"

    @display(description="Ended")
    def ended_at(self, hold: Hold) -> Any:
        resolution = getattr(hold, "resolution", None)
        return resolution.created_at if resolution else None
