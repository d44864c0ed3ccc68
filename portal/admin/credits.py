"""Giving and taking credits by hand: amount, reason, a person's confirmation, once."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import AmountOutOfRange, credits, exact_nano
from billing.foundation.adminforms import ActionForm, checked_field, reason_field
from billing.foundation.audit.services import record
from billing.foundation.site.selectors import site
from billing.ledger.errors import IdempotencyConflict, InsufficientCredits
from billing.ledger.records import GrantResult
from billing.ledger.services import credits_adjust, credits_grant
from portal.admin.secondperson import ACTIONS, Hand, Values, post_or_propose

GRANT, TAKE = "grant", "take"
ACTION = "credits.move"


class CreditsForm(ActionForm):
    what = forms.ChoiceField(
        choices=[(GRANT, "Give credits"), (TAKE, "Take credits away")], widget=UnfoldAdminSelectWidget
    )
    amount = forms.DecimalField(
        min_value=Decimal("0.000000001"),
        max_digits=19,
        decimal_places=9,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Credits. Given credits repay a debt first.",
    )
    source = forms.ChoiceField(
        choices=[("promotion", "Promotion"), ("bought", "Bought (paid outside the portal)")],
        widget=UnfoldAdminSelectWidget,
        help_text="For given credits: decides the burn order and how they are reported.",
    )
    label = forms.CharField(
        max_length=120,
        initial="Credits from us",
        widget=UnfoldAdminTextInputWidget,
        help_text="What the customer reads in the list of credits.",
    )
    expires_on = forms.DateField(
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        help_text="Given credits can be used until the end of this day (UTC). Empty: they never expire.",
    )
    reason = reason_field()
    confirmed = checked_field("I have checked the workspace and the amount")

    def clean_expires_on(self) -> Any:
        day = self.cleaned_data["expires_on"]
        if day is not None and day < clock.now().date():
            raise ValidationError("Choose today or a later day.")
        if day == date.max:  # the end of the last day there is cannot be told
            raise ValidationError("Leave it empty for credits that never expire.")
        return day


def credits_by_hand(*, workspace: Workspace, data: dict[str, Any], actor: User, request: HttpRequest | None) -> str:
    """Do what the form says, once per form, or propose it. Raises ValidationError, and then nothing was done."""
    values = {name: data[name] for name in ("key", "what", "source", "label", "reason")}
    values |= {"amount": str(data["amount"].normalize()), "expires_on": _text(data["expires_on"])}
    verb, to = ("Give", "to") if data["what"] == GRANT else ("Take", "from")
    try:
        nano = exact_nano(data["amount"])
    except AmountOutOfRange as error:
        raise ValidationError(str(error)) from None
    return post_or_propose(
        ACTION,
        workspace=workspace,
        nano=nano,
        values=values,
        summary=f"{verb} {data['amount'].normalize():,f} {site().credit_name_plural} {to} {workspace}",
        reason=data["reason"],
        by=actor,
        request=request,
    )


def _text(day: date | None) -> str:
    return day.isoformat() if day else ""


def _credits_move(workspace: Workspace, values: Values, hand: Hand) -> str:
    amount, given = Decimal(values["amount"]), values["what"] == GRANT
    try:
        with transaction.atomic():
            result = _post(workspace, values, amount, hand.words)
            if not result.replay:
                hand.check(result.amount)
                change = result.amount if given else -abs(result.amount)
                record(
                    action=f"credits.{'given' if given else 'taken'}",
                    actor=hand.user,
                    workspace=workspace,
                    target=f"{amount:f} {site().credit_name_plural}",
                    before={"balance": str(credits(result.balance - change + result.repaid))},
                    after={"balance": str(credits(result.balance)), "label": values["label"]},
                    reason=values["reason"],
                    request=hand.request,
                )
    except InsufficientCredits as error:
        raise ValidationError(f"Nothing was taken: {error}.") from None
    except AmountOutOfRange as error:
        raise ValidationError(str(error)) from None
    except IdempotencyConflict:
        raise ValidationError("This form was sent before with other values. Open it again to post another.") from None
    if result.replay:
        return "That was done already; nothing was posted twice."
    verb = "given to" if given else "taken from"
    return f"{amount:f} {verb} {workspace}. Its balance is {credits(result.balance):f}."


def _post(workspace: Workspace, values: Values, amount: Decimal, actor: str) -> GrantResult:
    nano, key = exact_nano(amount), f"admin:{values['key']}"
    if values["what"] == TAKE:
        return credits_adjust(workspace_id=workspace.pk, key=key, amount=-nano, reason=values["reason"], actor=actor)
    day = date.fromisoformat(values["expires_on"]) if values["expires_on"] else None
    ends = datetime.combine(day + timedelta(days=1), time(), UTC) if day else None
    if ends is not None and ends <= clock.now():
        raise ValidationError("The day until which they can be used is over.")
    return credits_grant(
        workspace_id=workspace.pk,
        key=key,
        amount=nano,
        source=values["source"],
        label=values["label"],
        expires_at=ends,
        actor=actor,
        reason=values["reason"],
    )


ACTIONS[ACTION] = _credits_move
