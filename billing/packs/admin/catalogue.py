"""Packs and promotion codes, saved through the services, which number the versions and audit."""

import re
from decimal import Decimal
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from accounts.forms import Checkboxes
from accounts.models import User
from billing.credits.format import exact_text
from billing.credits.units import AmountOutOfRange, credits, exact_nano
from billing.foundation.offeradmin import OFFER_LABELS, as_customer, in_order, shown_state
from billing.foundation.onerow import OneRowAdmin
from billing.invoices.money import major, minor_units, money_text
from billing.packs.hooks import plans
from billing.packs.models import Pack, PaymentPolicy, Promotion
from billing.packs.policies import pack_save, policy_update, promotion_save
from billing.packs.promotionlook import promotion_facts, promotion_look
from billing.packs.promotions import LEAST, terms, tidy
from billing.packs.selectors import Offer

MOST_DAYS = 36_500


def _credits_field(**more: Any) -> forms.DecimalField:
    return forms.DecimalField(max_digits=19, decimal_places=9, widget=UnfoldAdminDecimalFieldWidget, **more)


def _nano(form: Any, name: str) -> int:
    try:
        return exact_nano(form.cleaned_data[name] or Decimal(0))
    except AmountOutOfRange as error:
        raise forms.ValidationError(str(error)) from None


class PackForm(forms.ModelForm):  # type: ignore[type-arg]
    """Amounts are entered in credits and in the currency's major unit."""

    credits = _credits_field(help_text="Credits that are paid for.")
    bonus_credits = _credits_field(min_value=0, initial=0, help_text="Credits on top, shown as a bonus.")
    price = forms.DecimalField(
        min_value=Decimal("0.01"),
        max_digits=12,
        decimal_places=3,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="With tax, as the customer pays it: 50.00. The rate on invoices is the seller's.",
    )
    plans = forms.MultipleChoiceField(
        required=False, widget=Checkboxes, label="For the plans", help_text="None ticked: for everybody."
    )

    class Meta:
        model = Pack
        fields = (
            *("key", "name", "description", "currency", "credits", "bonus_credits", "price"),
            *("validity_days", "plans", "position", "active", "starts_at", "ends_at"),
        )
        help_texts: ClassVar = {
            "key": "The id by which the API sells it, such as “growth”.",
            "validity_days": "Until its credits expire. Empty: never.",
            "currency": "Three letters: usd, eur.",
            "active": "Whether it is for sale. What was bought stays as it is.",
            "starts_at": "For sale from then on (UTC). Empty: at once.",
            "ends_at": "For sale until then (UTC). Whoever is paying by then still gets it. Empty: no end.",
        }
        error_messages: ClassVar = {"key": {"invalid": "Letters, digits, dashes and underscores only."}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.MultipleChoiceField, self.fields["plans"]).choices = list(plans().items())
        if self.instance.pk:
            self.initial["credits"] = credits(self.instance.credits)
            self.initial["bonus_credits"] = credits(self.instance.bonus_credits)
            self.initial["price"] = major(self.instance.price, self.instance.currency)

    def clean_key(self) -> str:
        return str(self.cleaned_data["key"]).lower()

    def clean_currency(self) -> str:
        code = str(self.cleaned_data["currency"]).lower()
        if not re.fullmatch("[a-z]{3}", code):
            raise forms.ValidationError("The three letters of a currency, such as usd or eur.")
        return code

    def clean_validity_days(self) -> int | None:
        days: int | None = self.cleaned_data["validity_days"]
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise forms.ValidationError(f"From 1 to {MOST_DAYS:,} days, or empty if the credits never expire.")
        return days

    def clean_credits(self) -> int:
        nano = _nano(self, "credits")
        if nano <= 0:
            raise forms.ValidationError("More than 0 credits.")
        return nano

    def clean_bonus_credits(self) -> int:
        return _nano(self, "bonus_credits")

    def clean_price(self) -> int:
        minor = minor_units(self.cleaned_data["price"], self.cleaned_data.get("currency", "usd"))
        if minor != int(minor) or minor < LEAST:
            least = money_text(LEAST, self.cleaned_data.get("currency", "usd"))
            raise forms.ValidationError(f"At least {least}, the least that a card can be charged, without fractions.")
        return int(minor)

    def clean(self) -> dict[str, Any] | None:
        return in_order(self)


