"""Requests a minute: of each key, and of all keys of a workspace together where the operator set that."""

from collections.abc import Sequence

from accounts.hooks import KeyMinute, Minute, Minutes
from accounts.models import ApiKey, Workspace
from accounts.scopes import KeyKind
from billing.api.calls import Call
from billing.api.problems import Problem
from billing.api.ratelimit import Rate, limiter
from billing.foundation.site.selectors import site


def count(call: Call, key: ApiKey) -> None:
    """Count the request against the key's minute and its workspace's. Raises Problem 429.

    The call's headers tell of the limit that is nearer. Service keys are not counted for a workspace: what its own
    keys do must never keep the operator's backend from reporting usage.
    """
    rate = call.rate = limiter.take(key=key.prefix, limit=limit_of(key))
    if not rate.allowed:
        raise _limited(rate, "key", f"This key may make {rate.limit} requests per minute.")
    workspace = key.workspace
    if workspace is None or workspace.rate_limit is None:
        return
    together = limiter.take(key=workspace.public_id, limit=workspace.rate_limit)
    if not together.allowed or together.remaining < rate.remaining:
        call.rate = together
    if not together.allowed:
        detail = f"All keys of this workspace together may make {together.limit} requests per minute."
        raise _limited(together, "workspace", detail)


def limit_of(key: ApiKey) -> int:
    """Requests a minute: the key's own limit, or the site's for its class."""
    settings = site()
    default = settings.rate_limit_service if key.kind == KeyKind.SERVICE else settings.rate_limit_workspace
    return key.rate_limit or default


def _limited(rate: Rate, by: str, detail: str) -> Problem:
    return Problem("rate_limited", detail, headers={"Retry-After": str(rate.reset)}, members={"limited_by": by})


def minutes(workspace: Workspace, keys: Sequence[ApiKey]) -> Minutes:
    """How the running minute of these keys, and of their workspace, stands. What `accounts.hooks.key_minutes` asks.

    Stores count refused slices too, so what is used is at most the limit.
    """
    names = [key.prefix for key in keys] + ([workspace.public_id] if workspace.rate_limit is not None else [])
    used, reset = limiter.used(names)
    return Minutes(
        reset=reset,
        default=site().rate_limit_workspace,
        keys={
            key.pk: KeyMinute(
                limit=limit_of(key), used=min(used[key.prefix], limit_of(key)), own=key.rate_limit is not None
            )
            for key in keys
        },
        workspace=(
            Minute(limit=workspace.rate_limit, used=min(used[workspace.public_id], workspace.rate_limit))
            if workspace.rate_limit is not None
            else None
        ),
    )
