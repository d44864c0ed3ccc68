"""Adding, changing and removing add-ons, each exactly as it was previewed."""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.http import HttpRequest

from accounts.models import User, Workspace
from billing.foundation import hostclock
from billing.foundation.audit.services import record
from billing.ledger.book import open_book
from billing.ledger.errors import InsufficientCredits
from billing.ledger.services import cut, request_hash
from billing.plans.addons.attending import due_now, ended
from billing.plans.addons.changes import Change, addon_named, decide, held_of
from billing.plans.addons.errors import ChangeConflict, NotEnoughCredits, PreviewOutdated
from billing.plans.addons.paying import pay, period_key
from billing.plans.addons.words import short_of
from billing.plans.limits import forget_limits
from billing.plans.models import AddOn, AddOnChange, WorkspaceAddOn

Status = WorkspaceAddOn.Status
ACTIONS = {
    "add": "addon.added",
    "more": "addon.changed",
    "less": "addon.changed",
    "remove": "addon.removed",
    "keep": "addon.kept",
}


@dataclass(frozen=True, slots=True)
class Done:
    change: AddOnChange
    replay: bool


def addon_set(
    *,
    workspace: Workspace,
    addon_key: str,
    quantity: int,
    key: str,
    actor: User | str,
    at: datetime | None = None,
    expected: int | None = None,
    request: HttpRequest | None = None,
) -> Done:
    """Have `quantity` pieces of an add-on: more of it at once, charged pro rata to the end of the plan's period; less,
    or none, from that end on. The same quantity takes back a change to come. The same `key` is done once.

    `at` is that of the preview, `expected` what it said would be charged (nano-credits). Raises NoSuchAddOn,
    QuantityRefused, NotCovered, BeingCharged, PreviewOutdated, ChangeConflict, NotEnoughCredits: nothing is changed.
    """
    addon = addon_named(addon_key)
    asked = request_hash({"addon": addon_key, "quantity": quantity, "at": at})

    def attempt() -> Done:
        with transaction.atomic():
            return _set(workspace, addon, quantity, key, asked, actor, at, expected, request)

    try:
        return attempt()
    except IntegrityError:  # somebody added it, or used the key, at the same moment
        return attempt()


def _set(
    workspace: Workspace, addon: AddOn, quantity: int, key: str, asked: bytes, actor: User | str,
    at: datetime | None, expected: int | None, request: HttpRequest | None,
) -> Done:  # fmt: skip
    held = held_of(workspace.pk, addon, lock=True)
    before = AddOnChange.objects.select_related("held__addon").filter(workspace=workspace, key=key).first()
    if before is not None:
        if bytes(before.request_hash) != asked:
            raise ChangeConflict
        return Done(before, replay=True)
    now = hostclock.present()
    change = decide(addon, held, quantity, workspace_id=workspace.pk, at=at, now=now)
    if expected is not None and expected != change.charged:
        raise PreviewOutdated
    if held is None:
        held = _added(workspace, change)
    else:
        _changed(held, change, now)
    label = actor.email if isinstance(actor, User) else actor
    row = AddOnChange.objects.create(
        workspace=workspace,
        held=held,
        key=key,
        request_hash=asked,
        before=change.before,
        quantity=quantity,
        at=change.at,
        effective_at=change.effective_at,
        until=change.ends,
        charged=change.charged,
        actor=actor if isinstance(actor, User) else None,
        actor_label=cut(label, 200),
        created_at=now,
    )
    if change.charged:
        _charge(held, change, row, label)
    record(
        action=ACTIONS[change.kind],
        actor=actor,
        workspace=workspace,
        target=held.name,
        before={"quantity": change.before},
        after={"quantity": quantity, "from": change.effective_at, "charged_nano": str(change.charged)},
        request=request,
    )
    transaction.on_commit(lambda: forget_limits(workspace.pk))
    return Done(row, replay=False)


def _added(workspace: Workspace, change: Change) -> WorkspaceAddOn:
    addon = change.addon
    return WorkspaceAddOn.objects.create(
        workspace=workspace,
        addon=addon,
        name=addon.name,
        monthly_credits=addon.monthly_credits,
        concurrency=addon.concurrency,
        feature=addon.feature,
        quantity=change.quantity,
        started_at=change.at,
        period_starts_at=change.starts,
        paid_until=change.ends,
        look_at=change.ends,
    )


def _changed(held: WorkspaceAddOn, change: Change, now: datetime) -> None:
    if change.effective_at > change.at:
        held.next_quantity = change.quantity
    elif change.kind == "remove":
        ended(held, at=now)
    else:
        held.quantity, held.next_quantity = change.quantity, None
        if change.kind == "less":  # the credits may cover this much, also of what is suspended
            held.tried_seq = 0
            due_now(held, now)
    held.save()


def _charge(held: WorkspaceAddOn, change: Change, row: AddOnChange, label: str) -> None:
    key = period_key(held, change.at) if change.kind == "add" else row.public_id
    more = change.quantity - change.before
    try:
        with open_book(held.workspace_id) as book:
            pay(
                book,
                held,
                key=key,
                amount=change.charged,
                quantity=more,
                since=change.at,
                ends=change.ends,
                actor=label,
            )
    except InsufficientCredits as error:
        message = short_of(error.needed, error.available)
        raise NotEnoughCredits(message, needed=error.needed, available=error.available) from None
