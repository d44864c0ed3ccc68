"""What is refused. The text is for people; nothing was charged or changed when one of these is raised."""

from accounts.errors import Refused


class NoSuchChoice(Refused):
    """There is no such plan, tier or interval for this workspace."""


class NotNow(Refused):
    """The subscription's present state does not allow the change; the text says what to do first."""


class ChangeStale(Refused):
    """What was shown is not what would happen any more."""

    def __init__(self) -> None:
        super().__init__(
            "Something has changed since this was shown, so it was not done. Nothing was charged. Look at the new"
            " figures and confirm those."
        )


class ChangeGone(Refused):
    """It was not confirmed in time, given up, or failed."""

    def __init__(self) -> None:
        super().__init__("This preview is not valid any more. Nothing was charged. Choose the plan again.")


class ChangeBusy(Refused):
    """One change at a time."""

    def __init__(self) -> None:
        super().__init__(
            "Another change of this plan is being done. Wait until it is finished, or give it up on the Plan page."
        )


class ChangeConflict(Refused):
    """The key was used before for something else."""


class PaymentsOff(Refused):
    """Stripe is not connected, or does not take the key."""

    def __init__(self) -> None:
        super().__init__(
            "Payments are not set up here at present. Nothing was charged. Ask the team that runs this portal, or try"
            " again later."
        )


class PaymentsDown(Refused):
    """Stripe does not answer."""

    def __init__(self) -> None:
        super().__init__(
            "The payment service does not answer at the moment. Try again in a minute: pressing the button again cannot"
            " charge twice."
        )


class ChangeRefused(Refused):
    """Stripe does not accept what we asked."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why or "The payment service did not accept this change. Nothing was charged.")
