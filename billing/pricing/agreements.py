"""What customers agree on: prices of a workspace's own, tiers, and what a plan takes off. Audited, and append-only.

Like every change of prices it counts a minute later at the earliest. A new agreement for the same prices ends the old
one at the instant it begins; what was planned for later and is overtaken by it is withdrawn.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.audit import services as audit
from billing.pricing.agreed import Scope, Step
from billing.pricing.models import PriceDiscount, PriceOverride, TierSchedule, TierStep
from billing.pricing.services import NOTICE, terms_changed
from billing.pricing.sources.rows import LARGEST, MOST_PER
from billing.pricing.tariff import variant_value

Source = TierSchedule.Source


class Invalid(ValueError):
    """An agreement that cannot be; says why."""


@dataclass(frozen=True)
class DiscountWanted:
    """A percent off, as a plan gives it."""

    scope: Scope
    percent: Decimal


@dataclass(frozen=True)
class TiersWanted:
    """Steps of a meter, as a plan gives them."""

    scope: Scope
    mode: str
    steps: tuple[Step, ...]


def override_add(
    *,
    workspace: Workspace,
    scope: Scope,
    by: User | str,
    price: Decimal | None = None,
    per: int | None = None,
    percent: Decimal | None = None,
    note: str = "",
    effective_from: datetime | None = None,
) -> PriceOverride:
    """Let a workspace pay `price` USD for `per` units, or cost plus `percent`, from an instant on. Raises Invalid."""
    scope = checked_scope(scope)
    check_agreed(scope, price=price, per=per, percent=percent)
    variant = dict(scope.variant)
    with transaction.atomic():
        terms_changed()  # first: its row is what two of these wait for each other by
        key = ",".join(f"{name}={value}" for name, value in sorted(variant.items()))
        start = _soonest(effective_from)
        _end(_of(PriceOverride.objects.filter(workspace=workspace, variant_key=key), scope), start)
        override = PriceOverride.objects.create(
            workspace=workspace,
            variant=variant,
            variant_key=key,
            price=price,
            per=per,
            percent=percent,
            note=note,
            effective_from=start,
            **_columns(scope),
        )
        _audit("price.override", by, override, workspace)
    return override


def override_end(*, override_id: int, by: User | str, at: datetime | None = None) -> PriceOverride:
    """Let the list price count again, from an instant on. Raises Invalid for one that has ended."""
    with transaction.atomic():
        terms_changed()
        override = PriceOverride.objects.select_for_update().get(pk=override_id)
        _close(override, at)
        _audit("price.override_end", by, override, override.workspace)
    return override


def schedule_add(
    *,
    scope: Scope,
    mode: str,
    steps: Sequence[Step],
    by: User | str,
    workspace: Workspace | None = None,
    label: str = "",
    effective_from: datetime | None = None,
) -> TierSchedule:
    """Let a meter's price depend on the month's quantity: for a workspace, or for everybody. Raises Invalid."""
    scope = checked_scope(scope)
    steps = checked_steps(scope, mode, steps)
    with transaction.atomic():
        terms_changed()
        start = _soonest(effective_from)
        same = TierSchedule.objects.filter(workspace=workspace, source=Source.OPERATOR)
        _end(_of(same, scope), start)
        whose = workspace.pk if workspace else None
        schedule = _schedule(whose, Source.OPERATOR, scope, mode, steps, label, start)
        _audit("price.tiers", by, schedule, workspace, steps)
    return schedule


def schedule_end(*, schedule_id: int, by: User | str, at: datetime | None = None) -> TierSchedule:
    """No more steps from an instant on. Raises Invalid for a schedule that has ended."""
    with transaction.atomic():
        terms_changed()
        schedule = TierSchedule.objects.select_for_update().get(pk=schedule_id)
        if schedule.source == Source.PLAN:
            raise Invalid("These tiers are the plan's. They end with the plan.")
        _close(schedule, at)
        _audit("price.tiers_end", by, schedule, schedule.workspace)
    return schedule


def plan_terms_set(
    *,
    workspace_id: int,
    label: str,
    discounts: Iterable[DiscountWanted] = (),
    tiers: Iterable[TiersWanted] = (),
    now: datetime | None = None,
) -> None:
    """What the plan of a workspace gives, from a minute from now on; what a plan gave it before ends then. Again
    changes nothing.
    """
    off: Off = {each.scope: (each.percent, label) for each in discounts}
    steps: Steps = {each.scope: (each.mode, each.steps, label) for each in tiers}
    if _Given(workspace_id).is_just(off, steps):
        return  # as for most workspaces; without keeping others waiting
    with transaction.atomic():
        terms_changed()
        given = _Given(workspace_id)
        if given.is_just(off, steps):
            return
        start = _soonest(None, now)
        _end(PriceDiscount.objects.filter(pk__in=given.other_discounts(off)), start)
        _end(TierSchedule.objects.filter(pk__in=given.other_tiers(steps)), start)
        for scope, (percent, _) in off.items():
            if given.off.get(scope) != off[scope]:
                PriceDiscount.objects.create(
                    workspace_id=workspace_id, percent=percent, label=label, effective_from=start, **_columns(scope)
                )
        for scope, (mode, wanted, _) in steps.items():
            if given.steps.get(scope) != steps[scope]:
                _schedule(workspace_id, Source.PLAN, scope, mode, wanted, label, start)


Off = Mapping[Scope, tuple[Decimal, str]]
Steps = Mapping[Scope, tuple[str, tuple[Step, ...], str]]


class _Given:
    """What a plan gives a workspace until now."""

    def __init__(self, workspace_id: int) -> None:
        discounts = PriceDiscount.objects.filter(workspace_id=workspace_id, effective_to=None)
        tiers = TierSchedule.objects.filter(workspace_id=workspace_id, source=Source.PLAN, effective_to=None)
        self._discounts = {_scope_of(row): row for row in discounts}
        self._tiers = {_scope_of(row): row for row in tiers.prefetch_related("steps")}
        self.off: Off = {scope: (row.percent, row.label) for scope, row in self._discounts.items()}
        self.steps: Steps = {scope: (row.mode, _steps_of(row), row.label) for scope, row in self._tiers.items()}

    def is_just(self, off: Off, steps: Steps) -> bool:
        return self.off == off and self.steps == steps

    def other_discounts(self, off: Off) -> list[int]:
        return [row.pk for scope, row in self._discounts.items() if off.get(scope) != self.off[scope]]

    def other_tiers(self, steps: Steps) -> list[int]:
        return [row.pk for scope, row in self._tiers.items() if steps.get(scope) != self.steps[scope]]


def checked_scope(scope: Scope) -> Scope:
    """The scope with its variant as prices spell it. Raises Invalid for one that cannot be."""
    if scope.model and not scope.provider:
        raise Invalid("Name the provider of the model.")
    if scope.variant and not scope.meter:
        raise Invalid("A variant is one of a meter's price. Name the meter.")
    variant = tuple(sorted((key, variant_value(key, value)) for key, value in scope.variant))
    return Scope(scope.provider, scope.model, scope.meter, variant)


def check_agreed(scope: Scope, *, price: Decimal | None, per: int | None, percent: Decimal | None) -> None:
    """Raises Invalid for what cannot be agreed on."""
    if (price is None) == (percent is None) or (price is None) != (per is None):
        raise Invalid("An agreed price is either a price with its units or a percent over cost.")
    if price is not None and not scope.meter:
        raise Invalid("A price is one of a meter. Name the meter, or agree on a percent over cost.")
    if price is not None and per is not None:
        _check_price(price, per)
    if percent is not None and not (-100 < percent < 10_000 and percent == round(percent, 3)):
        raise Invalid("A percent over cost lies above -100 and below 10,000, with at most 3 decimals.")


def checked_steps(scope: Scope, mode: str, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps in order. Raises Invalid for what makes no schedule."""
    if not scope.meter:
        raise Invalid("Tiers are those of one meter. Name the meter.")
    if mode not in TierSchedule.Mode.values:
        raise Invalid(f"The mode is one of {', '.join(TierSchedule.Mode.values)}.")
    ordered = tuple(sorted(steps, key=lambda step: step.start))
    if not ordered:
        raise Invalid("Tiers need at least one step.")
    if len({step.start for step in ordered}) < len(ordered):
        raise Invalid("Two steps begin at the same quantity.")
    for step in ordered:
        if not 0 <= step.start < 10**12 or step.start != round(step.start, 9):
            raise Invalid("A step begins at a quantity from 0 to 10^12 with at most 9 decimals.")
        if (step.off is None) == (step.price is None):
            raise Invalid("A step has either a percent off or a price of its own.")
        if step.off is not None and not (0 <= step.off <= 100 and step.off == round(step.off, 3)):
            raise Invalid("A percent off lies between 0 and 100, with at most 3 decimals.")
        if step.price is not None:
            _check_price(step.price, step.per)
    return ordered


