"""Limits of one customer's own: overdraft, requests at the same time, sizes of requests."""

from decimal import Decimal, InvalidOperation
from typing import Any, cast

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
)

from accounts.models import User, Workspace
from billing.credits.units import credits, exact_nano
from billing.foundation.adminforms import SeenForm, action_page, checked_field, reason_field
from billing.foundation.desk.once import once
from billing.foundation.seen import SeenChanged
from billing.ledger.selectors import balance
from billing.plans.models import WorkspaceLimits
from billing.plans.own import limits_digest, limits_of, limits_set
from billing.plans.selectors import subscribed_version
from billing.pricing.models import Meter
from portal.admin.steps import Facts, amount

MAY_AGREE = "plans.change_workspacelimits"


class LimitsForm(SeenForm):
    overdraft = forms.DecimalField(
        required=False,
        min_value=Decimal(0),
        max_digits=15,
        decimal_places=9,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Credits that authorisations may go below zero. Empty: as its plan says.",
    )
    concurrency = forms.IntegerField(
        label="Requests at the same time",
        required=False,
        min_value=1,
        max_value=1_000_000,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Add-ons come on top. Empty: as its plan says.",
    )
    request_limits = forms.CharField(
        label="Most of a meter in one request",
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "input_characters: 5000"}),
        help_text="One meter a line, such as input_characters: 5000. Meters that are not named: as its plan says.",
    )
    reason = reason_field()
    confirmed = checked_field("I have checked the workspace and the limits")

    def clean_request_limits(self) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {}
        known = set(Meter.objects.values_list("key", flat=True))
        for line in filter(None, map(str.strip, self.cleaned_data["request_limits"].splitlines())):
            meter, colon, number = (part.strip() for part in line.partition(":"))
            try:
                most = Decimal(number.replace(",", "").replace("_", ""))
            except InvalidOperation:
                most = Decimal("NaN")
            if not colon or not most.is_finite() or not 0 < most < 10**15:
                raise ValidationError(f"“{line}”: write a meter, a colon and a number above 0.")
            if meter not in known:
                raise ValidationError(f"There is no meter “{meter}”.")
            found[meter] = most
        return found


class LimitsAction:
    """Mixed in front of the workspaces' admin."""

    def has_limits_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(MAY_AGREE)

    @action(description="Limits of its own", url_path="limits", icon="speed", permissions=["limits"])
    def limits(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form; its POST changes them."""
        if not self.has_limits_permission(request):
            raise PermissionDenied
        workspace = Workspace.objects.filter(pk=object_id).first()
        if workspace is None:
            raise Http404
        row = limits_of(workspace)
        form = LimitsForm(request.POST or None, digest=limits_digest(row), initial=_present(row))
        return action_page(
            self,
            request,
            form=form,
            title=f"Limits of {workspace}",
            intro="They hold at once (in other processes within five seconds), whatever plan it is on, until they are"
            " emptied here. How many requests a minute its keys may make is on its form.",
            facts=_facts(workspace, row),
            apply=lambda data: _set(workspace, form, data, request),
            back=reverse("workspace-desk", args=[workspace.pk]),
            button="Let them hold",
        )


def _present(row: WorkspaceLimits) -> dict[str, Any]:
    return {
        "overdraft": None if row.overdraft is None else f"{credits(row.overdraft).normalize():f}",
        "concurrency": row.concurrency,
        "request_limits": "\n".join(f"{meter}: {most}" for meter, most in row.request_limits.items()),
    }


def _own(row: WorkspaceLimits) -> str:
    """What was agreed on with it, in one line."""
    parts = [
        *([] if row.overdraft is None else [f"overdraft {amount(row.overdraft)}"]),
        *([] if row.concurrency is None else [f"{row.concurrency:,} at the same time"]),
        *_sizes(row.request_limits),
    ]
    return ", ".join(parts) or "none, all as its plan says"


def _sizes(request_limits: dict[str, str]) -> list[str]:
    return [f"{meter}: {most}" for meter, most in request_limits.items()]


def _facts(workspace: Workspace, row: WorkspaceLimits) -> Facts:
    version = subscribed_version(workspace.pk)
    now = balance(workspace.pk)
    facts: Facts = [
        ("Workspace", f"{workspace} ({workspace.public_id})"),
        ("Overdraft now", amount(now.overdraft_limit)),
        ("Owed now", amount(now.debt)),
        ("Limits of its own now", _own(row)),
    ]
    if version is None:
        return [*facts, ("Plan", "none")]
    sizes = ", ".join(_sizes(version.request_limits))
    return [
        *facts,
        ("Overdraft of its plan", amount(version.overdraft)),
        ("At the same time by its plan", str(version.concurrency or "as many as wanted")),
        ("Sizes of requests by its plan", sizes or "any"),
    ]


def _set(workspace: Workspace, form: LimitsForm, data: dict[str, Any], request: HttpRequest) -> str:
    by = cast(User, request.user)

    def act() -> str:
        changed = limits_set(
            workspace=workspace,
            overdraft=None if data["overdraft"] is None else exact_nano(data["overdraft"]),
            concurrency=data["concurrency"],
            request_limits=data["request_limits"],
            by=by,
            reason=data["reason"],
            seen=data["seen"],
            request=request,
        )
        return f"The limits of {workspace} hold." if changed else "They were like this already; nothing was changed."

    try:
        return once(act, action="limits.set", target=workspace.public_id, by=by, data=data)
    except SeenChanged:
        form.look_again()
        raise
