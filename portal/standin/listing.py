"""Lists in pages, filters, and expanded fields."""

from collections.abc import Callable
from typing import Any

from portal.standin.errors import Json, invalid
from portal.standin.params import integer, truth
from portal.standin.store import Store
from portal.standin.world import listed, pictured

NOT_FILTERS = {"limit", "starting_after", "ending_before", "expand"}
MOST = 100


def page_of(found: list[Json], params: Json, url: str, where: Callable[[Json, Json], bool] | None = None) -> Json:
    """One page of `found`, newest first. What `where` decides about it removes from the parameters it is given."""
    asked = {name: value for name, value in params.items() if name not in NOT_FILTERS}
    left = [one for one in found if _fits(one, dict(asked), where)]
    limit = integer(params, "limit", 10)
    if not 1 <= limit <= MOST:
        raise invalid(f"This value must be between 1 and {MOST}.", "limit", "parameter_invalid_integer")
    ids = [one["id"] for one in left]
    if after := params.get("starting_after"):
        start = _place(ids, after, "starting_after") + 1
        return listed(left[start : start + limit], url, more=start + limit < len(left))
    if before := params.get("ending_before"):
        end = _place(ids, before, "ending_before")
        return listed(left[max(0, end - limit) : end], url, more=end > limit)
    return listed(left[:limit], url, more=limit < len(left))


def _place(ids: list[str], key: str, param: str) -> int:
    if key not in ids:
        raise invalid(f"No such object: '{key}'", param, "resource_missing")
    return ids.index(key)


def _fits(one: Json, asked: Json, where: Callable[[Json, Json], bool] | None) -> bool:
    if where is not None and not where(one, asked):
        return False
    return all(_matches(one.get(name), value) for name, value in asked.items())


def _matches(value: Any, asked: Any) -> bool:
    if isinstance(asked, dict):  # a range of times
        tests = {"gt": int.__gt__, "gte": int.__ge__, "lt": int.__lt__, "lte": int.__le__}
        return value is not None and all(tests[name](int(value), int(bound)) for name, bound in asked.items())
    if isinstance(asked, list):
        return value in asked
    if isinstance(value, bool):
        return value == truth(asked)
    return value is not None and str(value) == str(asked)


OnDemand = dict[tuple[str, str], Callable[[Json], Json]]


def expanded(store: Store, answer: Json, paths: list[str], on_demand: OnDemand) -> Json:
    """A copy of `answer` in which the ids at `paths` (`customer`, `data.latest_charge`) are the objects themselves.

    `on_demand` makes the fields, by kind and name, that are shown only when they are asked for.
    """
    copy = pictured(answer)
    by_id = _Objects(store, on_demand)
    for path in paths:
        _expand(by_id, copy, path.split("."))
    return copy


class _Objects:
    def __init__(self, store: Store, on_demand: OnDemand) -> None:
        self.store = store
        self.on_demand = on_demand

    def __call__(self, key: str) -> Json | None:
        for kind in self.store.kinds():
            if self.store.has(kind, key) and kind not in ("private", "setting", "delivery", "idempotency"):
                return self.store.get(kind, key)
        return None


def _expand(by_id: _Objects, place: Any, path: list[str]) -> None:
    if isinstance(place, list):
        for element in place:
            _expand(by_id, element, path)
        return
    if not path or not isinstance(place, dict):
        return
    name, rest = path[0], path[1:]
    value = place.get(name)
    kind = str(place.get("object"))
    if value is None and (kind, name) in by_id.on_demand:
        place[name] = pictured(by_id.on_demand[kind, name](place))
    elif isinstance(value, str) and (found := by_id(value)) is not None:
        place[name] = pictured(found)
    elif isinstance(value, list):
        place[name] = [
            pictured(found) if isinstance(one, str) and (found := by_id(one)) is not None else one for one in value
        ]
    _expand(by_id, place.get(name), rest)
