"""What follows from what the facilitator said and what the network shows. Pure."""

from typing import Literal

from billing.packs.x402.chain import Shown
from billing.packs.x402.facilitator import Settled

Next = Literal["credit", "fail", "review", "wait"]


def decide(
    settled: Settled | None, shown: Shown | None, *, tried_before: bool, said_done: bool, over: bool
) -> tuple[Next, str]:
    """What becomes of a payment, and why. `settled` None: the facilitator was not asked this time; `shown` None: the
    node did not answer. `tried_before`: an earlier try may have sent it; `said_done`: the facilitator once said that it
    did. `over`: by the network's own clock nobody can send it any more.

    Nothing fails before that: also what the facilitator refuses may have been sent, and be in a block in a moment.
    """
    refused = settled is not None and settled.outcome == "refused"
    problem = settled.problem if settled else ""
    if shown is None:
        return "wait", "The network's node does not answer."
    if shown.what == "paid":
        # Whoever settles gets "refused" for what somebody else sent before: then it is not known whose money it is.
        ours = settled is not None and settled.transaction.lower() == shown.transaction.lower()
        if refused and not tried_before and not ours:
            return "review", "The money is here, but not by this try: somebody else sent the authorization."
        return "credit", ""
    if shown.what == "canceled":
        return "fail", "The payer cancelled the authorization."
    if shown.what == "other":
        return "review", "The authorization was used for another transfer."
    if not over:
        return "wait", problem or "The network does not show the transfer yet."
    if said_done:
        return "review", "The facilitator says that it is paid; the network shows no transfer."
    return "fail", problem or "It was not sent in time."
