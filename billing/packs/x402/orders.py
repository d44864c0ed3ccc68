"""What a payment in USDC buys: a pack, or credits at face value for an amount of the customer's choice."""

from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings

from accounts.models import Workspace
from billing.credits.units import AmountOutOfRange, in_range
from billing.foundation.site.selectors import site
from billing.packs.autotopup.sizing import nano_per_cent
from billing.packs.models import Pack
from billing.packs.selectors import pack_for
from billing.packs.x402.errors import AmountRefused
from billing.packs.x402.rails import UNITS_PER_CENT


class Asked(NamedTuple):
    """What somebody asks for: a pack by its key, or credits for so many cents. What it costs is not part of it."""

    pack: str = ""
    cents: int = 0


@dataclass(frozen=True)
class Order:
    """`cents` include tax; credits in nano."""

    pack: Pack | None
    name: str
    cents: int
    credits: int
    bonus_credits: int = 0
    validity_days: int | None = None

    @property
    def units(self) -> int:
        return self.cents * UNITS_PER_CENT

    @property
    def asked(self) -> Asked:
        return Asked(pack=self.pack.key) if self.pack else Asked(cents=self.cents)

    @property
    def total_credits(self) -> int:
        return self.credits + self.bonus_credits


def of_pack(workspace: Workspace, key: str) -> Order:
    """Raises AmountRefused."""
    pack = pack_for(workspace, key)
    if pack is None:
        raise AmountRefused("There is no such pack.")
    if pack.currency != "usd":
        raise AmountRefused("This pack is not sold in US dollars, so it cannot be paid in USDC.")
    return Order(pack, pack.name, pack.price, pack.credits, pack.bonus_credits, pack.validity_days)


def of_amount(cents: int) -> Order:
    """Credits at face value. Raises AmountRefused."""
    least, most = settings.X402_LEAST_USD, settings.X402_MOST_USD
    if not least * 100 <= cents <= most * 100:
        raise AmountRefused(f"Between {least:,} and {most:,} US dollars can be topped up at once.")
    try:
        nano = in_range(cents * nano_per_cent(site().usd_per_credit))
    except AmountOutOfRange as error:
        raise AmountRefused(str(error)) from error
    return Order(None, "Top-up in USDC", cents, nano)
