"""Estimates made on the page: the same answers as the API's, by the same service."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.db import transaction

from accounts.models import ApiKey, Workspace
from billing.api import jsontext
from billing.api.calls import Call
from billing.api.estimating import document, found
from billing.api.problems import Problem
from billing.metering.numbers import DECIMALS, LARGEST
from billing.usage.estimate import Estimate


@dataclass(frozen=True)
class Answered:
    """What the API would answer now: `estimate`, or the `problem` with its words."""

    request: str
    status: int
    answer: str
    estimate: Estimate | None = None
    problem: Problem | None = None


class TryForm(forms.Form):
    """A quantity for each meter of the sample's model."""

    def __init__(self, data: Any, *, model: str, usage: Mapping[str, int], names: Mapping[str, str]) -> None:
        super().__init__(data)
        self.model = model
        self.fields["model"] = forms.CharField(initial=model, widget=forms.HiddenInput)
        for meter, quantity in usage.items():
            self.fields[meter] = forms.DecimalField(
                label=names.get(meter, meter.replace("_", " ").capitalize()),
                initial=quantity,
                min_value=0,
                max_value=LARGEST,
                decimal_places=DECIMALS,
                widget=forms.NumberInput(attrs={"inputmode": "decimal"}),
            )

    @property
    def usage(self) -> dict[str, int | Decimal]:
        sent = {meter: value for meter, value in self.cleaned_data.items() if meter != "model"}
        return {meter: int(value) if value == int(value) else value for meter, value in sent.items()}


def answered(workspace: Workspace, *, key: ApiKey | None, model: str, usage: Mapping[str, int | Decimal]) -> Answered:
    """What an estimate of this request is answered with, asked with `key` or, without one, by anybody."""
    body = {"model": model, "usage": dict(usage)}
    request = jsontext.dumps(body, indent=2)
    try:
        # What a budget remembers of requests that it refused is undone: somebody only looks at the page.
        with transaction.atomic():
            estimate = found(call=Call(known_workspace=workspace), key=key, raw=body)
    except Problem as problem:
        return Answered(request, problem.status, jsontext.dumps(problem.document(), indent=2), problem=problem)
    return Answered(request, 200, jsontext.dumps(document(estimate), indent=2), estimate=estimate)
