"""What a payment over x402 is refused for. Nothing was taken when one of these is raised."""


class Malformed(Exception):
    """The payment is no payment at all: sending it again makes no difference."""


class NotAccepted(Exception):
    """A payment, but not one that was asked for. `code` is the protocol's word for it, for programs."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code


class AlreadyUsed(Exception):
    """The authorization was spent before. Never answered by asking for another payment: an agent would pay twice."""


class OtherOrder(Exception):
    """The same payment, or the same name for one, was presented for something else before."""


class NoAnswer(Exception):
    """The facilitator or the network's node did not answer, or not in words that mean something."""


class AmountRefused(Exception):
    """No such pack, or an amount that cannot be bought."""
