"""Purchases to look at, and their refunds: a form, what it would do, then it is done, once."""

from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html_join
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from accounts.errors import Refused
from accounts.models import User
from billing.credits.format import exact_text
from billing.foundation.admin import ReadOnlyAdmin
from billing.foundation.adminforms import ActionForm, action_page, reason_field
from billing.foundation.adminlists import FewFilter
from billing.gateway.errors import GatewayError
from billing.invoices.money import major, minor_units, money_text
from billing.ledger.selectors import balance
from billing.packs.attending import attend
from billing.packs.clawback import refund_parts
from billing.packs.models import MoneyBack, Purchase, Reconciliation, Redemption
from billing.packs.moneyback import refund_ask, refundable_money, unspent_money

LABELS = {
    "fulfilled": "success",
    "open": "info",
    "paid": "warning",
    "failed": "danger",
    "gone": "danger",
    "asked": "warning",
    "back": "success",
}
PARTS = {"": "Bought", "bonus": "Bonus of the pack", "promotion": "Bonus of the code"}
Facts = list[tuple[str, str]]


class RefundForm(ActionForm):
    amount = forms.DecimalField(
        min_value=Decimal("0.001"),
        max_digits=12,
        decimal_places=3,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Money, in the currency of the purchase.",
    )
    reason = reason_field("The customer reads it on the credit note; it is kept in the audit log.")


class MoneyBackInline(TabularInline):
    model = MoneyBack
    fields = ("kind", "money", "status", "reason", "stripe_id", "document", "created_at")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Amount")
    def money(self, back: MoneyBack) -> str:
        return money_text(back.amount, back.purchase.currency)


