"""What a plan takes off prices: discounts, and tiers by the month's quantity. Written in its versions, given to each
workspace as dated rows of its own, so that a new version changes nothing for whoever is on an older one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError

from billing.plans.models import PlanVersion
from billing.pricing.agreed import Scope, Step
from billing.pricing.agreements import (
    DiscountWanted,
    Invalid,
    TiersWanted,
    checked_scope,
    checked_steps,
    plan_terms_set,
)
from billing.pricing.sources.rows import MOST_PER

PARTS = ("provider", "model", "meter")
DISCOUNT = '[{"percent": "10"}, {"percent": "25", "provider": "openai", "model": "gpt-4o", "meter": "input_tokens"}]'
TIERS = '[{"meter": "input_tokens", "mode": "graduated", "steps": [{"from": "1000000", "off": "10"}]}]'


def give_plan_terms(workspace_id: int, version: PlanVersion, *, now: datetime | None = None) -> None:
    """Let the workspace have what `version` takes off, from a minute from now on, in place of what a plan gave before.
    To be called whenever the version of a subscription changes; again changes nothing.
    """
    plan_terms_set(
        workspace_id=workspace_id,
        label=str(version)[:80],
        discounts=discounts_of(version.discounts),
        tiers=tiers_of(version.tiers),
        now=now,
    )


def take_plan_terms(workspace_id: int, *, now: datetime | None = None) -> None:
    """The workspace has no plan any more: what one took off ends."""
    plan_terms_set(workspace_id=workspace_id, label="", now=now)


def discounts_of(stored: Sequence[Mapping[str, Any]]) -> list[DiscountWanted]:
    return [DiscountWanted(_scope(each), Decimal(each["percent"])) for each in stored]


def tiers_of(stored: Sequence[Mapping[str, Any]]) -> list[TiersWanted]:
    return [TiersWanted(_scope(each), each["mode"], tuple(map(_step, each["steps"]))) for each in stored]


def check_discounts(written: Any) -> list[dict[str, Any]]:
    """Discounts as stored; raises ValidationError for anything else."""
    checked = []
    for each in _objects(written, {"percent", *PARTS}, f"Write discounts as {DISCOUNT}"):
        percent = _number(each.get("percent"), "A discount's percent")
        if not 0 < percent <= 100 or percent != round(percent, 3):
            raise ValidationError("A discount's percent lies above 0 and up to 100, with at most 3 decimals.")
        checked.append({"percent": f"{percent:f}", **_parts(each)})
    _once([_scope(each) for each in checked])
    return checked


def check_tiers(written: Any) -> list[dict[str, Any]]:
    """Tiers as stored; raises ValidationError for anything else."""
    checked = []
    for each in _objects(written, {"mode", "steps", *PARTS}, f"Write tiers as {TIERS}"):
        parts, mode = _parts(each), str(each.get("mode", "graduated"))
        steps = [_written(step) for step in _objects(each.get("steps"), {"from", "off", "price", "per"}, TIERS)]
        try:
            ordered = checked_steps(_scope(parts), mode, steps)
        except Invalid as error:
            raise ValidationError(str(error)) from None
        checked.append({**parts, "mode": mode, "steps": [_stored(step) for step in ordered]})
    _once([_scope(each) for each in checked])
    return checked


def _objects(written: Any, names: set[str], example: str) -> list[dict[str, Any]]:
    if not isinstance(written, list) or any(not isinstance(each, dict) or each.keys() - names for each in written):
        raise ValidationError(example)
    return written


def _parts(each: Mapping[str, Any]) -> dict[str, str]:
    parts = {name: str(each.get(name, "")) for name in PARTS}
    try:
        checked_scope(_scope(parts))
    except Invalid as error:
        raise ValidationError(str(error)) from None
    return {name: value for name, value in parts.items() if value}


def _once(scopes: Sequence[Scope]) -> None:
    if len(set(scopes)) < len(scopes):
        raise ValidationError("Two of these are for the same prices.")


def _scope(stored: Mapping[str, Any]) -> Scope:
    return Scope(*(stored.get(name, "") for name in PARTS))


def _step(stored: Mapping[str, Any]) -> Step:
    if "price" in stored:
        return Step(Decimal(stored["from"]), price=Decimal(stored["price"]), per=stored["per"])
    return Step(Decimal(stored["from"]), off=Decimal(stored["off"]))


def _stored(step: Step) -> dict[str, Any]:
    if step.price is not None:
        return {"from": f"{step.start:f}", "price": f"{step.price:f}", "per": step.per}
    return {"from": f"{step.start:f}", "off": f"{step.off:f}"}


def _written(step: Mapping[str, Any]) -> Step:
    per = _number(step.get("per", 1), "What a price is for")
    if not 1 <= per <= MOST_PER or per != int(per):
        raise ValidationError("A price is for a whole number of units.")
    return Step(
        _number(step.get("from"), "A step's quantity"),
        _number(step["off"], "A step's percent") if "off" in step else None,
        _number(step["price"], "A step's price") if "price" in step else None,
        int(per),
    )


def _number(value: Any, what: str) -> Decimal:
    try:
        number = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValidationError(f"{what} is not a number.")
    return number
