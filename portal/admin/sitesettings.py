"""Site settings: one form, saved through the service, which validates and audits."""

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from accounts.models import User
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.services import check_usd_per_credit, site_update
from billing.ledger.selectors import has_entries
from billing.plans.models import Plan


class SiteSettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = SiteSettings
        fields = (
            "product_name",
            "credit_name",
            "credit_name_plural",
            "support_email",
            "usd_per_credit",
            "default_plan",
            "signup_grant_enabled",
            "signup_grant_credits",
            "signup_grant_days",
            "late_after_hours",
            "rate_limit_workspace",
            "rate_limit_service",
            "max_breakdown_values",
            "max_end_users",
            "velocity_factor",
            "velocity_minimum",
            "public_prices",
            "price_rise_notice_hours",
            "price_jump_percent",
            "price_vanish_percent",
            "event_detail_months",
            "outbox_text_days",
            "stripe_event_days",
            "maintenance_hour",
            "second_person_above",
        )
        labels: ClassVar = {
            "support_email": "Support e-mail",
            "usd_per_credit": "US dollars per credit",
            "default_plan": "Plan of new workspaces",
            "signup_grant_enabled": "Give new people credits",
            "signup_grant_credits": "Credits given",
            "signup_grant_days": "Days until they expire",
            "late_after_hours": "Hours until usage is late",
            "max_breakdown_values": "New breakdown values a day",
            "max_end_users": "New end users a day",
            "velocity_factor": "Times the usual",
            "velocity_minimum": "And more than so many credits a minute",
            "public_prices": "Prices and estimator open to everybody",
            "price_rise_notice_hours": "Hours until a dearer price counts",
            "price_jump_percent": "Changes of more percent wait for approval",
            "price_vanish_percent": "Readings that lack more percent are refused",
            "event_detail_months": "Months until details of events are archived",
            "outbox_text_days": "Days until texts of sent e-mails are deleted",
            "stripe_event_days": "Days until webhooks of Stripe are deleted",
            "second_person_above": "More credits need a second person",
            "maintenance_hour": "Hour of the monthly maintenance (UTC)",
        }
        help_texts: ClassVar = {
            "support_email": "Shown where customers are told how to get credits.",
            "default_plan": "The key of a published plan.",
            "signup_grant_enabled": "Once for each person, when the e-mail address is confirmed.",
            "late_after_hours": "Older usage is booked on the day it arrives and marked late.",
            "rate_limit_workspace": "For keys without a limit of their own.",
            "rate_limit_service": "For keys without a limit of their own.",
            "max_breakdown_values": "Per workspace; usage with further agents, apps or tasks is summed as “other”.",
            "max_end_users": "Per workspace; usage of further end users is summed as “other” that day.",
            "velocity_factor": "A customer's key is paused when it spends more in a minute than so many times its"
            " busiest minute of this week and the last one. 0 switches it off.",
            "velocity_minimum": "A key that spent nothing in that time may spend so many times this in a minute.",
            "public_prices": "Off: only people who have signed in see them.",
            "price_rise_notice_hours": "Those who used the model in the last 30 days are told before. 0: a minute.",
            "price_jump_percent": "Of a price that was read again, dearer or cheaper.",
            "price_vanish_percent": "Of the prices that a source had: it is probably broken.",
            "event_detail_months": "To files in ARCHIVE_DIR, month by month. Empty: kept in the database for ever.",
            "outbox_text_days": "What was sent to whom and when stays. Empty: kept for ever.",
            "stripe_event_days": "Purchases, refunds and documents stay. Empty: kept for ever.",
            "second_person_above": "What staff give, take, refund, take back or extend by hand: more than this waits"
            " until somebody else approves it. Empty or 0: never.",
            "maintenance_hour": "0 to 23: when few requests come in.",
        }

    def clean_usd_per_credit(self) -> Any:
        value = self.cleaned_data["usd_per_credit"]
        check_usd_per_credit(value)
        return value

    def clean_default_plan(self) -> str:
        key: str = self.cleaned_data["default_plan"]
        if not Plan.objects.filter(key=key, versions__published_at__isnull=False).exists():
            raise forms.ValidationError(f"There is no published plan {key!r}.")
        return key


@admin.register(SiteSettings)
class SiteSettingsAdmin(ModelAdmin):
    form = SiteSettingsForm
    fieldsets = (
        ("Names", {"fields": ("product_name", ("credit_name", "credit_name_plural"), "support_email")}),
        (
            "Credits",
            {
                "fields": ("usd_per_credit",),
                "description": "What a credit is worth in US dollars. Fixed once the ledger has an entry.",
            },
        ),
        (
            "New customers",
            {"fields": ("default_plan", "signup_grant_enabled", ("signup_grant_credits", "signup_grant_days"))},
        ),
        (
            "Usage",
            {
                "fields": (
                    "late_after_hours",
                    ("rate_limit_workspace", "rate_limit_service"),
                    ("max_breakdown_values", "max_end_users"),
                )
            },
        ),
        (
            "Prices",
            {
                "fields": (
                    "public_prices",
                    "price_rise_notice_hours",
                    ("price_jump_percent", "price_vanish_percent"),
                )
            },
        ),
        ("Staff", {"fields": ("second_person_above",)}),
        ("Velocity stop", {"fields": ("velocity_factor", "velocity_minimum")}),
        ("Keeping", {"fields": ("event_detail_months", "outbox_text_days", "stripe_event_days", "maintenance_hour")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: SiteSettings | None = None) -> tuple[str, ...]:
        return ("usd_per_credit",) if has_entries() else ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: SiteSettings | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        row, _ = SiteSettings.objects.get_or_create(pk=1)
        return redirect(reverse("admin:foundation_sitesettings_change", args=[row.pk]))

    def save_model(self, request: HttpRequest, obj: SiteSettings, form: Any, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        site_update(changes=changes, actor=cast(User, request.user), request=request)
