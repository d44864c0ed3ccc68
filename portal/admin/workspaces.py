"""The workspace page of the admin gets what only this row may know: the balance, and credits by hand."""

from collections.abc import Sequence
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import action, display

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import credits
from billing.foundation.adminforms import action_page
from billing.ledger.selectors import balance
from billing.plans.models import Subscription
from billing.pricing.admin_terms import agreed_with
from portal.admin.credits import CreditsForm, credits_by_hand
from portal.admin.deskacts import DeskActions, desk_url
from portal.admin.extending import extend
from portal.admin.finding import found_workspaces
from portal.admin.limits import LimitsAction


class CreditsActions(DeskActions, LimitsAction):
    """Mixed in front of the admin that accounts registered."""

    actions_detail = (
        *("desk", "credits", "lots", "operations", "custom_invoice"),
        *("limits", "suspend", "resume", "view_as", "note"),
    )
    search_help_text = (
        "Name, id, own id, a member’s e-mail, Stripe customer, the beginning of an API key or its SHA-256."
    )
    list_select_related = ("wallet",)
    list_per_page = 50
    show_full_result_count = False

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[Any]:
        """Of suspending and resuming, what can be done."""
        found: Sequence[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        suspended = Workspace.objects.filter(pk=object_id, suspended_at__isnull=False).exists()
        other = "accounts_workspace_suspend" if suspended else "accounts_workspace_resume"
        return [one for one in found if one.action_name != other]

    def get_fields(self, request: HttpRequest, obj: Workspace | None = None) -> tuple[Any, ...]:
        fields = tuple(super().get_fields(request, obj))  # type: ignore[misc]
        return (*fields, "agreed_prices") if obj else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Workspace | None = None) -> tuple[Any, ...]:
        return (*super().get_readonly_fields(request, obj), "agreed_prices")  # type: ignore[misc]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workspace]:
        current = Subscription.objects.filter(ended_at=None).select_related("version__plan")
        found: QuerySet[Workspace] = super().get_queryset(request)  # type: ignore[misc]
        return found.prefetch_related(Prefetch("subscriptions", current, to_attr="current_subscriptions"))

    @display(description="Prices of its own")
    def agreed_prices(self, workspace: Workspace) -> str:
        """What it agreed on, and its plan takes off."""
        lines = agreed_with(workspace.pk) or ["It pays the list prices."]
        return format_html_join("", "<p>{}</p>", ((line,) for line in lines))

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return ["customer", "balance", "plan", *super().get_list_display(request)[1:], "suspended_at"]  # type: ignore[misc]

    @display(description="Name", ordering="name")
    def customer(self, workspace: Workspace) -> str:
        return format_html('<a href="{}">{}</a>', desk_url(workspace), workspace.name)

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> None:
        """The name leads to the customer's page, from which its form is one button away."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Workspace], term: str
    ) -> tuple[QuerySet[Workspace], bool]:
        """By name and ids; and by what leads to one customer: a member's address, Stripe's id, an API key."""
        if not (term := term.replace("\x00", "").strip()):
            return queryset, False
        return queryset.filter(pk__in=found_workspaces(term)), False

    @display(description="Balance")
    def balance(self, workspace: Workspace) -> str:
        wallet = getattr(workspace, "wallet", None)
        if wallet is not None and wallet.next_due_at is not None and wallet.next_due_at <= clock.now():
            wallet = balance(workspace.pk)  # something is due that nothing has posted yet
        return f"{credits(wallet.available - wallet.debt):,.2f}" if wallet else "0.00"

    @display(description="Plan")
    def plan(self, workspace: Workspace) -> str:
        current = next(iter(workspace.current_subscriptions), None)  # type: ignore[attr-defined]
        return current.version.plan.name if current else "none"

    def has_credits_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("ledger.add_operation")

    @action(description="Give or take credits", url_path="credits", icon="payments", permissions=["credits"])
    def credits(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form; credits move by its POST."""
        if not self.has_credits_permission(request):
            raise PermissionDenied
        workspace = Workspace.objects.filter(pk=object_id).first()
        if workspace is None:
            raise Http404
        found = balance(workspace.pk)
        return action_page(
            self,
            request,
            form=CreditsForm(request.POST or None),
            title=f"Credits of {workspace}",
            facts=[
                ("Workspace", f"{workspace} ({workspace.public_id})"),
                ("Available", f"{credits(found.available):,f}"),
                ("Debt", f"{credits(found.debt):,f}"),
                ("State", "new" if found.is_new else found.state),
            ],
            apply=lambda data: credits_by_hand(
                workspace=workspace, data=data, actor=cast(User, request.user), request=request
            ),
            back=desk_url(workspace),
            button="Post",
        )

    @action(description="Refund a lot", url_path="lots", icon="undo", permissions=["credits"])
    def lots(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The workspace's lots: each has its refund."""
        return redirect(_of_workspace("ledger_lot", object_id))

    @action(description="Take back a grant", url_path="operations", icon="history", permissions=["credits"])
    def operations(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The workspace's grants, adjustments and refunds: each can be taken back."""
        return redirect(f"{_of_workspace('ledger_operation', object_id)}&family=correctable")

    def has_invoicing_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("invoices.add_document")

    @action(description="Custom invoice", url_path="invoice", icon="receipt", permissions=["invoicing"])
    def custom_invoice(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The form of a new invoice for this workspace."""
        workspace = Workspace.objects.filter(pk=object_id).first()
        if workspace is None:
            raise Http404
        return redirect(f"{reverse('admin:invoices_document_new_custom')}?workspace={workspace.public_id}")


def _of_workspace(model: str, workspace_id: Any) -> str:
    return f"{reverse(f'admin:{model}_changelist')}?workspace__id__exact={int(workspace_id)}"


extend(Workspace, CreditsActions)
