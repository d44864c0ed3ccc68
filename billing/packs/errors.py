"""What the services refuse. The text is for people; nothing was charged when one of these is raised."""

from accounts.errors import Refused
from billing.foundation.site.naming import named


class NoSuchPack(Refused):
    """There is no such pack, or not for this workspace."""


class CodeRefused(Refused):
    """The promotion code does not count here."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="code")


class PurchaseConflict(Refused):
    """The key was used before for something else."""


class NotRefundable(Refused):
    """More would be refunded than is left, or the purchase was never credited."""


class PaymentsOff(Refused):
    """Stripe is not connected, or does not take the key."""

    def __init__(self) -> None:
        super().__init__(
            named(
                "Payments are not set up here at present. Nothing was charged. Ask the team that runs this portal for"
                " credits, or try again later."
            )
        )


class PaymentsDown(Refused):
    """Stripe does not answer."""

    def __init__(self) -> None:
        super().__init__(
            "The payment service does not answer at the moment. Nothing was charged. Try again in a minute: pressing"
            " the button again cannot charge twice."
        )


class CardsDown(Refused):
    """Stripe does not answer about saved cards."""

    def __init__(self) -> None:
        super().__init__("Stripe does not answer at the moment. Nothing was changed. Try again in a minute.")


class PaymentRefused(Refused):
    """Stripe does not accept what we asked."""

    def __init__(self) -> None:
        super().__init__(
            "The payment service did not accept this purchase. Nothing was charged. Choose another pack, or ask the"
            " team that runs this portal."
        )


class RefundWaits(Refused):
    """Stripe did not answer; the row of the refund is asked for again by the clock."""

    def __init__(self) -> None:
        super().__init__(
            "Stripe does not answer at the moment. The refund is kept, and asked for again every minute until it is"
            " answered: it happens once. Sending this form again does no harm."
        )


class NotLeft(Refused):
    """Stripe does not answer, so it is not known whether the purchase was paid."""

    def __init__(self) -> None:
        super().__init__(
            "The payment service does not answer at the moment, so this could not be canceled. If you have not paid,"
            " nothing will be charged: the page to pay on closes by itself. Try again in a minute."
        )
