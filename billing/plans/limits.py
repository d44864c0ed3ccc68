"""What the plan of a workspace allows, with its add-ons and what staff agreed on with it.

Every process asks this of each workspace that makes requests. It changes rarely: what was found is kept, and whoever
is about to lock the workspace's wallet asks in the same round trip whether it still is so (`limits_lately`).
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from billing.credits import clock
from billing.foundation.cache import TimedCache
from billing.ledger.roundtrip import Rows, Statement
from billing.ledger.session import read
from billing.plans.addons.raising import WORKING, raised
from billing.plans.included import forget_included
from billing.plans.models import PlanVersion

FRESH_SECONDS = 5  # for which it is taken for what it is
KEEP_SECONDS = 600


@dataclass(frozen=True)
class PlanLimits:
    """What the plan of a workspace allows."""

    plan_key: str  # empty: no plan, nothing is limited
    plan_name: str
    request_limits: Mapping[str, Decimal]  # meter -> most per request
    qualities: tuple[str, ...]  # lower case; empty: all
    overdraft: int  # nano-credits that authorisations may go below zero
    features: tuple[str, ...]
    concurrency: int | None = None  # requests at the same time, with add-ons; None: as many as wanted
    add_ons: tuple[tuple[str, int | None], ...] = ()  # texts of features, and how many of it; None: uncounted

    def allows_quality(self, quality: str) -> bool:
        return not self.qualities or quality.lower() in self.qualities


UNLIMITED = PlanLimits("", "", MappingProxyType({}), (), 0, ())


class LimitsInDoubt(Exception):
    """The limits may not be what they were taken for. Nothing was done; take them `again` and repeat."""


class _Row(NamedTuple):
    """All that limits are made of, in one row whatever a workspace has: to be held against another one."""

    version_id: int | None
    plan_name: str | None
    own: str | None  # JSON, as what follows
    add_ons: str | None


_ROW = f"""
SELECT subscribed.version_id,
    (SELECT plan.name FROM plans_planversion version JOIN plans_plan plan ON plan.id = version.plan_id
    WHERE version.id = subscribed.version_id),
    (SELECT json_build_array(overdraft, concurrency, request_limits)::text
    FROM plans_workspacelimits WHERE workspace_id = %s),
    (SELECT json_agg(json_build_array(concurrency, feature, quantity, most))::text FROM ({WORKING}) working)
FROM (SELECT) one LEFT JOIN (
    SELECT version_id FROM plans_subscription WHERE workspace_id = %s AND ended_at IS NULL
) subscribed ON true
"""  # noqa: S608


class _Seen(NamedTuple):
    row: _Row
    limits: PlanLimits
    at: float  # of the monotonic clock, when it was so


@dataclass(slots=True)
class _Kept:
    seen: _Seen  # replaced as a whole: threads share it


class KnownLimits(NamedTuple):
    """Limits as they were known last. `doubts` asks whether they still are, where that was more than 5 seconds ago."""

    workspace_id: int
    seen: _Seen
    doubts: list[Statement]
    taken_at: float
    kept: _Kept

    @property
    def limits(self) -> PlanLimits:
        return self.seen.limits

    def confirm(self, answers: Sequence[Rows]) -> None:
        """The rows of `doubts`, asked before anything was done. Raises LimitsInDoubt."""
        if not answers:
            return
        ((row,),) = answers
        if row != self.seen.row:
            raise LimitsInDoubt
        self.kept.seen = self.seen._replace(at=self.taken_at)

    def again(self) -> "KnownLimits":
        """As they are now."""
        seen = _see(self.workspace_id)
        if seen.row != self.seen.row:
            forget_included(self.workspace_id)
        self.kept.seen = seen
        return KnownLimits(self.workspace_id, seen, [], seen.at, self.kept)


def limits_for(workspace_id: int) -> PlanLimits:
    """What the plan and the add-ons allow, at most 5 seconds old."""
    known = limits_lately(workspace_id)
    return known.again().limits if known.doubts else known.limits


def limits_lately(workspace_id: int) -> KnownLimits:
    """The same without asking the database where anything is known; at most 10 minutes old, to be confirmed."""
    kept = _kept.get(workspace_id)
    seen, now = kept.seen, time.monotonic()
    doubts = [] if now - seen.at < FRESH_SECONDS else [_asked(workspace_id)]
    return KnownLimits(workspace_id, seen, doubts, now, kept)


def forget_limits(workspace_id: int) -> None:
    """After the plan of a workspace changed."""
    _kept.forget(workspace_id)
    forget_included(workspace_id)


def _asked(workspace_id: int) -> Statement:
    whose = str(workspace_id)
    return _ROW, (whose, whose, clock.now().isoformat(), whose)


def _see(workspace_id: int) -> _Seen:
    at = time.monotonic()
    ((row,),) = read(_asked(workspace_id))
    row = _Row(*row)
    return _Seen(row, _limits(row), at)


def _limits(row: _Row) -> PlanLimits:
    limits = UNLIMITED
    if row.version_id is not None:
        limits = replace(_versions.get(row.version_id), plan_name=row.plan_name or "")
    if row.own is not None:
        limits = _with_its_own(limits, *json.loads(row.own))
    if row.add_ons is None:
        return limits
    more = raised(json.loads(row.add_ons))
    concurrency = None if limits.concurrency is None else limits.concurrency + more.concurrency
    return replace(limits, concurrency=concurrency, add_ons=more.features)


def _with_its_own(
    limits: PlanLimits, overdraft: int | None, concurrency: int | None, request_limits: Mapping[str, str]
) -> PlanLimits:
    """What staff agreed on with this customer, in place of the plan's."""
    per_request = {meter: Decimal(most) for meter, most in request_limits.items()}
    return replace(
        limits,
        overdraft=limits.overdraft if overdraft is None else overdraft,
        concurrency=limits.concurrency if concurrency is None else concurrency,
        request_limits=MappingProxyType({**limits.request_limits, **per_request}),
    )


def _of_version(version_id: int) -> PlanLimits:
    version = PlanVersion.objects.select_related("plan").get(pk=version_id)
    return PlanLimits(
        plan_key=version.plan.key,
        plan_name=version.plan.name,
        request_limits=MappingProxyType({meter: Decimal(most) for meter, most in version.request_limits.items()}),
        qualities=tuple(quality.lower() for quality in version.qualities),
        overdraft=version.overdraft,
        features=tuple(version.features),
        concurrency=version.concurrency,
    )


_kept: TimedCache[int, _Kept] = TimedCache(lambda workspace_id: _Kept(_see(workspace_id)), seconds=KEEP_SECONDS)
# What a subscriber has of a version never changes; the name of its plan is read with the row.
_versions: TimedCache[int, PlanLimits] = TimedCache(_of_version, seconds=KEEP_SECONDS)
