"""What staff see of budgets and paused keys. Customers set budgets themselves; staff may resume a key."""

from typing import cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User
from billing.credits import format
from billing.foundation.admin import ReadOnlyAdmin
from billing.usage.budgets.models import Budget, KeyPace
from billing.usage.budgets.rules import subject_name
from billing.usage.budgets.services import key_resume


@admin.register(Budget)
class BudgetAdmin(ReadOnlyAdmin):
    list_display = ("workspace", "subject", "period", "credits", "on_hold", "stops", "created_at")
    list_filter = ("period", "stops")
    search_fields = ("workspace__name", "workspace__public_id", "workspace__external_id")
    list_select_related = ("workspace", "project", "api_key", "member")

    @admin.display(description="For")
    def subject(self, budget: Budget) -> str:
        return f"{budget.level} {subject_name(budget)}".strip()

    @admin.display(description="Credits")
    def credits(self, budget: Budget) -> str:
        return format.exact_text(budget.amount)

    @admin.display(description="On hold")
    def on_hold(self, budget: Budget) -> str:
        return format.exact_text(budget.held)


@admin.register(KeyPace)
class KeyPaceAdmin(ReadOnlyAdmin):
    list_display = ("api_key", "workspace", "minute", "spent_then", "usual", "paused_at")
    list_filter = (("paused_at", admin.EmptyFieldListFilter),)
    search_fields = ("api_key__prefix", "api_key__name", "workspace__name", "workspace__public_id")
    list_select_related = ("workspace", "api_key")
    actions = ("resume",)

    @admin.display(description="Spent then")
    def spent_then(self, pace: KeyPace) -> str:
        return format.exact_text(pace.spent)

    @admin.display(description="Busiest minute")
    def usual(self, pace: KeyPace) -> str:
        return format.exact_text(max(pace.busiest, pace.busiest_before))

    def has_resume_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("budgets.change_keypace")

    @admin.action(description="Resume paused keys", permissions=["resume"])
    def resume(self, request: HttpRequest, chosen: QuerySet[KeyPace]) -> None:
        actor = cast(User, request.user)
        paces = chosen.filter(paused_at__isnull=False).select_related("api_key__workspace")
        resumed = [pace for pace in paces if key_resume(key=pace.api_key, by=actor, request=request)]
        messages.success(request, f"{len(resumed)} keys were resumed.")
