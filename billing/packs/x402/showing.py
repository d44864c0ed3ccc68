"""What pages show of payments in USDC: how an agent pays, and what was paid."""

from dataclasses import dataclass

from django.http import HttpRequest

from accounts.models import Workspace
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.rails import Rail, rails

TOP_UP = "/api/v1/credits/topup"


@dataclass(frozen=True)
class Usdc:
    """`portal` and `url` are addresses for programs; `more`: there are older payments than these."""

    rails: tuple[Rail, ...]
    payments: list[CryptoPayment]
    more: bool
    most: int
    portal: str
    url: str

    @property
    def simulated(self) -> bool:
        """Whether what is paid now is test money of the stand-in."""
        return any(rail.simulated for rail in self.rails)


def usdc(request: HttpRequest, workspace: Workspace, most: int) -> Usdc:
    """The latest payments, with those that are on their way."""
    rows = CryptoPayment.objects.filter(workspace=workspace).select_related("document")
    found = list(rows[: most + 1])
    return Usdc(
        rails=rails(),
        payments=found[:most],
        more=len(found) > most,
        most=most,
        portal=request.build_absolute_uri("/").rstrip("/"),
        url=request.build_absolute_uri(TOP_UP),
    )


def on_their_way(workspace_id: int) -> list[CryptoPayment]:
    """Those whose credits may come any moment."""
    return list(CryptoPayment.objects.filter(workspace=workspace_id, state=CryptoPayment.State.SETTLING))
