"""A lot whose owner may use it for longer."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSingleDateWidget

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.adminforms import ActionForm, reason_field
from billing.foundation.audit.services import record
from billing.foundation.site.selectors import site
from billing.ledger.asof import open_lots
from billing.ledger.extension_services import lot_extend
from billing.ledger.models import Lot
from portal.admin.extending import extend
from portal.admin.refunds import RefundAction
from portal.admin.secondperson import ACTIONS, Hand, Values, post_or_propose
from portal.admin.steps import Facts, amount, must_may_post, refused, two_steps

ACTION = "lot.extend"
FAR = date(2200, 1, 1)  # such a date is a mistake, or means never


class ExtendForm(ActionForm):
    until = forms.DateField(
        label="Last day",
        widget=UnfoldAdminSingleDateWidget,
        help_text="They can be used until the end of this day (UTC).",
    )
    reason = reason_field("The customer reads it with the entry; it is kept in the audit log.")

    def clean_until(self) -> date:
        day: date = self.cleaned_data["until"]
        if not clock.now().date() <= day < FAR:
            raise ValidationError("Choose a day from today on, before the year 2200.")
        return day


class ExtendAction(RefundAction):
    """Mixed in front of the lots' admin, where refunds are."""

    actions_detail = ("extend_lot", "refund")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[Any]:
        """Extending is offered where there is something to extend."""
        found: Sequence[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        lot = Lot.objects.filter(pk=object_id).first()
        if lot is not None and free_of(lot):
            return found
        return [one for one in found if "extend" not in one.action_name]

    @action(description="Extend", url_path="extend", icon="more_time", permissions=["posting"])
    def extend_lot(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form; the lot is extended by its second POST."""
        must_may_post(request)
        lot = Lot.objects.select_related("workspace").filter(pk=object_id).first()
        if lot is None:
            raise Http404
        return two_steps(
            self,
            request,
            form=ExtendForm(request.POST or None),
            title=f"Extend {lot.label} of {lot.workspace}",
            intro="What is left and not on hold goes on in a lot of its own with the later date; nothing that was"
            " posted changes. Credits that have expired are given anew instead.",
            facts=_facts(lot),
            effect=lambda data: _effect(lot, data["until"]),
            apply=lambda data: _extend(lot, data, request),
            back=reverse("admin:ledger_lot_change", args=[lot.pk]),
            button="Extend",
        )


def free_of(lot: Lot) -> int:
    """Nano-credits of it that could be extended now."""
    if lot.expires_at is None or lot.expires_at <= clock.now():
        return 0
    found = next((each for each in open_lots(lot.workspace_id, clock.now()) if each.id == lot.pk), None)
    return found.free if found and not found.scheduled else 0


def _ends(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _facts(lot: Lot) -> Facts:
    return [
        ("Workspace", f"{lot.workspace} ({lot.workspace.public_id})"),
        ("Brought in", amount(lot.amount)),
        ("Left and not on hold", amount(free_of(lot))),
        ("On hold", amount(lot.held)),
        ("Expires", f"{lot.expires_at:%Y-%m-%d %H:%M} UTC" if lot.expires_at else "never"),
    ]


def _effect(lot: Lot, day: date) -> Facts:
    if lot.expires_at is None:
        raise ValidationError("These credits never expire.")
    if _ends(day) <= lot.expires_at:
        raise ValidationError(f"They last until {lot.expires_at:%Y-%m-%d %H:%M} UTC already; choose a later day.")
    free = free_of(lot)
    if not free:
        raise ValidationError("Nothing of it is left that could be extended.")
    return [
        ("Goes on", amount(free)),
        ("Until", f"{_ends(day):%Y-%m-%d %H:%M} UTC"),
        ("On hold, keeps its date", amount(lot.held)),
    ]


def _extend(lot: Lot, data: dict[str, Any], request: HttpRequest) -> str:
    free = free_of(lot)
    if not free and not Lot.objects.filter(extends__lot=lot).exists():
        raise ValidationError("Nothing of it is left that could be extended.")
    return post_or_propose(
        ACTION,
        workspace=lot.workspace,
        nano=max(free, 1),  # of a form that is sent again nothing is left to extend
        values={"key": data["key"], "lot": lot.pk, "until": data["until"].isoformat(), "reason": data["reason"]},
        summary=f"Extend {lot.label} of {lot.workspace} ({amount(free)}) until {data['until']:%-d %B %Y}",
        reason=data["reason"],
        by=cast(User, request.user),
        request=request,
    )


def _extend_lot(workspace: Workspace, values: Values, hand: Hand) -> str:
    return refused(partial(_post, workspace, values, hand))


def _post(workspace: Workspace, values: Values, hand: Hand) -> str:
    until = _ends(date.fromisoformat(values["until"]))
    with transaction.atomic():
        done = lot_extend(
            workspace_id=workspace.pk,
            lot_id=values["lot"],
            until=until,
            key=f"admin:{values['key']}",
            reason=values["reason"],
            actor=hand.words,
        )
        if done.replay:
            return "That was done already; nothing was posted twice."
        hand.check(done.amount)
        lot = Lot.objects.get(pk=values["lot"])
        record(
            action="credits.extended",
            actor=hand.user,
            workspace=workspace,
            target=f"{amount(done.amount)} {site().credit_name_plural} of lot {lot.pk}, {lot.label}",
            before={"lot": lot.pk, "expires": lot.expires_at},
            after={"lot": done.lot_id, "expires": until},
            reason=values["reason"],
            request=hand.request,
        )
    return f"{amount(done.amount)} of {lot.label} can be used until {until:%Y-%m-%d %H:%M} UTC."


ACTIONS[ACTION] = _extend_lot


extend(Lot, ExtendAction)
