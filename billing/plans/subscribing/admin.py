"""Subscriptions in the admin: to look at, with their changes; cancelled, or put on a plan without Stripe, by a form."""

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.errors import Refused
from accounts.models import User
from billing.credits.format import credits_text
from billing.foundation.admin import ReadOnlyAdmin
from billing.foundation.adminforms import ActionForm, ReasonForm, action_page
from billing.foundation.adminlists import FewFilter
from billing.foundation.desk.once import once
from billing.invoices.money import money_text
from billing.plans.models import AutoUpgrade, CreditTier, PlanVersion, Subscription, SubscriptionChange
from billing.plans.subscribing.choices import choice_of, next_choice
from billing.plans.subscribing.giving import plan_give, subscription_stop

STATES = {"active": "success", "trialing": "info", "past_due": "danger", "unpaid": "danger", "ended": "warning"}
CHANGES = {"done": "success", "asked": "warning", "failed": "danger", "shown": "info", "lapsed": "info"}
# As the list has room for.
KINDS = {"start": "Start", "upgrade": "Now", "downgrade": "Later", "keep": "Stay", "cancel": "Cancel"}


class GiveForm(ReasonForm):
    plan = forms.ChoiceField(widget=UnfoldAdminSelectWidget, help_text="Nothing is charged for it.")
    field_order = ("key", "plan", "reason", "confirmed")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast(forms.ChoiceField, self.fields["plan"])
        field.choices = list(_on_offer())


def _on_offer() -> list[tuple[str, str]]:
    """The newest version of each plan that is not retired, and its tiers."""
    published = PlanVersion.objects.filter(published_at__isnull=False).exclude(plan__visibility="retired")
    newest = published.order_by("plan__position", "plan__key", "-number").distinct("plan__position", "plan__key")
    found = []
    for version in newest.select_related("plan").prefetch_related("credit_tiers"):
        found.append((f"{version.pk}", str(version)))
        found += [(f"{version.pk}:{tier.pk}", str(tier)) for tier in version.credit_tiers.all()]
    return found


