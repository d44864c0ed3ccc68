"""Automatic top-ups, to look at: what is set, what was agreed to, what was charged and why."""

from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from unfold.decorators import action, display

from accounts.models import User
from billing.credits.format import exact_text
from billing.foundation.admin import ReadOnlyAdmin
from billing.foundation.adminforms import ActionForm, action_page, reason_field
from billing.foundation.desk.once import once
from billing.invoices.money import money_text
from billing.packs.autotopup.models import AutoTopUp, InvoiceDispute, TopUp, TopUpConsent
from billing.packs.autotopup.settings import auto_top_up_resume

OUTCOMES = {
    "succeeded": "success",
    "declined": "danger",
    "refused": "danger",
    "confirmation": "warning",
    "unanswered": "warning",
    "": "info",
}


class ResumeForm(ActionForm):
    reason = reason_field("Why it may go on. It is kept in the audit log.")


class FailingFilter(admin.SimpleListFilter):
    title = "charging"
    parameter_name = "failing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Failing, paused or switched off by us")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AutoTopUp]) -> QuerySet[AutoTopUp]:
        return queryset.filter(pk__in=AutoTopUp.failing()) if self.value() == "yes" else queryset


@admin.register(AutoTopUp)
class AutoTopUpAdmin(ReadOnlyAdmin):
    list_display = (
        "workspace",
        "enabled",
        "below",
        "shown_day_cap",
        "shown_month_cap",
        "waits_for",
        "paused_at",
        "off_because",
    )
    actions_detail = ("resume",)
    list_filter = (FailingFilter, "enabled", "waits_for", ("paused_at", admin.EmptyFieldListFilter))
    list_select_related = ("workspace",)
    search_fields = ("workspace__name", "workspace__public_id")

    @display(description="Below")
    def below(self, row: AutoTopUp) -> str:
        return exact_text(row.threshold)

    @display(description="A day")
    def shown_day_cap(self, row: AutoTopUp) -> str:
        return money_text(row.day_cap, "usd")

    @display(description="A month")
    def shown_month_cap(self, row: AutoTopUp) -> str:
        return money_text(row.month_cap, "usd")

    def has_resuming_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("packs.change_autotopup")

    @action(description="Let it go on", url_path="resume", icon="play_arrow", permissions=["resuming"])
    def resume(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """After a pause for too many charges an hour, as the customer can on the page."""
        if not self.has_resuming_permission(request):
            raise PermissionDenied
        row = get_object_or_404(AutoTopUp.objects.select_related("workspace"), pk=object_id)

        def apply(data: Any) -> str:
            by = cast(User, request.user)

            def act() -> str:
                if not auto_top_up_resume(workspace=row.workspace, by=by, reason=data["reason"], request=request):
                    raise ValidationError("They are not paused: nothing was changed.")
                return f"Automatic top-ups of {row.workspace} go on."

            return once(act, action="auto_top_up.resume", target=row.workspace.public_id, by=by, data=data)

        return action_page(
            self,
            request,
            form=ResumeForm(request.POST or None),
            title=f"Let automatic top-ups of {row.workspace} go on",
            intro="They were paused because charges followed each other faster than the payment policy allows. Charges"
            " up to now do not count for another pause; the caps that the customer agreed to hold all the same.",
            facts=[("Paused", str(row.paused_at or "not at present"))],
            apply=apply,
            back=reverse("admin:packs_autotopup_change", args=[row.pk]),
            button="Let it go on",
        )


@admin.register(TopUpConsent)
class TopUpConsentAdmin(ReadOnlyAdmin):
    list_display = ("workspace", "person_label", "at", "card", "ended_at", "ended_because")
    list_filter = ("at", ("ended_at", admin.EmptyFieldListFilter))
    list_select_related = ("workspace",)
    search_fields = ("workspace__name", "workspace__public_id", "person_label")


@admin.register(TopUp)
class TopUpAdmin(ReadOnlyAdmin):
    list_display = ("purchase", "workspace", "state", "money", "reason", "attempt", "sent_at", "decided_at", "message")
    list_filter = ("outcome", "sent_at")
    list_select_related = ("purchase__workspace",)
    search_fields = ("purchase__public_id", "purchase__payment_id", "purchase__workspace__name", "reason", "code")
    show_full_result_count = False

    @display(description="Workspace")
    def workspace(self, top_up: TopUp) -> str:
        return str(top_up.purchase.workspace)

    @display(description="Status", label=OUTCOMES)
    def state(self, top_up: TopUp) -> tuple[str, str]:
        return top_up.outcome, top_up.get_outcome_display()

    @display(description="Amount")
    def money(self, top_up: TopUp) -> str:
        return money_text(top_up.purchase.amount, top_up.purchase.currency)


@admin.register(InvoiceDispute)
class InvoiceDisputeAdmin(ReadOnlyAdmin):
    """Those that are nobody's here (of another shop on the same account, or inquiries) have no workspace."""

    list_display = ("stripe_id", "workspace", "money", "counted_at", "created_at")
    list_filter = ("created_at", ("workspace", admin.EmptyFieldListFilter))
    list_select_related = ("workspace",)
    search_fields = ("stripe_id", "workspace__name", "workspace__public_id")

    @display(description="Amount")
    def money(self, dispute: InvoiceDispute) -> str:
        return "" if dispute.amount is None else money_text(dispute.amount, dispute.currency)