@admin.register(Purchase)
class PurchaseAdmin(ReadOnlyAdmin):
    list_display = ("name", "workspace", "state", "shown_amount", "brings", "created_at", "fulfilled_at", "document")
    list_filter = ("status", ("pack", FewFilter), ("promotion", FewFilter), "created_at")
    list_select_related = ("workspace", "document")
    search_fields = ("public_id", "session_id", "payment_id", "workspace__name", "workspace__public_id", "buyer_label")
    inlines = (MoneyBackInline,)
    exclude = ("request_hash", "session_url")
    actions_detail = ("refund", "ask_stripe")
    show_full_result_count = False

    @display(description="Status", label=LABELS)
    def state(self, purchase: Purchase) -> tuple[str, str]:
        return purchase.status, purchase.get_status_display()

    @display(description="Amount")
    def shown_amount(self, purchase: Purchase) -> str:
        return money_text(purchase.amount, purchase.currency)

    @display(description="Credits")
    def brings(self, purchase: Purchase) -> str:
        return exact_text(purchase.total_credits)

    def has_refunding_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("packs.add_moneyback")

    @action(description="Refund", url_path="refund", icon="undo", permissions=["refunding"])
    def refund(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link opens the form; money moves by its second POST."""
        purchase = self._purchase(request, object_id)
        unspent = unspent_money(purchase)
        initial = {"amount": major(unspent or refundable_money(purchase), purchase.currency)}
        form = RefundForm(request.POST or None, initial=initial)
        back = reverse("admin:packs_purchase_change", args=[purchase.pk])
        effect: Facts = []
        step = request.POST.get("step", "")
        if request.method == "POST" and form.is_valid() and step != "change":
            try:
                amount = _minor(form.cleaned_data["amount"], purchase)
                if step == "confirm":
                    messages.success(request, self._refund(request, purchase, amount, form.cleaned_data))
                    return redirect(back)
                effect = _effect(purchase, amount)
            except ValidationError as error:
                form.add_error(None, error)
            except Refused as error:
                form.add_error(None, error.message)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Refund of {purchase.name}",
            "form": form,
            "intro": "The money goes back to the card through Stripe, the credits out of what this purchase brought, in"
            " the same share, and the customer gets a credit note.",
            "facts": _facts(purchase, unspent),
            "effect": effect,
            "button": "Refund" if effect else "Continue",
            "back": back,
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "admin/two_steps.html", context)

    def _refund(self, request: HttpRequest, purchase: Purchase, amount: int, data: dict[str, Any]) -> str:
        done = refund_ask(
            purchase=purchase,
            amount=amount,
            reason=data["reason"],
            key=f"admin:{data['key']}",
            actor=cast(User, request.user),
            request=request,
        )
        note = f", credit note {done.document}" if done.document else ""
        return (
            f"{money_text(done.amount, purchase.currency)} was refunded and {exact_text(done.taken_credits)} credits"
            f" were taken out{note}."
        )

    @action(description="Ask Stripe", url_path="ask", icon="refresh", permissions=["refunding"])
    def ask_stripe(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        purchase = self._purchase(request, object_id)

        def apply(_: Any) -> str:
            try:
                found = attend(purchase.pk)
            except GatewayError as error:
                raise ValidationError(f"Stripe could not be asked: {error}") from error
            return f"Stripe was asked: the purchase is {found.get_status_display().lower()}."

        return action_page(
            self,
            request,
            form=ActionForm(request.POST or None),
            title=f"Ask Stripe about {purchase.name}",
            intro="What Stripe knows of the payment, its refunds and disputes is taken in, as it is by itself.",
            facts=_facts(purchase, unspent_money(purchase)),
            apply=apply,
            back=reverse("admin:packs_purchase_change", args=[purchase.pk]),
            button="Ask",
        )

    def _purchase(self, request: HttpRequest, object_id: Any) -> Purchase:
        if not self.has_refunding_permission(request):
            raise PermissionDenied
        purchase = Purchase.objects.select_related("workspace", "document").filter(pk=object_id).first()
        if purchase is None:
            raise Http404
        return purchase


def _minor(amount: Decimal, purchase: Purchase) -> int:
    minor = minor_units(amount, purchase.currency)
    if minor != int(minor):
        raise ValidationError(f"{purchase.currency.upper()} has no such fractions.")
    left = refundable_money(purchase)
    if not 0 < minor <= left:
        raise ValidationError(f"Enter an amount above zero, and at most {money_text(left, purchase.currency)}.")
    return int(minor)


def _facts(purchase: Purchase, unspent: int) -> Facts:
    def money(minor: int) -> str:
        return money_text(minor, purchase.currency)

    return [
        ("Workspace", f"{purchase.workspace} ({purchase.workspace.public_id})"),
        ("Status", str(purchase.get_status_display())),
        ("Paid", money(purchase.amount)),
        ("Brought", f"{exact_text(purchase.total_credits)} credits"),
        ("Worth of what is not spent", money(unspent)),
        ("Most that can be refunded", money(refundable_money(purchase))),
    ]


def _effect(purchase: Purchase, amount: int) -> Facts:
    """As things stand now; what the ledger finds when it posts is what counts."""
    parts = refund_parts(purchase, amount)
    now = balance(purchase.workspace_id)
    taken, spent = sum(part.from_lot for part in parts), sum(part.spent for part in parts)
    repaid = min(spent, max(now.available - taken, 0))
    return [
        ("Money back to the card", money_text(amount, purchase.currency)),
        *((f"{PARTS[part.part]}: credits taken", exact_text(part.takes)) for part in parts),
        ("Of these spent or on hold, becomes debt", exact_text(spent)),
        ("Repaid at once by other credits", exact_text(repaid)),
        ("Owed after", exact_text(now.debt + spent - repaid)),
        ("Available after", exact_text(max(now.available - taken - repaid, 0))),
    ]


@admin.register(MoneyBack)
class MoneyBackAdmin(ReadOnlyAdmin):
    list_display = ("kind", "purchase", "money", "state", "taken_back", "reason", "created_at", "document")
    list_filter = ("kind", "status", "created_at")
    list_select_related = ("purchase", "document")
    search_fields = ("stripe_id", "purchase__public_id", "purchase__workspace__name", "reason")

    @display(description="Amount")
    def money(self, back: MoneyBack) -> str:
        return money_text(back.amount, back.purchase.currency)

    @display(description="Status", label=LABELS)
    def state(self, back: MoneyBack) -> tuple[str, str]:
        return back.status, back.get_status_display()

    @display(description="Credits out")
    def taken_back(self, back: MoneyBack) -> str:
        return exact_text(back.taken_credits) if back.credits_are_out else "–"


@admin.register(Redemption)
class RedemptionAdmin(ReadOnlyAdmin):
    list_display = ("promotion", "workspace", "purchase", "number", "created_at", "given_back_at")
    list_filter = (("promotion", FewFilter),)
    list_select_related = ("promotion", "workspace", "purchase")


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    """What the nightly comparison of purchases, ledger and Stripe found."""

    list_display = ("started_at", "finished_at", "since", "payments", "purchases", "found")
    fields = ("started_at", "finished_at", "since", "payments", "purchases", "found_in_full")
    readonly_fields = ("found_in_full",)

    @display(description="Differences", label={"none": "success", "some": "danger"})
    def found(self, run: Reconciliation) -> tuple[str, str]:
        return ("some", str(len(run.differences))) if run.differences else ("none", "None")

    @display(description="Differences")
    def found_in_full(self, run: Reconciliation) -> str:
        if not run.differences:
            return "None: purchases, ledger and Stripe agree."
        return format_html_join("", "<p>{}</p>", ((each,) for each in run.differences))
