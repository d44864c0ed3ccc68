"""A payment that waits for a decision, without a network."""

from datetime import timedelta

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.packs.x402.models import CryptoPayment


def in_review(workspace: Workspace, *, nonce: str = "1") -> CryptoPayment:
    return CryptoPayment.objects.create(
        workspace=workspace,
        buyer_label="service key",
        network="eip155:84532",
        asset="0x036cbd53842c5426634e7929541ec2318f3dcf7e",
        payer="0x" + "ab" * 20,
        nonce="0x" + nonce.rjust(64, "0"),
        pay_to="0x" + "cd" * 20,
        units=5_000_000,
        valid_before=clock.now() + timedelta(seconds=300),
        version=2,
        digest="0" * 64,
        payload={},
        requirements={},
        from_block=1,
        name="Top-up in USDC",
        credits=1_000 * NANO,
        amount=500,
        state=CryptoPayment.State.REVIEW,
        transaction="0x" + "12" * 32,
        problem="It was sent before it was presented here.",
        leased_until=clock.now(),
    )
