"""What the plan of a workspace, and its add-ons, let it do now, by name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from django.utils.text import slugify

from billing.credits import clock
from billing.credits.units import credits
from billing.metering.selectors.included import Included, allowances
from billing.plans.limits import PlanLimits, limits_for

Kind = Literal["feature", "quality", "allowance", "request_limit", "concurrency", "overdraft"]


@dataclass(frozen=True)
class Entitlement:
    """`name` is one that can be asked for. Quantities are in the unit of their meter, of an overdraft in credits; a
    `limit` of None limits nothing. What an allowance does not cover is paid with credits, so it is a right also when
    nothing of it remains.
    """

    name: str
    kind: Kind | None  # None: the plan knows no such name
    entitled: bool
    text: str = ""  # of a feature, as people read it
    limit: Decimal | None = None
    used: Decimal | None = None
    remaining: Decimal | None = None
    resets_at: datetime | None = None


def entitlements(workspace_id: int, now: datetime | None = None) -> list[Entitlement]:
    """All that the plan and the add-ons name, each under the name that means nothing else."""
    limits, included = limits_for(workspace_id), allowances(workspace_id, now or clock.now())
    return list(_all(limits, included))


def entitlement(workspace_id: int, name: str, now: datetime | None = None) -> Entitlement:
    """One of them by `kind.name`, or by the name alone: then a feature comes before a quality, an allowance and a limit
    per request. Dashes, underscores and case make no difference.
    """
    limits, included = limits_for(workspace_id), allowances(workspace_id, now or clock.now())
    wanted = _plain(name)
    for found in _all(limits, included):
        if wanted in (_plain(found.name), _plain(found.name.partition(".")[2])):
            return found
    kind, _, rest = name.partition(".")
    if kind == "quality" and rest and limits.allows_quality(rest):  # the plan names none: all are allowed
        return Entitlement(name, "quality", True)
    if kind == "request_limit" and rest:
        return Entitlement(name, "request_limit", True)
    return Entitlement(name, None, False)


def _all(limits: PlanLimits, included: Sequence[Included]) -> Iterator[Entitlement]:
    for text in limits.features:
        yield Entitlement(_feature(text), "feature", True, text)
    for text, count in limits.add_ons:
        if _feature(text) not in map(_feature, limits.features):  # what the plan has, it has without counting
            yield Entitlement(_feature(text), "feature", True, text, limit=None if count is None else Decimal(count))
    for quality in limits.qualities:
        yield Entitlement(f"quality.{slugify(quality, allow_unicode=True)}", "quality", True)
    for row in included:
        yield Entitlement(
            f"allowance.{row.meter}", "allowance", True,
            limit=row.included, used=row.used, remaining=row.left, resets_at=row.resets_at,
        )  # fmt: skip
    for meter, most in limits.request_limits.items():
        yield Entitlement(f"request_limit.{meter}", "request_limit", True, limit=most)
    most_at_once = None if limits.concurrency is None else Decimal(limits.concurrency)
    yield Entitlement("concurrency", "concurrency", True, limit=most_at_once)
    yield Entitlement("overdraft", "overdraft", limits.overdraft > 0, limit=credits(limits.overdraft))


def _feature(text: str) -> str:
    return f"feature.{slugify(text, allow_unicode=True)}"


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(" ", "-")
