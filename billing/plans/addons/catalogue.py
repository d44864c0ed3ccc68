"""Add-ons as the operator edits them, with a note in the audit log."""

from typing import Any

from django.db import transaction
from django.forms.models import model_to_dict
from django.http import HttpRequest

from accounts.models import User
from billing.foundation.audit.services import record
from billing.plans.models import AddOn


@transaction.atomic
def addon_save(*, addon: AddOn, actor: User, request: HttpRequest | None = None) -> AddOn:
    """A new add-on, or a changed one: for those who add it from now on. Who has it keeps what it cost and raised."""
    old = AddOn.objects.select_for_update().filter(pk=addon.pk).first() if addon.pk else None
    before = _plain(old) if old else None
    addon.save()
    action = "addon.edited" if old else "addon.made"
    record(action=action, actor=actor, target=addon.name, before=before, after=_plain(addon), request=request)
    return addon


def _plain(addon: AddOn) -> dict[str, Any]:
    return {**model_to_dict(addon, exclude=["id"]), "monthly_credits": str(addon.monthly_credits)}
