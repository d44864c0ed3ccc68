"""The cards one can pay with here, and what becomes of each. Numbers and meanings are those of Stripe's test mode."""

from dataclasses import dataclass

from portal.standin.errors import CardError, Json, invalid

MESSAGES = {
    "card_declined": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}


@dataclass(frozen=True)
class TestCard:
    __test__ = False  # its name is not about our tests

    number: str
    title: str
    code: str = ""  # of the error when it is declined
    decline: str = ""  # the bank's reason
    attaches: bool = True  # may be saved although charges fail
    authentication: str = ""  # "setup": until it has been set up; "always"
    dispute: str = ""  # the reason with which its owner disputes every charge

    @property
    def digits(self) -> str:
        return " ".join([self.number[i : i + 4] for i in range(0, len(self.number), 4)])

    @property
    def brand(self) -> str:
        return {"3": "amex", "4": "visa", "5": "mastercard", "6": "discover"}.get(self.number[:1], "unknown")

    def declined(self, **more: object) -> CardError:
        message = "Your card has insufficient funds." if self.decline == "insufficient_funds" else MESSAGES[self.code]
        return CardError(message, code=self.code, decline_code=self.decline, **more)


def _declined(
    number: str, title: str, code: str = "card_declined", decline: str = "", attaches: bool = False
) -> TestCard:
    return TestCard(number, title, code, decline or code, attaches)


CARDS = {
    card.number: card
    for card in (
        TestCard("4242424242424242", "Visa, succeeds"),
        TestCard("5555555555554444", "Mastercard, succeeds"),
        TestCard("378282246310005", "American Express, succeeds"),
        _declined("4000000000000002", "Declined", decline="generic_decline"),
        _declined("4000000000009995", "Declined: insufficient funds", decline="insufficient_funds"),
        _declined("4000000000009987", "Declined: lost card", decline="lost_card"),
        _declined("4000000000000069", "Expired card", "expired_card"),
        _declined("4000000000000127", "Wrong security code", "incorrect_cvc"),
        _declined("4000000000000119", "The bank cannot be reached", "processing_error"),
        TestCard("4000002500003155", "Asks for 3-D Secure until it is saved", authentication="setup"),
        TestCard("4000002760003184", "Asks for 3-D Secure every time", authentication="always"),
        TestCard("4000008400001629", "3-D Secure, then declined", "card_declined", "generic_decline", True, "always"),
        _declined(
            "4000000000000341", "Can be saved, later charges are declined", "card_declined", "generic_decline", True
        ),
        TestCard("4000000000000259", "Succeeds, then disputed as fraudulent", dispute="fraudulent"),
        TestCard("4000000000002685", "Succeeds, then disputed as not received", dispute="product_not_received"),
    )
}
TOKENS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_visa_chargeDeclinedLostCard": "4000000000009987",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_createDisputeProductNotReceived": "4000000000002685",
}


def card_of(number: str) -> TestCard:
    """Raises incorrect_number for what is no card, and declines every real one: none is to be kept here."""
    digits = "".join(character for character in number if character.isdecimal())
    if not 13 <= len(digits) <= 19 or not _luhn(digits):
        raise CardError("Your card number is incorrect.", code="incorrect_number", param="number")
    if digits not in CARDS:
        raise CardError(
            "Your card was declined. Your request was in test mode, but used a non test card.",
            code="card_declined",
            decline_code="test_mode_live_card",
        )
    return CARDS[digits]


def _luhn(digits: str) -> bool:
    values = [int(digit) for digit in reversed(digits)]
    doubled = [value * 2 - 9 * (value > 4) for value in values[1::2]]
    return (sum(values[::2]) + sum(doubled)) % 10 == 0


def check_expiry(month: int, year: int) -> None:
    if not 1 <= month <= 12:
        raise CardError("Your card's expiration month is invalid.", code="invalid_expiry_month", param="exp_month")
    if year < 1970:
        raise invalid("Your card's expiration year is invalid.", "exp_year", "invalid_expiry_year")


def shown(card: TestCard) -> Json:
    """For the pages that list the cards."""
    return {"number": card.number, "digits": card.digits, "title": card.title}
