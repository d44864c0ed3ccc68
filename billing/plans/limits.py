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


class LimitsChanged(Exception):
    """The limits are not what they were taken for. Nothing was done; read them and repeat."""


class _Row(NamedTuple):
    """All that limits are made of: one row whatever a workspace has, so that it can be held against another one."""

    version_id: int | None
    own: str | None  # JSON, as what follows
    add_ons: str | None


_ROW = f"""
SELECT (SELECT version_id FROM plans_subscription WHERE workspace_id = %s AND ended_at IS NULL),
    (SELECT json_build_array(overdraft, concurrency, request_limits)::text
    FROM plans_workspacelimits WHERE workspace_id = %s),
    (SELECT json_agg(json_build_array(concurrency, feature, quantity, most))::text FROM ({WORKING}) working)
"""  # noqa: S608


@dataclass(slots=True)
class _Known:
    row: _Row
    at: float  # of the monotonic clock, when it was so


class Lately(NamedTuple):
    """Limits as they were known last. `doubts` asks whether they still are, where that was more than 5 seconds ago."""

    limits: PlanLimits
    doubts: list[Statement]
    known: _Known

    def confirm(self, answers: Sequence[Rows]) -> None:
        """The rows of `doubts`, asked before anything was done. Raises LimitsChanged."""
        if not answers:
            return
        ((row,),) = answers
        if row != self.known.row:
            raise LimitsChanged
        self.known.at = time.monotonic()


def limits_for(workspace_id: int) -> PlanLimits:
    """What the plan and the add-ons allow, at most 5 seconds old (the name of the plan: 10)."""
    known = _known.get(workspace_id)
    if not _is_fresh(known):
        _known.forget(workspace_id)
        known = _known.get(workspace_id)
    return _limits(known.row)


def limits_lately(workspace_id: int) -> Lately:
    """The same without asking the database where anything is known; at most 10 minutes old, to be confirmed."""
    known = _known.get(workspace_id)
    return Lately(_limits(known.row), [] if _is_fresh(known) else [_asked(workspace_id)], known)


def limits_again(workspace_id: int) -> Lately:
    """As they are now: after LimitsChanged."""
    forget_limits(workspace_id)
    known = _known.get(workspace_id)
    return Lately(_limits(known.row), [], known)


def forget_limits(workspace_id: int) -> None:
    """After the plan of a workspace changed."""
    _known.forget(workspace_id)
    forget_included(workspace_id)


def _is_fresh(known: _Known) -> bool:
    return time.monotonic() - known.at < FRESH_SECONDS


def _asked(workspace_id: int) -> Statement:
    whose = str(workspace_id)
    return _ROW, (whose, whose, whose, clock.now().isoformat())


def _read(workspace_id: int) -> _Known:
    at = time.monotonic()
    ((row,),) = read(_asked(workspace_id))
    return _Known(_Row(*row), at)


def _limits(row: _Row) -> PlanLimits:
    limits = UNLIMITED if row.version_id is None else _versions.get(row.version_id)
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


_known: TimedCache[int, _Known] = TimedCache(_read, seconds=KEEP_SECONDS)
# What a subscriber has of a version never changes; only the name of its plan may.
_versions: TimedCache[int, PlanLimits] = TimedCache(_of_version, seconds=FRESH_SECONDS)
