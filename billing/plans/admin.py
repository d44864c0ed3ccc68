"""Plans and who has them (versions of plans: `adminversions`)."""

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from accounts.models import User
from billing.credits import clock
from billing.foundation.admin import ReadOnlyAdmin
from billing.plans.addons import admin as addons_admin  # noqa: F401 - registers add-ons
from billing.plans.adminversions import PlanVersionAdmin
from billing.plans.models import Plan, PlanVersion, SignupGrant
from billing.plans.publishing import plan_save
from billing.plans.resources import admin as resources_admin  # noqa: F401 - registers resources
from billing.plans.subscribing import admin as subscribing_admin  # noqa: F401 - registers subscriptions

admin.site.register(PlanVersion, PlanVersionAdmin)


class PlanForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Plan
        fields = ("key", "name", "position", "visibility", "retires_at")
        help_texts: ClassVar = {
            "retires_at": "Closes to new subscribers then (UTC); who has it keeps it. Empty: it stays as it is.",
        }

    def clean(self) -> dict[str, Any] | None:
        found = super().clean() or self.cleaned_data
        retires = found.get("retires_at")
        if retires and found.get("visibility") == Plan.Visibility.RETIRED:
            self.add_error("retires_at", "It is closed already: leave this empty.")
        elif retires and retires <= clock.now():
            self.add_error("retires_at", "Choose a time that is still to come, or close it now by its visibility.")
        return found


@admin.register(Plan)
class PlanAdmin(ModelAdmin):
    form = PlanForm
    list_display = ("name", "key", "visibility", "retires_at", "position")
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
