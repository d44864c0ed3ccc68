"""The operator's decisions about payments, and packs that are edited: with a note in the audit log."""

from typing import Any

from django.db import transaction
from django.forms.models import model_to_dict
from django.http import HttpRequest

from accounts.models import User
from billing.foundation.audit.services import record, record_change
from billing.packs.models import Pack, PaymentPolicy, Promotion
from billing.packs.selectors import forget_suspended


@transaction.atomic
def policy_update(
    *, on_dispute: str, top_ups_per_hour: int | None = None, actor: User, request: HttpRequest | None = None
) -> PaymentPolicy:
    """Holds for disputes from now on, and for what follows from those that are open; for automatic top-ups from the
    next one on.
    """
    row, _ = PaymentPolicy.objects.select_for_update().get_or_create(pk=1)
    before = model_to_dict(row)
    row.on_dispute = on_dispute
    row.top_ups_per_hour = row.top_ups_per_hour if top_ups_per_hour is None else top_ups_per_hour
    row.full_clean()
    if record_change(
        action="payment_policy.changed",
        actor=actor,
        target="payment policy",
        before=before,
        after=model_to_dict(row),
        request=request,
    ):
        row.save()
        transaction.on_commit(forget_suspended)
    return row


@transaction.atomic
def pack_save(*, pack: Pack, actor: User, request: HttpRequest | None = None) -> Pack:
    """A new pack, or a changed one: its version goes up, and what was bought before keeps its own copy."""
    old = Pack.objects.select_for_update().filter(pk=pack.pk).first() if pack.pk else None
    before = _plain(old) if old else None
    if old is not None:
        pack.version = old.version + 1
    pack.save()
    record(
        action="pack.changed" if old else "pack.made",
        actor=actor,
        target=pack.name,
        before=before,
        after=_plain(pack),
        request=request,
    )
    return pack


@transaction.atomic
def promotion_save(*, promotion: Promotion, actor: User, request: HttpRequest | None = None) -> Promotion:
    old = Promotion.objects.filter(pk=promotion.pk).first() if promotion.pk else None
    before = _plain(old) if old else None
    promotion.save()
    record(
        action="promotion.changed" if old else "promotion.made",
        actor=actor,
        target=promotion.code,
        before=before,
        after=_plain(promotion),
        request=request,
    )
    return promotion


def _plain(row: Any) -> dict[str, Any]:
    shown = model_to_dict(row, exclude=["packs", "id"])
    return {name: str(value) if isinstance(value, int) and value > 2**53 else value for name, value in shown.items()}
