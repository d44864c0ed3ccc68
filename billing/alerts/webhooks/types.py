"""The events that can be subscribed to: what each says. Those without a source in the portal are not offered. Pure."""

from dataclasses import dataclass

TEST = "webhook.test"


@dataclass(frozen=True, slots=True)
class EventType:
    name: str
    about: str  # when it is sent


_OFFERED = (
    EventType("balance.low", "The balance fell below the bound at which it counts as low."),
    EventType("balance.exhausted", "Nothing is left, nor on hold: estimates and authorisations are refused."),
    EventType("balance.recovered", "After one of the two, the balance is above its bound, or not exhausted any more."),
    EventType(
        "usage.threshold",
        "50, 75, 90 or 100 % of the period's credits are used, or usage of the month is worth what was set.",
    ),
    EventType("topup.succeeded", "A purchase was paid, by card or in USDC, and its credits are in the balance."),
    EventType("topup.failed", "A purchase failed: its payment did not go through, or could not be begun."),
    EventType("grant.created", "Credits came in: of a plan, a promotion, a gift or a purchase."),
    EventType("lot.expiring", "Credits that are left will expire within seven days."),
    EventType("resource.warning", "The balance covers less than 48 hours of the resources that run."),
    EventType("resource.shutdown", "The 48 hours are over: the resources are to be shut down."),
    EventType("resource.recovered", "The balance covers 48 hours of them again, or nothing runs any more."),
    EventType("subscription.updated", "A subscription began, changed, was not paid, was paid again, or ended."),
    EventType("price.changed", "A model that was used in the last 30 days gets dearer, or has become cheaper."),
)
OFFERED: dict[str, EventType] = {each.name: each for each in _OFFERED}