@admin.register(Pack)
class PackAdmin(ModelAdmin):
    form = PackForm
    list_display = (
        "name",
        "key",
        "brings",
        "shown_price",
        "validity_days",
        "for_plans",
        "sold",
        "version",
        "position",
    )
    list_filter = ("active", "currency")
    search_fields = ("name", "key")
    actions_detail = ("preview",)

    def get_readonly_fields(self, request: HttpRequest, obj: Pack | None = None) -> tuple[str, ...]:
        return ("key",) if obj else ()  # the operator's clients buy by it

    def has_delete_permission(self, request: HttpRequest, obj: Pack | None = None) -> bool:
        return False

    @display(description="For sale", label=OFFER_LABELS)
    def sold(self, pack: Pack) -> tuple[str, str]:
        return shown_state(pack)

    @action(description="As a customer sees it", url_path="preview", icon="visibility", permissions=["view"])
    def preview(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        pack = self.get_object(request, object_id)
        if pack is None:
            raise Http404
        back = reverse("admin:packs_pack_change", args=[pack.pk])
        context = {"offer": Offer(pack, terms(pack, None))}
        return as_customer(request, "packs/preview.html", context, title=pack.name, back=back)

    @display(description="Credits")
    def brings(self, pack: Pack) -> str:
        bonus = f" + {exact_text(pack.bonus_credits)}" if pack.bonus_credits else ""
        return exact_text(pack.credits) + bonus

    @display(description="Price")
    def shown_price(self, pack: Pack) -> str:
        return money_text(pack.price, pack.currency)

    @display(description="Plans")
    def for_plans(self, pack: Pack) -> str:
        return ", ".join(pack.plans) or "all"

    def save_model(self, request: HttpRequest, obj: Pack, form: Any, change: bool) -> None:
        pack_save(pack=obj, actor=cast(User, request.user), request=request)


class PromotionForm(forms.ModelForm):  # type: ignore[type-arg]
    bonus_credits = _credits_field(
        min_value=0, required=False, initial=0, help_text="Credits on top: this, or percent."
    )

    class Meta:
        model = Promotion
        fields = (
            *("code", "description", "percent_off", "bonus_credits", "packs"),
            *("starts_at", "ends_at", "most", "most_per_workspace", "active"),
        )
        help_texts: ClassVar = {
            "code": "Letters, digits, dashes. Customers may type it in any case.",
            "percent_off": "Of the price, 1 to 99: this, or credits on top.",
            "packs": "None chosen: all.",
            "most": "In total. Empty: as many as wanted. One that is not paid in time is free again.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["bonus_credits"] = credits(self.instance.bonus_credits)

    def clean_code(self) -> str:
        code = tidy(self.cleaned_data["code"])
        if not re.fullmatch("[A-Z0-9][A-Z0-9_-]*", code):
            raise forms.ValidationError("Letters, digits, dashes and underscores, with a letter or digit first.")
        return code

    def clean_percent_off(self) -> int:
        percent = int(self.cleaned_data["percent_off"] or 0)
        if percent > 99:
            raise forms.ValidationError("At most 99: what is given away is a grant, not a purchase.")
        return percent

    def clean_most(self) -> int | None:
        most: int | None = self.cleaned_data["most"]
        if most == 0:
            raise forms.ValidationError("At least 1, or empty for as many as wanted.")
        return most

    def clean_most_per_workspace(self) -> int:
        most = int(self.cleaned_data["most_per_workspace"])
        if most == 0:
            raise forms.ValidationError("At least 1.")
        return most

    def clean_bonus_credits(self) -> int:
        return _nano(self, "bonus_credits")

    def clean(self) -> dict[str, Any] | None:
        found = super().clean() or self.cleaned_data
        if not self.errors and bool(found.get("percent_off")) == bool(found.get("bonus_credits")):
            self.add_error("percent_off", "A code gives either percent off or credits on top: fill in one of the two.")
        return in_order(self)


@admin.register(Promotion)
class PromotionAdmin(ModelAdmin):
    form = PromotionForm
    list_display = ("code", "gives", "redeemed", "most", "starts_at", "ends_at", "valid")
    list_filter = ("active",)
    search_fields = ("code", "description")
    filter_horizontal = ("packs",)
    actions_detail = ("preview",)

    @action(description="As a customer sees it", url_path="preview", icon="visibility", permissions=["view"])
    def preview(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        promotion = self.get_object(request, object_id)
        if promotion is None:
            raise Http404
        back = reverse("admin:packs_promotion_change", args=[promotion.pk])
        context = {"promotion": promotion, "look": promotion_look(promotion), "facts": promotion_facts(promotion)}
        return as_customer(request, "packs/preview_promotion.html", context, title=promotion.code, back=back)

    def has_delete_permission(self, request: HttpRequest, obj: Promotion | None = None) -> bool:
        return False

    @display(description="Valid", label=OFFER_LABELS)
    def valid(self, promotion: Promotion) -> tuple[str, str]:
        return shown_state(promotion)

    @display(description="Gives")
    def gives(self, promotion: Promotion) -> str:
        return f"{promotion.percent_off} % off" if promotion.percent_off else exact_text(promotion.bonus_credits)

    @display(description="Redeemed")
    def redeemed(self, promotion: Promotion) -> int:
        return promotion.redemptions.filter(given_back_at=None).count()

    def save_model(self, request: HttpRequest, obj: Promotion, form: Any, change: bool) -> None:
        promotion_save(promotion=obj, actor=cast(User, request.user), request=request)


@admin.register(PaymentPolicy)
class PaymentPolicyAdmin(OneRowAdmin):
    fields = ("on_dispute", "top_ups_per_hour")

    def save_model(self, request: HttpRequest, obj: PaymentPolicy, form: Any, change: bool) -> None:
        policy_update(
            on_dispute=form.cleaned_data["on_dispute"],
            top_ups_per_hour=form.cleaned_data["top_ups_per_hour"],
            actor=cast(User, request.user),
            request=request,
        )