class ChangeInline(TabularInline):
    model = SubscriptionChange
    fk_name = "subscription"
    fields = ("created_at", "kind", "version", "credit_tier", "interval", "status", "charged", "actor_label")
    readonly_fields = fields
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="What", ordering="kind")
    def what(self, change: SubscriptionChange) -> str:
        return KINDS[change.kind]

    @display(description="Charged at once")
    def charged(self, change: SubscriptionChange) -> str:
        return money_text(change.amount_due, change.currency)


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ("workspace", "version", "credit_tier", "interval", "state", "paid_until", "ends_at", "started_at")
    list_filter = (
        "status",
        "interval",
        ("version__plan", FewFilter),
        ("version", FewFilter),
        ("ended_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("workspace", "version__plan", "credit_tier__version__plan")
    search_fields = ("workspace__name", "workspace__public_id", "workspace__external_id", "stripe_id")
    exclude = ("next_version", "next_credit_tier", "next_interval")
    readonly_fields = ("changes_to",)
    inlines = (ChangeInline,)
    actions_detail = ("cancel_later", "cancel_now", "give")
    show_full_result_count = False

    @display(description="Status", label=STATES)
    def state(self, row: Subscription) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description="Changes to", empty_value="-")
    def changes_to(self, row: Subscription) -> str | None:
        following = next_choice(row)
        return following.name if following else None

    def has_stopping_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("plans.change_subscription")

    @action(description="Cancel at the end", url_path="cancel-later", icon="event_busy", permissions=["stopping"])
    def cancel_later(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        intro = "It runs until its paid time is over. Nothing is charged any more, nothing is paid back."
        return self._stop(request, object_id, now=False, title="Cancel at the end of the paid time", intro=intro)

    @action(description="End now", url_path="cancel-now", icon="cancel", permissions=["stopping"])
    def cancel_now(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        intro = "It ends at once, and the workspace is on the default plan. Nothing is paid back; credits that were"
        return self._stop(
            request, object_id, now=True, title="End now", intro=f"{intro} added stay until their own dates."
        )

    def _stop(self, request: HttpRequest, object_id: Any, *, now: bool, title: str, intro: str) -> HttpResponse:
        row = self._row(request, object_id)

        def apply(given: dict[str, Any]) -> str:
            actor = cast(User, request.user)
            subscription_stop(row=row, now=now, reason=given["reason"], actor=actor, request=request)
            return "It has ended." if now else "It is cancelled, and runs until its paid time is over."

        return self._page(request, row, ReasonForm(request.POST or None), title, intro, apply)

    @action(description="Put on another plan", url_path="give", icon="swap_horiz", permissions=["stopping"])
    def give(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """For nothing: what is paid through Stripe has to be cancelled first."""
        row = self._row(request, object_id)

        def apply(given: dict[str, Any]) -> str:
            version, _, tier = given["plan"].partition(":")
            actor = cast(User, request.user)

            def act() -> str:
                plan_give(
                    workspace=row.workspace,
                    version=PlanVersion.objects.select_related("plan").get(pk=version),
                    credit_tier=CreditTier.objects.get(pk=tier) if tier else None,
                    reason=given["reason"],
                    actor=actor,
                    request=request,
                )
                return "The workspace is on the plan, and has its first credits."

            return once(act, action="plan.give", target=row.workspace.public_id, by=actor, data=given)

        intro = "From now on, for nothing. Its periods count from today; the credits it has stay until their own dates."
        return self._page(request, row, GiveForm(request.POST or None), "Put on another plan", intro, apply)

    def _row(self, request: HttpRequest, object_id: Any) -> Subscription:
        if not self.has_stopping_permission(request):
            raise PermissionDenied
        rows = Subscription.objects.select_related("workspace", "version__plan", "credit_tier")
        found = rows.filter(pk=object_id).first() if str(object_id).isdecimal() else None
        if found is None:
            raise Http404("no such subscription")
        return found

    def _page(
        self,
        request: HttpRequest,
        row: Subscription,
        form: ActionForm,
        title: str,
        intro: str,
        apply: Callable[[dict[str, Any]], str],
    ) -> HttpResponse:
        def guarded(given: dict[str, Any]) -> str:
            try:
                return apply(given)
            except Refused as refused:
                raise ValidationError(refused.message) from refused

        return action_page(
            self,
            request,
            form=form,
            title=title,
            intro=intro,
            apply=guarded,
            facts=[
                ("Workspace", str(row.workspace)),
                ("Plan", choice_of(row).name),
                ("Status", row.get_status_display()),
                ("Paid until", f"{row.paid_until:%-d %B %Y, %H:%M} UTC" if row.paid_until else "nothing is paid"),
            ],
            back=reverse("admin:plans_subscription_change", args=[row.pk]),
            button=title,
        )


@admin.register(SubscriptionChange)
class SubscriptionChangeAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "workspace", "what", "version", "state", "charged", "brings", "origin", "actor_label")
    list_filter = ("status", "kind", "origin", "created_at")
    list_select_related = ("workspace", "version__plan")
    search_fields = ("public_id", "session_id", "invoice_id", "workspace__name", "workspace__public_id", "actor_label")
    exclude = ("request_hash", "session_url", "amount_due", "credits")
    readonly_fields = ("charged", "brings")
    show_full_result_count = False

    @display(description="Status", label=CHANGES)
    def state(self, change: SubscriptionChange) -> tuple[str, str]:
        return change.status, change.get_status_display()

    @display(description="What", ordering="kind")
    def what(self, change: SubscriptionChange) -> str:
        return KINDS[change.kind]

    @display(description="Charged at once")
    def charged(self, change: SubscriptionChange) -> str:
        return money_text(change.amount_due, change.currency)

    @display(description="Credits at once")
    def brings(self, change: SubscriptionChange) -> str:
        return credits_text(change.credits)


@admin.register(AutoUpgrade)
class AutoUpgradeAdmin(ReadOnlyAdmin):
    list_display = ("workspace", "highest", "limit", "agreed_by", "agreed_at", "withdrawn_at")
    exclude = ("most_cents",)
    readonly_fields = ("limit",)
    list_select_related = ("workspace", "highest__version__plan", "agreed_by")
    search_fields = ("workspace__name", "workspace__public_id", "agreed_by__email")

    @display(description="Most a calendar month")
    def limit(self, agreed: AutoUpgrade) -> str:
        return money_text(agreed.most_cents, "usd")
