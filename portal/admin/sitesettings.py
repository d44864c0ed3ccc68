"""Site settings: one form, saved through the service, which validates and audits."""

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from unfold.decorators import display
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from accounts.models import User
from billing.foundation.onerow import OneRowAdmin
from billing.foundation.site.colours import DARK, LIGHT
from billing.foundation.site.logos import MOST_BYTES, MOST_HEIGHT, MOST_WIDTH, checked, logo_save
from billing.foundation.site.look import SHIPPED_DARK, SHIPPED_LIGHT, accents, check_accents, picture
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.services import check_usd_per_credit, site_update
from billing.ledger.selectors import has_entries
from billing.plans.models import Plan


class SiteSettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    new_logo = forms.FileField(
        label="Logo",
        required=False,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": "image/png,image/jpeg"}),
        help_text=f"PNG or JPEG, at most {MOST_BYTES // 1000} KB and {MOST_WIDTH:,} × {MOST_HEIGHT:,} pixels. One more "
        "than twice as wide as high stands alone, without the product's name. Choose none to keep what there is.",
    )
    no_logo = forms.BooleanField(label="Take the logo away", required=False, widget=UnfoldBooleanWidget)

    class Media:
        js = ("js/look.js",)

    class Meta:
        model = SiteSettings
        fields = (
            "product_name",
            "credit_name",
            "credit_name_plural",
            "support_email",
            "accent_light",
            "accent_dark",
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
        widgets: ClassVar = {
            "accent_light": UnfoldAdminTextInputWidget(attrs={"placeholder": SHIPPED_LIGHT, "maxlength": 7}),
            "accent_dark": UnfoldAdminTextInputWidget(attrs={"placeholder": SHIPPED_DARK, "maxlength": 7}),
        }
        labels: ClassVar = {
            "product_name": "Product",
            "credit_name": "One credit is called",
            "credit_name_plural": "Several are called",
            "accent_light": "Accent colour, light look",
            "accent_dark": "Accent colour, dark look",
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
            "product_name": "On pages, in e-mails, in authenticator apps, and on documents without a seller's name.",
            "credit_name": "Such as credit or voice token.",
            "support_email": "In every e-mail, and where customers are told how to get credits.",
            "accent_light": "Of buttons, links and what is chosen, such as #0f766e. It must be readable as text.",
            "accent_dark": "Empty: made of the light one, bright enough for a dark page.",
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

    def clean_new_logo(self) -> Any:
        given = self.cleaned_data["new_logo"]
        if given is not None:
            if given.size > MOST_BYTES:
                raise forms.ValidationError(f"The picture has {given.size:,} bytes; at most {MOST_BYTES:,} are taken.")
            given.content = given.read()
            checked(given.content)
        return given

    def clean_accent_light(self) -> str:
        return str(self.cleaned_data["accent_light"]).strip().lower()

    def clean_accent_dark(self) -> str:
        return str(self.cleaned_data["accent_dark"]).strip().lower()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("new_logo") and data.get("no_logo"):
            self.add_error("no_logo", "A new logo was chosen: either take it, or have none.")
        colours = {name: data[name] for name in ("accent_light", "accent_dark") if name in data}
        try:
            check_accents(SiteSettings(**colours))
        except forms.ValidationError as error:
            for field, problems in error.message_dict.items():
                self.add_error(field, problems)
        return data

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
class SiteSettingsAdmin(OneRowAdmin):
    form = SiteSettingsForm
    fieldsets = (
        (
            "Names",
            {
                "fields": ("product_name", ("credit_name", "credit_name_plural"), "support_email"),
                "description": "What customers read. Pages know a change within 5 seconds.",
            },
        ),
        (
            "Look",
            {
                "fields": ("preview", ("new_logo", "no_logo"), ("accent_light", "accent_dark")),
                "description": "On pages, in e-mails and on invoices that are issued from now on.",
            },
        ),
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
        return ("preview", "usd_per_credit") if has_entries() else ("preview",)

    @display(description="Preview")
    def preview(self, row: SiteSettings) -> str:
        """Both looks as they are saved; the page's script shows what is typed and chosen."""
        looks = [
            {"name": shade.name, "shade": shade, "accent": accent}
            for shade, accent in zip((LIGHT, DARK), accents(row), strict=True)
        ]
        return render_to_string("admin/look_preview.html", {"looks": looks, "logo": picture(row), "row": row})

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Whoever could raise the amount could do without the second person."""
        form = super().get_form(request, obj, change, **kwargs)
        if "second_person_above" in form.base_fields and not request.user.is_superuser:
            form.base_fields["second_person_above"].disabled = True
        return form

    def save_model(self, request: HttpRequest, obj: SiteSettings, form: Any, change: bool) -> None:
        data = form.cleaned_data
        changes = {name: data[name] for name in form.changed_data if name not in ("new_logo", "no_logo")}
        if data["new_logo"]:
            changes["logo"] = logo_save(data["new_logo"].content)
        elif data["no_logo"]:
            changes["logo"] = None
        site_update(changes=changes, actor=cast(User, request.user), request=request)
