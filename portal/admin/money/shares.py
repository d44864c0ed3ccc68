"""Which models earned what workspaces paid. Pure.

Lots pay for a workspace's usage as a whole, so its revenue of a period is shared among the models it used by the
credits that each of them cost in that period. Whatever no model was charged for (add-ons, paying off debt in a period
without usage) is revenue of none of them. Nothing is lost: the shares add up to the whole, to the smallest part.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Key = tuple[str, str]  # provider, model


def shared(revenue: int, amounts: Mapping[Key, int]) -> dict[Key, int]:
    """`revenue` among models, by what each was charged; empty where none was. They add up to it exactly."""
    charged = {key: amount for key, amount in amounts.items() if amount > 0}
    total = sum(charged.values())
    if not total or not revenue:
        return {}
    shares = {key: revenue * amount // total for key, amount in charged.items()}
    shares[max(charged, key=lambda key: (charged[key], key))] += revenue - sum(shares.values())
    return shares


def by_model(revenue: Mapping[int, int], used: Iterable[tuple[int, Key, int]]) -> tuple[dict[Key, int], int]:
    """(revenue by model, revenue of none of them), of all workspaces.

    `revenue` is that of each workspace's usage, `used` are (workspace, model, nano-credits).
    """
    amounts: dict[int, dict[Key, int]] = {}
    for workspace, key, amount in used:
        of = amounts.setdefault(workspace, {})
        of[key] = of.get(key, 0) + amount
    found: dict[Key, int] = {}
    for workspace, whole in revenue.items():
        for key, share in shared(whole, amounts.get(workspace, {})).items():
            found[key] = found.get(key, 0) + share
    return found, sum(revenue.values()) - sum(found.values())


def ranked(rows: Sequence[tuple[Any, int, int]], order: str) -> list[tuple[Any, int, int]]:
    """Rows (what, revenue, upstream cost) with the largest first, by `order`: revenue, upstream or margin. The lowest
    margin comes first for "loss".
    """
    keys: dict[str, Callable[[tuple[Any, int, int]], int]] = {
        "revenue": lambda row: -row[1],
        "upstream": lambda row: -row[2],
        "margin": lambda row: row[2] - row[1],
        "loss": lambda row: row[1] - row[2],
    }
    return sorted(rows, key=lambda row: (keys[order](row), str(row[0])))
