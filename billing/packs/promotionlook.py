"""A promotion code as whoever types it on the buy page sees it, for staff."""

from dataclasses import dataclass
from datetime import datetime

from billing.credits import clock
from billing.credits.format import exact_text
from billing.foundation.onoffer import offer_state
from billing.foundation.site.selectors import site
from billing.packs.errors import CodeRefused
from billing.packs.models import Pack, Promotion, Redemption
from billing.packs.promotions import UNKNOWN, must_count, terms
from billing.packs.selectors import Offer


@dataclass(frozen=True)
class PromotionLook:
    """`said`: why it counts for no pack now; empty where it does for some. `offers`: the packs at `at`, which is now,
    or the start of a code that `waits` for it. `refused`: those that it does not count for then, and why.
    """

    at: datetime
    waits: bool
    said: str
    offers: list[Offer]
    refused: list[tuple[Pack, str]]


def promotion_look(promotion: Promotion) -> PromotionLook:
    """By a workspace that has not used it, whatever plan it is on."""
    now = clock.now()
    at = max(now, promotion.starts_at) if promotion.active and promotion.starts_at else now
    packs = [pack for pack in Pack.objects.all() if pack.on_offer(at)]
    first = [problem for pack in packs if (problem := _problem(promotion, pack, now))]
    said = first[0] if packs and len(first) == len(packs) else ""
    problems = [(pack, _problem(promotion, pack, at)) for pack in packs]
    return PromotionLook(
        at=at,
        waits=at > now,
        said=said,
        offers=[Offer(pack, terms(pack, None if problem else promotion)) for pack, problem in problems],
        refused=[(pack, problem) for pack, problem in problems if problem not in ("", said)],
    )


def _problem(promotion: Promotion, pack: Pack, at: datetime) -> str:
    if not promotion.active:
        return UNKNOWN
    try:
        must_count(promotion, pack, None, at)
    except CodeRefused as refused:
        return refused.message
    return ""


def promotion_facts(promotion: Promotion) -> list[tuple[str, str]]:
    """What customers do not read: its dates and its limits."""
    used = Redemption.objects.filter(promotion=promotion, given_back_at=None).count()
    packs = [pack.name for pack in promotion.packs.order_by("position", "pk")]
    gives = (
        f"{promotion.percent_off} % off"
        if promotion.percent_off
        else f"{exact_text(promotion.bonus_credits)} {site().credit_name_plural} on top"
    )
    state = offer_state(promotion.active, promotion.starts_at, promotion.ends_at, clock.now())
    return [
        ("Code", promotion.code),
        ("Gives", gives),
        ("Packs", ", ".join(packs) or "all"),
        ("Valid (UTC)", state.text),
        ("Redeemed", f"{used:,} of {promotion.most:,}" if promotion.most is not None else f"{used:,}, without a limit"),
        (
            "For each workspace",
            "once" if promotion.most_per_workspace == 1 else f"{promotion.most_per_workspace} times",
        ),
    ]
