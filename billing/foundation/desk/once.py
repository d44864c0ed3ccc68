"""What staff do by a form, once per form: a form that is sent again does nothing, whatever was undone since."""

from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from billing.foundation.desk.models import SentForm
from billing.foundation.seen import facts_digest


def once(act: Callable[[], str], *, action: str, target: str, by: User, data: Mapping[str, Any]) -> str:
    """Do `act` in one transaction with the trace of the form that gave `data` (an ActionForm), and return what it
    says; when the form was sent before, a sentence that says so. Of two at once the second waits for the first.

    Raises ValidationError: that of `act`, and then nothing was done and the form can be sent again; or because the form
    was sent before for something else (another target, other values).
    """
    said = sorted((name, value) for name, value in data.items() if name not in ("key", "seen"))
    digest = facts_digest(by.pk, said)
    with transaction.atomic():
        sent, made = SentForm.objects.get_or_create(
            key=data["key"], defaults={"action": action, "target": target, "digest": digest}
        )
        if made:
            return act()
    if (sent.action, sent.target, sent.digest) != (action, target, digest):
        raise ValidationError("This form was sent before with other values. Open it again; nothing was done.")
    return f"This form was sent before, at {sent.at:%Y-%m-%d %H:%M} UTC; nothing was done twice."
