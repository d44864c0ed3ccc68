"""Payments in USDC: to look at. Where money is here and nobody's yet, the row has the facts."""

from django.contrib import admin
from django.utils.html import format_html
from unfold.decorators import display

from billing.credits.format import exact_text
from billing.foundation.admin import ReadOnlyAdmin
from billing.invoices.money import money_text
from billing.packs.x402.models import CryptoPayment

LABELS = {"Credited": "success", "On its way": "info", "Failed": "warning", "Needs a decision": "danger"}


@admin.register(CryptoPayment)
class CryptoPaymentAdmin(ReadOnlyAdmin):
    list_display = ("name", "workspace", "standing", "shown_amount", "brings", "where", "created_at", "problem")
    list_filter = ("state", "created_at")
    list_select_related = ("workspace",)
    search_fields = ("public_id", "payer", "transaction", "nonce", "workspace__name", "workspace__public_id")
    fields = (
        *("name", "workspace", "standing", "problem", "shown_amount", "brings", "where", "explorer", "payer", "pay_to"),
        *("public_id", "buyer_label", "idempotency_key", "created_at", "credited_at", "document", "lot", "bonus_lot"),
        *("pack", "pack_version", "validity_days", "tax_name", "tax_percent", "decided_by", "decided_why"),
        *("asset", "units", "nonce", "valid_before", "version", "from_block", "attempts", "leased_until"),
    )
    readonly_fields = ("standing", "shown_amount", "brings", "where", "explorer")
    show_full_result_count = False

    @display(description="State", label=LABELS)
    def standing(self, payment: CryptoPayment) -> str:
        return payment.get_state_display()

    @display(description="Amount")
    def shown_amount(self, payment: CryptoPayment) -> str:
        return money_text(payment.amount, "usd")

    @display(description="Credits")
    def brings(self, payment: CryptoPayment) -> str:
        return exact_text(payment.total_credits)

    @display(description="Network", ordering="network")
    def where(self, payment: CryptoPayment) -> str:
        return f"{payment.network}, test money" if payment.simulated else payment.network

    @display(description="Transaction")
    def explorer(self, payment: CryptoPayment) -> str:
        if not payment.transaction_url:
            return payment.transaction or "–"
        link = '<a class="text-primary-600 dark:text-primary-500" href="{}" rel="noreferrer">{}</a>'
        return format_html(link, payment.transaction_url, payment.transaction)
