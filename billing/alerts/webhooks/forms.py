"""Parsing what people type about webhooks."""

from typing import Any

from django import forms

from accounts.forms import Checkboxes, ServiceForm
from billing.alerts.webhooks.models import WebhookDelivery, WebhookEndpoint
from billing.alerts.webhooks.types import OFFERED, TEST

EVENTS = [(each.name, f"{each.name}: {each.about}") for each in OFFERED.values()]


class EndpointForm(ServiceForm):
    url = forms.CharField(
        label="Address",
        max_length=1000,
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/webhooks", "autocomplete": "off"}),
        help_text="Where events are sent by POST. It must be reachable from the internet, by https.",
    )
    description = forms.CharField(max_length=120, required=False, help_text="For your own people.")
    event_types = forms.MultipleChoiceField(choices=EVENTS, widget=Checkboxes, label="Events")


def shown(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """The initial values of an EndpointForm."""
    return {"url": endpoint.url, "description": endpoint.description, "event_types": endpoint.event_types}


class LogForm(forms.Form):
    """The filter of a delivery log. What makes no sense filters nothing."""

    status = forms.ChoiceField(choices=[("", "Any"), *WebhookDelivery.Status.choices], required=False, label="Status")
    type = forms.ChoiceField(
        choices=[("", "Any"), *((name, name) for name in (*OFFERED, TEST))], required=False, label="Event"
    )
    before = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False, widget=forms.HiddenInput)

    @property
    def chosen(self) -> dict[str, Any]:
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}
