"""What a person decides: held lines, and markups. Everything here is audited and takes effect a minute later, a rise
after the operator's notice hours.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from accounts.models import User
from billing.credits import clock
from billing.foundation.audit import services as audit
from billing.foundation.site.selectors import site
from billing.pricing.lines import overtake
from billing.pricing.models import Markup, PriceLine
from billing.pricing.notice import NOTICE, Charged, Moments
from billing.pricing.services import changed, only_one

Status = PriceLine.Status


class NotWaiting(ValueError):
    """The line has been decided already."""


def price_approve(*, line_id: int, by: User | str, now: datetime | None = None) -> PriceLine:
    """Put a held line in force and close the one it replaces. Raises NotWaiting, PriceLine.DoesNotExist."""
    with transaction.atomic():
        only_one()
        line = _approve(line_id, by, now or clock.now())
        changed()
    return line


def prices_approve(*, line_ids: Iterable[int], by: User | str, now: datetime | None = None) -> tuple[int, list[str]]:
    """Approve many; returns how many were, and in words why the others were not."""
    return _each(line_ids, lambda line_id: _approve(line_id, by, now or clock.now()))


def approved_in_words(done: int) -> str:
    """What to tell who approved so many prices."""
    hours = site().price_rise_notice_hours
    rises = f"a dearer one {hours:,} hours from now" if hours else "a dearer one as well"
    return f"{done:,} prices approved. They count a minute from now, {rises}."


def prices_reject(*, line_ids: Iterable[int], by: User | str) -> tuple[int, list[str]]:
    """Reject many; returns how many were, and in words why the others were not."""
    return _each(line_ids, lambda line_id: price_reject(line_id=line_id, by=by))


def _each(line_ids: Iterable[int], decide: Callable[[int], PriceLine]) -> tuple[int, list[str]]:
    done, problems = 0, []
    with transaction.atomic():
        only_one()
        for line_id in sorted(line_ids):
            try:
                decide(line_id)
                done += 1
            except NotWaiting as problem:
                problems.append(f"{PriceLine.objects.get(pk=line_id)}: {problem}")
            except PriceLine.DoesNotExist:
                problems.append(f"{line_id}: there is no such line.")
        if done:
            changed()
    return done, problems


def _approve(line_id: int, by: User | str, now: datetime) -> PriceLine:
    line = _waiting(line_id)
    if line.reason.startswith("currency"):
        raise NotWaiting("Prices in another currency cannot be charged; enter the line in USD instead.")
    replaced = PriceLine.objects.filter(
        source=line.source,
        provider=line.provider,
        model=line.model,
        meter=line.meter,
        dims_key=line.dims_key,
        upstream_from=line.upstream_from,
        status=Status.ACTIVE,
        effective_to=None,
    ).first()
    moments, known = Moments(now), Charged([line])
    if replaced is not None:
        line.effective_from = overtake(replaced, line, moments)
    elif not known.is_first(line, line.source, now):
        line.effective_from = moments.start(line, rises=known.rises(line, now))
    # Else the first price of a meter, which holds since ever: what was used meanwhile waits to be charged.
    line.status, line.reason = Status.ACTIVE, f"{line.reason} (approved)"[:80]
    line.save(update_fields=["status", "reason", "effective_from"])
    audit.record(action="price.approve", actor=by, target=str(line), before=_words(replaced), after=_words(line))
    return line


def price_reject(*, line_id: int, by: User | str) -> PriceLine:
    """Keep the price in force; the same change is not asked about again. Raises NotWaiting, PriceLine.DoesNotExist."""
    with transaction.atomic():
        only_one()
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
        only_one()
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
