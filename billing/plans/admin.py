"""Plans and who has them (versions of plans: `adminversions`)."""

from typing import Any, cast

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from accounts.models import User
from billing.foundation.admin import ReadOnlyAdmin
from billing.plans.addons import admin as addons_admin  # noqa: F401 - registers add-ons
from billing.plans.adminversions import PlanVersionAdmin
from billing.plans.models import Plan, PlanVersion, SignupGrant
from billing.plans.publishing import plan_save
from billing.plans.resources import admin as resources_admin  # noqa: F401 - registers resources
from billing.plans.subscribing import admin as subscribing_admin  # noqa: F401 - registers subscriptions

admin.site.register(PlanVersion, PlanVersionAdmin)


@admin.register(Plan)
class PlanAdmin(ModelAdmin):
    list_display = ("name", "key", "visibility", "position")
    list_filter = ("visibility",)
    search_fields = ("name", "key")

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> tuple[str, ...]:
        return ("key",) if obj else ()  # it is named in settings, commands and by the operator's backend

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:
        plan_save(plan=obj, actor=cast(User, request.user), request=request)


@admin.register(SignupGrant)
class SignupGrantAdmin(ReadOnlyAdmin):
    list_display = ("user", "workspace", "granted_at")
    list_select_related = ("user", "workspace")
    search_fields = ("user__email", "workspace__name")
