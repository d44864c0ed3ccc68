"""What a person decides: held lines, and markups. Everything here is audited and takes effect a minute later."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from accounts.models import User
from billing.credits import clock
from billing.foundation.audit import services as audit
from billing.pricing.models import Markup, PriceLine
from billing.pricing.services import NOTICE, changed, overruled_by

Status = PriceLine.Status


class NotWaiting(ValueError):
    """The line has been decided already."""


def price_approve(*, line_id: int, by: User | str, now: datetime | None = None) -> PriceLine:
    """Put a held line in force and close the one it replaces. Raises NotWaiting, PriceLine.DoesNotExist."""
    with transaction.atomic():
        line = _waiting(line_id)
        if line.reason.startswith("currency"):
            raise NotWaiting("Prices in another currency cannot be charged; enter the line in USD instead.")
        now = now or clock.now()
        same_meter = PriceLine.objects.filter(
            source=line.source, provider=line.provider, model=line.model, meter=line.meter, status=Status.ACTIVE
        )
        replaced = same_meter.filter(
            dims_key=line.dims_key, upstream_from=line.upstream_from, effective_to=None
        ).first()
        # The first price of a meter holds since ever: what was used meanwhile waits to be charged.
        known = PriceLine.objects.filter(
            source__in=overruled_by(line.source),
            provider=line.provider,
            model=line.model,
            meter=line.meter,
            status=Status.ACTIVE,
        )
        if known.exists():
            line.effective_from = now + NOTICE
        if replaced is not None:
            if replaced.effective_from and line.effective_from and replaced.effective_from >= line.effective_from:
                line.effective_from = replaced.effective_from + timedelta(microseconds=1)
            replaced.effective_to, replaced.reason = line.effective_from, "replaced after approval"
            replaced.save(update_fields=["effective_to", "reason"])
        line.status, line.reason = Status.ACTIVE, f"{line.reason} (approved)"[:80]
        line.save(update_fields=["status", "reason", "effective_from"])
        audit.record(action="price.approve", actor=by, target=str(line), before=_words(replaced), after=_words(line))
        changed()
    return line


def price_reject(*, line_id: int, by: User | str) -> PriceLine:
    """Keep the price in force; the same change is not asked about again. Raises NotWaiting, PriceLine.DoesNotExist."""
    with transaction.atomic():
        line = _waiting(line_id)
        line.status, line.reason = Status.REJECTED, f"rejected, {line.reason}"[:80]
        line.save(update_fields=["status", "reason"])
        audit.record(action="price.reject", actor=by, target=str(line), after=_words(line))
    return line


def markup_add(
    *,
    percent: Decimal,
    by: User | str,
    provider: str = "",
    model: str = "",
    effective_from: datetime | None = None,
    since_ever: bool = False,
) -> Markup:
    """Set the markup of everything, of a provider or of a model, from an instant on (a minute from now at the least).

    `since_ever` is for setting up: the percent then holds for all time before the first dated one.
    """
    with transaction.atomic():
        soonest = clock.now() + NOTICE
        start = None if since_ever else max(effective_from or soonest, soonest)
        markup = Markup.objects.create(provider=provider, model=model, percent=percent, effective_from=start)
        audit.record(
            action="price.markup", actor=by, target=str(markup), after={"percent": percent, "effective_from": start}
        )
        changed()
    return markup


def _waiting(line_id: int) -> PriceLine:
    line = PriceLine.objects.select_for_update().get(pk=line_id)
    if line.status != Status.PENDING:
        raise NotWaiting(f"This line is {line.status} already.")
    return line


def _words(line: PriceLine | None) -> dict[str, object] | None:
    if line is None:
        return None
    return {"price": f"{line.price.normalize():f}", "per": line.per, "effective_from": line.effective_from}
