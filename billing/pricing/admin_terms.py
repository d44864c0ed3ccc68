"""What customers agree on, as the operator sees and adds it: never changed, only ended or replaced by a later one."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.models import User
from billing.credits import clock
from billing.pricing.agreed import PLATFORM, Scope, Step
from billing.pricing.agreements import (
    Invalid,
    check_agreed,
    checked_scope,
    checked_steps,
    override_add,
    override_end,
    schedule_add,
    schedule_end,
)
from billing.pricing.models import CatalogModel, Meter, PriceDiscount, PriceLine, PriceOverride, TierSchedule

_COUNT, _NUMBER = r"\d[\d_,]{0,29}", r"\d{1,30}(?:\.\d{1,30})?"
_STEP = re.compile(rf"({_COUNT}(?:\.\d{{1,30}})?)\s*[:\s]\s*(?:({_NUMBER})\s*%|\$?\s*({_NUMBER})\s*/\s*({_COUNT}))")
_VARIANT = re.compile(r"\s*(\w+)\s*=\s*([^,=\s]+)\s*")


class ScopeForm(forms.ModelForm):  # type: ignore[type-arg]
    """Which prices: a provider, a model of it, a meter, all as the catalogue names them."""

    no_meter, meter_needed = "every meter", False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "meter" not in self.fields:
            return
        self.fields["meter"] = forms.ChoiceField(
            choices=[
                ("", self.no_meter),
                *((meter.key, f"{meter.label} ({meter.key})") for meter in Meter.objects.all()),
            ],
            required=self.meter_needed,
            widget=UnfoldAdminSelectWidget,
        )
        self.fields["provider"].help_text = f"Empty: all. “{PLATFORM}”: the platform’s own meters."
        self.fields["model"].help_text = "Empty: all models of the provider."
        self.fields["effective_from"].required = False
        self.fields["effective_from"].help_text = "A minute from now at the earliest. Empty: then."

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        provider, model = data.get("provider", ""), data.get("model", "")
        if provider and provider != PLATFORM and not CatalogModel.objects.filter(provider=provider).exists():
            self.add_error("provider", "The catalogue has no such provider.")
        elif model and not CatalogModel.objects.filter(provider=provider, model=model).exists():
            self.add_error("model", "The catalogue has no such model of this provider.")
        return data

    def scope(self, data: dict[str, Any], variant: str = "") -> Scope:
        return Scope(data.get("provider", ""), data.get("model", ""), data.get("meter", ""), _variant(variant))

    def validate_unique(self) -> None:
        """The one in force is ended by the service."""

    def validate_constraints(self) -> None:
        """What cannot be, the service says in words."""


class OverrideForm(ScopeForm):
    variant = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="Only this variant of the price, such as tier=batch. Empty: all.",
    )

    class Meta:
        model = PriceOverride
        fields = (
            "workspace",
            "provider",
            "model",
            "meter",
            "variant",
            "price",
            "per",
            "percent",
            "note",
            "effective_from",
        )
        help_texts = {
            "price": "USD for so many units; markup, discounts and tiers do not apply to it.",
            "per": "Units the price is for, such as 1000000 tokens.",
            "percent": "Instead of a price: percent over cost, in place of the markup and of the plan’s discount.",
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if self.errors:
            return data
        if (data.get("price") is None) == (data.get("percent") is None):
            raise ValidationError("Enter either a price with its units or a percent over cost.")
        if (data.get("price") is None) != (data.get("per") is None):
            raise ValidationError("A price needs the number of units it is for, and a percent has none.")
        if data.get("price") is not None and not data.get("meter"):
            raise ValidationError({"meter": "A price is one of a meter."})
        scope = self.scope(data, data["variant"])
        agreed = {name: data.get(name) for name in ("price", "per", "percent")}
        _say(lambda: check_agreed(checked_scope(scope), **agreed))
        _priced(scope)
        return data


class ScheduleForm(ScopeForm):
    no_meter, meter_needed = "choose one", True
    steps = forms.CharField(
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5, "placeholder": "1000000: 10%\n5000000: $0.12 / 1000000"}),
        help_text="One a line: the month’s quantity from which it counts; then a percent off or a price and its units.",
    )

    class Meta:
        model = TierSchedule
        fields = ("workspace", "provider", "model", "meter", "mode", "steps", "label", "effective_from")
        help_texts = {"workspace": "Empty: everybody.", "label": "For yourself."}

    def clean_steps(self) -> tuple[Step, ...]:
        return tuple(_step(line) for line in self.cleaned_data["steps"].splitlines() if line.strip())

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if not self.errors:
            scope = self.scope(data)
            _say(lambda: checked_steps(checked_scope(scope), data["mode"], data["steps"]))
            _priced(scope)
        return data


class AgreedAdmin(ModelAdmin):
    search_fields = ("workspace__name", "workspace__public_id", "workspace__external_id", "provider", "model", "meter")
    list_select_related = ("workspace",)
    autocomplete_fields = ("workspace",)

    @display(description="For")
    def what(self, row: PriceOverride | PriceDiscount | TierSchedule) -> str:
        return row.scope or "everything"

    @display(description="In force")
    def in_force(self, row: PriceOverride | PriceDiscount | TierSchedule) -> str:
        return in_force_text(row)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_end_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"pricing.add_{self.opts.model_name}")

    def _end_each(self, request: HttpRequest, rows: QuerySet[Any], end: Callable[[int], Any]) -> None:
        done = 0
        for row in rows.order_by("pk"):
            try:
                end(row.pk)
                done += 1
            except Invalid as problem:
                messages.warning(request, f"{row}: {problem}")
        messages.success(request, f"{done} ended. They count for a minute more.")


@admin.register(PriceOverride)
class PriceOverrideAdmin(AgreedAdmin):
    """Added, never changed: a new one ends the old one for the same prices, and history keeps both."""

    form = OverrideForm
    list_display = ("workspace", "what", "variant_key", "terms", "in_force", "note")
    actions = ("end",)

    def save_model(self, request: HttpRequest, obj: PriceOverride, form: Any, change: bool) -> None:
        data = form.cleaned_data
        added = override_add(
            workspace=data["workspace"],
            scope=form.scope(data, data["variant"]),
            price=data["price"],
            per=data["per"],
            percent=data["percent"],
            note=data["note"],
            effective_from=data["effective_from"],
            by=cast(User, request.user),
        )
        obj.__dict__.update(added.__dict__)

    @action(description="End: the list price counts again", permissions=["end"])
    def end(self, request: HttpRequest, rows: QuerySet[PriceOverride]) -> None:
        by = cast(User, request.user)
        self._end_each(request, rows, lambda pk: override_end(override_id=pk, by=by))


@admin.register(TierSchedule)
class TierScheduleAdmin(AgreedAdmin):
    """Added, never changed. Those of plans come with the plan and end with it."""

    form = ScheduleForm
    list_display = ("whose", "what", "mode", "steps_text", "in_force", "source")
    list_filter = ("source", "mode")
    actions = ("end",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[TierSchedule]:
        found: QuerySet[TierSchedule] = super().get_queryset(request)
        return found.prefetch_related("steps")

    @display(description="Workspace")
    def whose(self, schedule: TierSchedule) -> str:
        return str(schedule.workspace) if schedule.workspace else "everybody"

    @display(description="Steps")
    def steps_text(self, schedule: TierSchedule) -> str:
        return steps_text(schedule)

    def save_model(self, request: HttpRequest, obj: TierSchedule, form: Any, change: bool) -> None:
        data = form.cleaned_data
        added = schedule_add(
            workspace=data["workspace"],
            scope=form.scope(data),
            mode=data["mode"],
            steps=data["steps"],
            label=data["label"],
            effective_from=data["effective_from"],
            by=cast(User, request.user),
        )
        obj.__dict__.update(added.__dict__)

    @action(description="End: no more steps", permissions=["end"])
    def end(self, request: HttpRequest, rows: QuerySet[TierSchedule]) -> None:
        by = cast(User, request.user)
        self._end_each(request, rows, lambda pk: schedule_end(schedule_id=pk, by=by))


@admin.register(PriceDiscount)
class PriceDiscountAdmin(AgreedAdmin):
    """Given by plans; looked at here."""

    list_display = ("workspace", "what", "percent", "label", "in_force")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


def agreed_with(workspace_id: int) -> list[str]:
    """What a workspace agreed on, or its plan gives, that is in force or to come, one sentence each."""
    soon = Q(effective_to=None) | Q(effective_to__gt=clock.now()) & ~Q(effective_to=F("effective_from"))
    overrides = PriceOverride.objects.filter(soon, workspace_id=workspace_id)
    discounts = PriceDiscount.objects.filter(soon, workspace_id=workspace_id)
    tiers = TierSchedule.objects.filter(soon, workspace_id=workspace_id).prefetch_related("steps")
    return [
        *(f"{row}{f' ({row.variant_key})' if row.variant_key else ''}, {in_force_text(row)}" for row in overrides),
        *(f"{row}, {row.label}, {in_force_text(row)}" for row in discounts),
        *(f"{row}: {steps_text(row)}, {in_force_text(row)}" for row in tiers),
    ]


def in_force_text(row: PriceOverride | PriceDiscount | TierSchedule) -> str:
    if row.effective_to == row.effective_from:
        return "withdrawn before it began"
    until = f" until {row.effective_to:%Y-%m-%d %H:%M}" if row.effective_to else ""
    return f"since {row.effective_from:%Y-%m-%d %H:%M}{until}"


def steps_text(schedule: TierSchedule) -> str:
    """ "from 1,000,000: 10% off; from 5,000,000: $0.12 per 1,000,000"."""
    return "; ".join(str(step) for step in schedule.steps.all())


def _priced(scope: Scope) -> None:
    """Raises ValidationError where the catalogue has no price that it would be about."""
    lines = PriceLine.objects.filter(status=PriceLine.Status.ACTIVE, effective_to=None)
    named = {"provider": scope.provider, "model": scope.model, "meter": scope.meter}
    if scope.meter and not lines.filter(**{name: value for name, value in named.items() if value}).exists():
        raise ValidationError({"meter": "The catalogue has no price of this meter there."})


def _step(line: str) -> Step:
    found = _STEP.fullmatch(line.strip())
    if found is None:
        raise ValidationError(f"“{line.strip()}” is no step. Write “1000000: 10%” or “1000000: $0.12 / 1000000”.")
    start, off, price, per = found.groups()
    start = Decimal(start.replace(",", "").replace("_", ""))
    if off is not None:
        return Step(start, off=Decimal(off))
    return Step(start, price=Decimal(price), per=int(per.replace(",", "").replace("_", "")))


def _variant(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [_VARIANT.fullmatch(part) for part in text.split(",") if part.strip()]
    if not all(pairs):
        raise ValidationError({"variant": "Write a variant as tier=batch, several with commas."})
    return tuple(sorted((pair[1], pair[2]) for pair in pairs if pair))


def _say(check: Callable[[], object]) -> None:
    try:
        check()
    except Invalid as error:
        raise ValidationError(str(error)) from None
