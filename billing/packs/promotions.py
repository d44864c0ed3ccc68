"""Promotion codes: whether one counts, its use, and giving the use back."""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.packs.errors import CodeRefused
from billing.packs.models import Pack, Promotion, Purchase, Redemption
from billing.packs.shares import percent_of

LEAST = 50  # minor units: Stripe charges no less
UNKNOWN = "There is no such code."


@dataclass(frozen=True)
class Terms:
    """What a pack costs and brings, with or without a code."""

    price: int
    discount: int
    promotion_credits: int

    @property
    def amount(self) -> int:
        return self.price - self.discount


def tidy(code: str) -> str:
    return "".join(code.replace("\0", "?").split()).upper()


def promotion_find(*, code: str, pack: Pack, workspace: Workspace, now: datetime | None = None) -> Promotion:
    """The promotion of `code`, if it counts for this pack and workspace now. Raises CodeRefused."""
    found = Promotion.objects.filter(code=tidy(code)).first()
    if found is None or not found.active:
        raise CodeRefused(UNKNOWN)
    must_count(found, pack, workspace, now or clock.now())
    return found


def must_count(promotion: Promotion, pack: Pack, workspace: Workspace | None, now: datetime) -> tuple[int, int]:
    """The lowest free numbers: among all, and of this workspace (None: one that never used it). Raises CodeRefused."""
    if promotion.starts_at and promotion.starts_at > now:
        raise CodeRefused(f"This code can be used from {promotion.starts_at:%-d %B %Y} on.")
    if promotion.ends_at and promotion.ends_at <= now:
        raise CodeRefused("This code has expired.")
    if promotion.packs.exists() and not promotion.packs.filter(pk=pack.pk).exists():
        raise CodeRefused(f"This code is not for {pack.name}.")
    if pack.price - percent_of(pack.price, promotion.percent_off) < LEAST:
        raise CodeRefused(f"{pack.name} would cost too little to be paid by card with this code.")
    used = Redemption.objects.filter(promotion=promotion, given_back_at=None)
    nth, number = _numbers(promotion, workspace)
    # Both are counted as well: numbers from when the limit was higher, or none, are beyond it.
    if max(nth, used.filter(workspace=workspace).count() + 1) > promotion.most_per_workspace:
        raise CodeRefused("This workspace has used this code already.")
    if promotion.most is not None and max(number, used.count() + 1) > promotion.most:
        raise CodeRefused("This code is used up.")
    return number, nth


def _numbers(promotion: Promotion, workspace: Workspace | None) -> tuple[int, int]:
    """The lowest free ones, of this workspace and among all."""
    used = Redemption.objects.filter(promotion=promotion, given_back_at=None)
    nth = _free(used.filter(workspace=workspace).values_list("nth", flat=True))
    number = _free(used.values_list("number", flat=True)) if promotion.most is not None else _next(promotion)
    return nth, number


def terms(pack: Pack, promotion: Promotion | None) -> Terms:
    if promotion is None:
        return Terms(pack.price, 0, 0)
    return Terms(pack.price, percent_of(pack.price, promotion.percent_off), promotion.bonus_credits)


def redeem(*, promotion: Promotion, purchase: Purchase, pack: Pack) -> Redemption:
    """Use the code for `purchase`, within its transaction. Raises CodeRefused when somebody else was faster."""
    locked = Promotion.objects.select_for_update(no_key=True).get(pk=promotion.pk)
    number, nth = must_count(locked, pack, purchase.workspace, clock.now())
    try:
        with transaction.atomic():
            return Redemption.objects.create(
                promotion=locked, workspace=purchase.workspace, purchase=purchase, number=number, nth=nth
            )
    except IntegrityError as error:  # the lock makes this impossible; the constraint is what may not be broken
        raise CodeRefused("This code is used up.") from error


def give_back(purchase: Purchase) -> bool:
    """The purchase was not paid: its code can be used again."""
    return bool(Redemption.objects.filter(purchase=purchase, given_back_at=None).update(given_back_at=clock.now()))


def use_again(purchase: Purchase) -> None:
    """The code was given back, and the purchase is paid all the same: it counts, beyond the limit if need be, so that
    nobody else gets it. Within the transaction that has the purchase's lock.
    """
    redemption = Redemption.objects.filter(purchase=purchase, given_back_at__isnull=False).first()
    if redemption is not None:
        promotion = Promotion.objects.select_for_update(no_key=True).get(pk=redemption.promotion_id)
        redemption.nth, redemption.number = _numbers(promotion, purchase.workspace)
        redemption.given_back_at = None
        redemption.save(update_fields=["nth", "number", "given_back_at"])


def _free(taken: object) -> int:
    numbers = set(taken)  # type: ignore[call-overload]
    return next(number for number in range(1, len(numbers) + 2) if number not in numbers)


def _next(promotion: Promotion) -> int:
    """Without a limit nobody needs the gaps."""
    last = Redemption.objects.filter(promotion=promotion).order_by("-number").values_list("number", flat=True).first()
    return (last or 0) + 1
