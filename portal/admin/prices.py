"""The operator's own prices and models in the admin: entered and ended by forms, never edited."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from accounts.models import User
from billing.credits import clock
from billing.foundation.adminforms import ActionForm, action_page
from billing.pricing.adminsources import usd
from billing.pricing.book import prices_for
from billing.pricing.display import published_text
from billing.pricing.models import CatalogModel, Meter, PriceLine
from billing.pricing.operator import (
    MODALITIES,
    SOURCE,
    PriceEntry,
    Wish,
    model_add,
    price_check,
    price_retire,
    price_set,
    retiring,
)
from billing.pricing.variants import KNOWN, variant_text
from portal.admin.extending import extend
from portal.admin.steps import Facts, two_steps

MAY_ENTER = "pricing.add_priceline"
INSTANT = "%Y-%m-%d %H:%M"


class ReasonField(forms.CharField):
    def __init__(self) -> None:
        super().__init__(
            max_length=500,
            required=False,
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
            help_text="Kept in the audit log.",
        )


class PriceForm(ActionForm):
    model = forms.CharField(
        max_length=281,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="provider/model as under Models. Empty for what is counted without a model.",
    )
    meter = forms.ModelChoiceField(Meter.objects.all(), widget=UnfoldAdminSelectWidget)
    price = forms.DecimalField(label="Price in USD", widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}))
    per = forms.IntegerField(
        label="For how many",
        initial=1,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="As it is published: 1,000,000 tokens, 60 seconds for a price by the minute, 1 image.",
    )
    variant = forms.CharField(
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Such as resolution=1080p, audio=yes. Empty: the price when nothing is said. There are: "
        f"{', '.join(KNOWN)}.",
    )
    effective_from = forms.DateTimeField(
        label="From (UTC)",
        required=False,
        input_formats=[INSTANT, "%Y-%m-%dT%H:%M", "%Y-%m-%d"],
        error_messages={"invalid": "Write it as 2027-01-31 12:00."},
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "2027-01-31 12:00"}),
        help_text="Empty: as soon as it may; the first price of a meter holds for all time before.",
    )
    customers_told = forms.BooleanField(
        label="Customers know of a rise already: let it count without the notice",
        required=False,
        widget=UnfoldBooleanWidget,
    )
    reason = ReasonField()

    def clean_effective_from(self) -> datetime | None:
        instant: datetime | None = self.cleaned_data["effective_from"]
        return instant.replace(tzinfo=UTC) if instant else None


class RetireForm(ActionForm):
    reason = ReasonField()


class ModelForm(ActionForm):
    provider = forms.CharField(max_length=80, widget=UnfoldAdminTextInputWidget, help_text="Who sells it: acme.")
    model = forms.CharField(
        max_length=200, widget=UnfoldAdminTextInputWidget, help_text="What usage names: acme/brain-2 is “brain-2”."
    )
    name = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget, help_text="What customers read.")
    modality = forms.ChoiceField(
        choices=[(word, word.capitalize()) for word in MODALITIES], widget=UnfoldAdminSelectWidget
    )
    context_window = forms.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, widget=UnfoldAdminIntegerFieldWidget, help_text="Tokens."
    )


class Entering:
    """Mixed in front of an admin from which prices are entered."""

    def has_entering_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(MAY_ENTER)

    def enter(self, request: HttpRequest, initial: dict[str, Any], back: str) -> HttpResponse:
        if not self.has_entering_permission(request):
            raise PermissionDenied
        return two_steps(
            self,
            request,
            form=PriceForm(request.POST or None, initial=initial),
            title="Enter a price",
            intro="A price is never edited: the line before it ends when this one begins, and what was used until then "
            "keeps its price. It wins over every catalogue.",
            facts=[],
            effect=lambda data: _effect(price_check(_wish(data))),
            apply=lambda data: _entered(data, request),
            back=back,
            button="Enter the price",
        )


class PriceActions(Entering):
    """Mixed in front of the prices' admin."""

    actions_list = ("enter_price",)
    actions_detail = ("change_price", "retire")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[Any]:
        """Only the operator's own lines end by hand; others follow their source."""
        found: Sequence[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        own = PriceLine.objects.filter(pk=object_id, source=SOURCE, status="active", effective_to=None).exists()
        return found if own else [each for each in found if "retire" not in each.action_name]

    @action(description="Enter a price", url_path="enter", icon="add", permissions=["entering"])
    def enter_price(self, request: HttpRequest) -> HttpResponse:
        """The link only opens the form."""
        return self.enter(request, {}, _lines())

    @action(description="New price from …", url_path="new-price", icon="edit_calendar", permissions=["entering"])
    def change_price(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The form with what the line says."""
        line = _line(object_id)
        initial = {
            "model": f"{line.provider}/{line.model}" if line.model else "",
            "meter": line.meter,
            "price": f"{line.price.normalize():f}",
            "per": line.per,
            "variant": variant_text(line.dims),
        }
        return self.enter(request, initial, _lines(line.model or line.meter))

    @action(description="Retire", url_path="retire", icon="event_busy", permissions=["entering"])
    def retire(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form; the line ends by its POST."""
        if not self.has_entering_permission(request):
            raise PermissionDenied
        line = _line(object_id)
        if line.source != SOURCE:
            raise Http404
        return two_steps(
            self,
            request,
            form=RetireForm(request.POST or None),
            title="Retire your prices of a meter",
            intro="Your prices of this meter of the model end, all variants. What the next source has for it holds "
            "again, if one has; else its use waits for a price. One that has not begun is withdrawn.",
            facts=[*_facts(line), ("In force since", _instant(line.effective_from) or "ever")],
            effect=lambda _: _ending(line),
            apply=lambda data: _retired(line, data, request),
            back=_lines(line.model or line.meter),
            button="Retire",
        )


class ModelActions(Entering):
    """Mixed in front of the models' admin."""

    actions_list = ("new_model",)
    actions_detail = ("enter_price",)

    @action(description="Add a model", url_path="new", icon="add", permissions=["entering"])
    def new_model(self, request: HttpRequest) -> HttpResponse:
        """The link only opens the form."""
        if not self.has_entering_permission(request):
            raise PermissionDenied
        return action_page(
            self,
            request,
            form=ModelForm(request.POST or None),
            title="Add a model",
            intro="For a model that no catalogue has. It is listed as soon as it has a price: enter that next.",
            apply=lambda data: _added(data, request),
            back=reverse("admin:pricing_catalogmodel_changelist"),
            button="Add",
        )

    @action(description="Enter a price", url_path="price", icon="sell", permissions=["entering"])
    def enter_price(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The form with the model's name."""
        model = CatalogModel.objects.filter(pk=object_id).first()
        if model is None:
            raise Http404
        return self.enter(request, {"model": str(model)}, _lines(model.model))


def _lines(search: str = "") -> str:
    """The list of prices, of one model."""
    return reverse("admin:pricing_priceline_changelist") + (f"?{urlencode({'q': search})}" if search else "")


def _wish(data: dict[str, Any]) -> Wish:
    provider, model = _named(data["model"].strip())
    return Wish(
        provider=provider,
        model=model,
        meter=data["meter"].key,
        price=data["price"],
        per=data["per"],
        variant=data["variant"],
        effective_from=data["effective_from"],
        customers_told=data["customers_told"],
    )


def _named(ref: str) -> tuple[str, str]:
    """The provider and the model of any reference that usage understands; what nobody knows is told by the check."""
    if known := prices_for(ref) if ref else None:
        return known.provider, known.model
    provider, slash, model = ref.partition("/")
    return (provider, model) if slash else ("", ref)


def _effect(entry: PriceEntry) -> Facts:
    row = entry.row
    facts = [
        ("Model", f"{row.provider}/{row.model}" if row.model else "none, a meter of the platform"),
        ("Meter", row.meter),
        ("Variant", variant_text(dict(row.dims)) or "none: when nothing is said"),
        ("New price", published_text(row.price, row.per, row.unit)),
        ("From", f"{entry.starts:{INSTANT}} UTC" if entry.starts else "ever: it is the first price of this meter"),
    ]
    paid = entry.paid
    facts.append(
        ("Published price until then", published_text(paid.price_usd, paid.per, paid.unit) if paid else "none")
    )
    if entry.taken_over:
        others = "; ".join(f"{variant_text(line.dims) or 'plain'} at {usd(line)}" for line in entry.taken_over)
        facts.append((f"Taken over from {entry.taken_over[0].source}, and yours from then on", others))
    return facts


def _entered(data: dict[str, Any], request: HttpRequest) -> str:
    line = price_set(_wish(data), by=cast(User, request.user), reason=data["reason"], request=request)
    of = f"{line.provider}/{line.model}, " if line.model else ""
    return f"Entered: {of}{line.meter} at {usd(line)}, from {_instant(line.effective_from) or 'ever'} on."


def _retired(line: PriceLine, data: dict[str, Any], request: HttpRequest) -> str:
    done = price_retire(line_id=line.pk, by=cast(User, request.user), reason=data["reason"], request=request)
    ends = done[0].effective_to
    return f"{len(done):,} of your prices end at {_instant(ends)}." if ends else "It was withdrawn and never counts."


def _ending(line: PriceLine) -> Facts:
    lines, ends = retiring(line, clock.now())
    prices = "; ".join(f"{variant_text(each.dims) or 'plain'} at {usd(each)}" for each in lines)
    return [("What ends", prices), ("When", f"{ends:{INSTANT}} UTC" if ends else "it never begins")]


def _added(data: dict[str, Any], request: HttpRequest) -> str:
    fields = {name: data[name] for name in ("provider", "model", "name", "modality", "context_window")}
    made = model_add(**fields, by=cast(User, request.user), request=request)
    return f"{made} was added. It is listed once it has a price."


def _facts(line: PriceLine) -> Facts:
    return [
        ("Model", f"{line.provider}/{line.model}" if line.model else "the platform"),
        ("Meter", line.meter),
        ("Variant", variant_text(line.dims) or "none"),
        ("Price", usd(line)),
    ]


def _line(object_id: Any) -> PriceLine:
    line = PriceLine.objects.filter(pk=object_id).first()
    if line is None:
        raise Http404
    return line


def _instant(at: datetime | None) -> str:
    return f"{at:{INSTANT}} UTC" if at else ""


extend(PriceLine, PriceActions)
extend(CatalogModel, ModelActions)