def _check_price(price: Decimal, per: int) -> None:
    if not 0 <= price < LARGEST or price != round(price, 15):
        raise Invalid("A price is at least 0 USD, with at most nine digits before the point and fifteen behind it.")
    if not 1 <= per <= MOST_PER:
        raise Invalid("A price is for at least one unit, and for 10^12 at most.")


def _schedule(
    workspace_id: int | None,
    source: str,
    scope: Scope,
    mode: str,
    steps: Sequence[Step],
    label: str,
    start: datetime,
) -> TierSchedule:
    schedule = TierSchedule.objects.create(
        workspace_id=workspace_id,
        source=source,
        mode=mode,
        label=label,
        effective_from=start,
        **_columns(scope),
    )
    TierStep.objects.bulk_create(
        TierStep(
            schedule=schedule,
            start=step.start,
            off=step.off,
            price=step.price,
            per=None if step.price is None else step.per,
        )
        for step in steps
    )
    return schedule


def _soonest(wanted: datetime | None, now: datetime | None = None) -> datetime:
    soonest = (now or clock.now()) + NOTICE
    return max(wanted or soonest, soonest)


def _of(rows: QuerySet[Any], scope: Scope) -> QuerySet[Any]:
    return rows.filter(**_columns(scope))


def _end(rows: QuerySet[Any], at: datetime) -> None:
    """What was to begin later is withdrawn: it ends when it begins."""
    rows.filter(Q(effective_to=None) | Q(effective_to__gt=at)).update(effective_to=Greatest(at, F("effective_from")))


def _close(row: PriceOverride | TierSchedule, at: datetime | None) -> None:
    end = _soonest(at)
    if row.effective_to is not None and row.effective_to <= end:
        raise Invalid("This has ended already.")
    row.effective_to = max(end, row.effective_from)
    row.save(update_fields=["effective_to"])


def _columns(scope: Scope) -> dict[str, str]:
    return {"provider": scope.provider, "model": scope.model, "meter": scope.meter}


def _scope_of(row: PriceDiscount | TierSchedule) -> Scope:
    return Scope(row.provider, row.model, row.meter)


def _steps_of(row: TierSchedule) -> tuple[Step, ...]:
    return tuple(Step(step.start, step.off, step.price, step.per or 1) for step in row.steps.all())


def _audit(
    action: str,
    by: User | str,
    row: PriceOverride | TierSchedule,
    workspace: Workspace | None,
    steps: Sequence[Step] = (),
) -> None:
    after: Mapping[str, object] = {"effective_from": row.effective_from, "effective_to": row.effective_to}
    if steps:
        after = {**after, "steps": [[str(part) for part in step] for step in steps]}
    audit.record(action=action, actor=by, workspace=workspace, target=str(row), after=dict(after))
