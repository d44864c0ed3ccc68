"""The request that the page's examples are about: of a model that the workspace really uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from accounts.models import Workspace
from billing.credits import clock
from billing.metering.selectors.breakdown import breakdown
from billing.pricing.selectors import ModelListing, model_listing, models_list

COMMON = "openai/gpt-4o-mini"
CHAT = {"input_tokens": 1200, "output_tokens": 300}
RECENT = timedelta(days=30)
MOST = 8  # models to choose from


@dataclass(frozen=True)
class Sample:
    """`used`: the models of the last 30 days, the costliest first. `usage` is of meters that the model prices."""

    model: str
    usage: Mapping[str, int]
    used: tuple[str, ...]
    unknown: str = ""  # what was asked for, when there is no price for it

    @property
    def own(self) -> bool:
        """Whether the workspace used the model lately."""
        return self.model in self.used


def sample(workspace: Workspace, *, asked: str = "") -> Sample | None:
    """A request to `asked`, or else to the model that most is spent on, or a common one; None without any price."""
    used = used_models(workspace)
    for ref in (asked, *used, COMMON):
        if (listing := model_listing(ref)) is not None and (usage := usage_of(listing)):
            return Sample(listing.ref, usage, used, unknown="" if ref == asked else asked)
    first = next((row for row in models_list(limit=MOST).rows if usage_of(row)), None)
    return Sample(first.ref, usage_of(first), used, unknown=asked) if first else None


def used_models(workspace: Workspace) -> tuple[str, ...]:
    now = clock.now()
    rows = breakdown(workspace, by="model", since=now - RECENT, until=now)
    return tuple(row.key for row in rows if "/" in row.key)[:MOST]


def usage_of(listing: ModelListing) -> Mapping[str, int]:
    """What a request to the model commonly uses; empty when that has no price."""
    if all(listing.price(meter) for meter in CHAT):
        return CHAT
    return listing.typical_usage
