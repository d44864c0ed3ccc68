"""What needs doing, in words: each with one sentence and where it is done, the most urgent first."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32
from zoneinfo import ZoneInfo

from accounts.roles import Permission
from billing.credits.format import credits_text
from billing.invoices.money import money_text
from billing.ledger.selectors import Balance
from billing.plans.subscribing.dunning import LAST_AFTER

EVERYONE = frozenset({Permission.VIEW})
BILLING = frozenset({Permission.MANAGE_BILLING})
KEYS = frozenset({Permission.MANAGE_KEYS, Permission.MANAGE_BILLING})
WORKSPACE = frozenset({Permission.MANAGE_WORKSPACE})


@dataclass(frozen=True)
class Found:
    """A row of what is not as it should be."""

    what: str
    name: str
    at: datetime | None
    number: int


@dataclass(frozen=True)
class Facts:
    workspace: str
    units: str
    zone: ZoneInfo
    now: datetime
    balance: Balance

    def day(self, at: datetime | None) -> str:
        """ "3 March, 09:30 (UTC)" """
        local = (at or self.now).astimezone(self.zone)
        return f"{local:%-d %B, %H:%M} ({local:%Z})"

    @property
    def level(self) -> int:
        """What automatic top-ups look at."""
        return self.balance.available + self.balance.held - self.balance.debt


@dataclass(frozen=True)
class Need:
    what: str
    urgency: int  # smaller is more urgent; below STOP_BELOW something has stopped
    title: str
    text: str
    button: str
    to: tuple[str, ...]  # the name of a page of the workspace, and what else its address has
    audience: frozenset[Permission]  # with one of these
    more: str = ""  # the name of a second page
    more_button: str = ""

    @property
    def stops(self) -> bool:
        return self.urgency < STOP_BELOW

    @property
    def of_balance(self) -> bool:
        return self.what.startswith("balance-")

    @property
    def mark(self) -> str:
        return f"{self.what}.{crc32((self.title + self.text).encode()):x}"


STOP_BELOW = 40
FOR_TOP_UPS, FOR_PLAN = 1, 2  # what a card is needed for, added up
CHARGED = {
    FOR_TOP_UPS: "Automatic top-ups are charged to it.",
    FOR_PLAN: "Your plan is charged to it.",
    FOR_TOP_UPS + FOR_PLAN: "Your plan and automatic top-ups are charged to it.",
}
BUY = ("packs:buy",)
TOP_UPS = ("packs:auto-top-up",)


def needs(rows: Iterable[Found], facts: Facts) -> list[Need]:
    found = [*_of_balance(facts), *(need for row in rows if (need := _of(row, facts)) is not None)]
    return sorted(found, key=lambda need: need.urgency)


def _of_balance(facts: Facts) -> Iterator[Need]:
    """A workspace that never had credits has first steps to take, which are another thing."""
    balance, units = facts.balance, facts.units
    if not balance.granted_any and not balance.debt:
        return
    add = f"Add {units}"
    if balance.state == "stopped":
        text = f"New requests are declined and not charged; they go through again as soon as {units} are added."
        yield Need("balance-stopped", 0, f"Requests are paused: no {units} left", text, add, BUY, EVERYONE)
    elif balance.state == "low":
        left = f"{credits_text(balance.available)} are left, below the {credits_text(balance.low_bound)} at which you"
        text = f"{left} are warned; at zero, new requests are declined."
        yield Need("balance-low", 70, f"{facts.workspace} is running low on {units}", text, add, BUY, EVERYONE)


def _of(row: Found, facts: Facts) -> Need | None:
    what, _, kind = row.what.partition("-")
    return {
        "plan": _plan,
        "change": _change,
        "card": _card,
        "topup": _top_up,
        "addon": _add_on,
        "resources": _resources,
        "key": _key,
        "webhook": _webhook,
    }[what](row, kind or row.name, facts)  # fmt: skip


def _plan(row: Found, status: str, facts: Facts) -> Need:
    page, button = ("plans:plan",), "Pay it"
    if status == "unpaid":
        text = "Stripe has given up charging the card, so no credits of the plan come until the invoice is paid."
        return Need("plan-unpaid", 20, "Your plan is not paid", text, button, page, BILLING)
    if status == "confirm":
        text = (
            "The bank wants to see the cardholder (3-D Secure); new credits come once that is done, else the plan ends."
        )
        return Need("plan-confirm", 21, "Confirm the payment of your plan", text, "Confirm it", page, BILLING)
    last = row.at is not None and row.at <= facts.now - LAST_AFTER
    if last:
        text = "It has been declined for days: without a payment, or your bank's confirmation, the plan will end."
        return Need("plan-last", 22, "Last notice: your plan is not paid", text, button, page, BILLING)
    text = "Pay the invoice, confirm it with your bank, or choose another card before it is tried again."
    return Need("plan-past_due", 60, "The payment of your plan was declined", text, button, page, BILLING)


def _change(row: Found, kind: str, facts: Facts) -> Need:
    text = "The bank wants a confirmation, or the card was declined. Nothing changes until it is paid."
    title, page = "A change of your plan waits for its payment", ("plans:change", row.name)
    return Need("plan-change", 56, title, text, "See and pay it", page, BILLING)


def _card(row: Found, state: str, facts: Facts) -> Need:
    charged, page = CHARGED[row.number], ("packs:methods",)
    if state == "expired":
        text = f"{charged} Banks decline cards that have expired: add another one, and choose it."
        return Need(row.what, 54, f"The {row.name} has expired", text, "See your cards", page, BILLING)
    month = f"{(row.at or facts.now) - timedelta(days=1):%B %Y}"
    text = f"{charged} Add another one in time, and choose it."
    title = f"The {row.name} expires at the end of {month}"
    return Need(row.what, 68, title, text, "See your cards", page, BILLING)


def _top_up(row: Found, kind: str, facts: Facts) -> Need | None:
    title = text = ""
    match kind:
        case "confirm":
            text = "Your bank wants to see the cardholder; until it is paid nothing else is charged automatically."
            title = f"Confirm a payment of {money_text(row.number, 'usd')}"
            return Need(row.what, 24, title, text, "Confirm it", ("packs:auto-top-up-pay", row.name), BILLING)
        case "off":
            title, text = "Automatic top-ups are switched off", f"{row.name} Nothing is charged until you agree anew."
            return Need(row.what, 50, title, text, "Set them up", TOP_UPS, BILLING)
        case "paused":
            title, text = "Automatic top-ups are paused", "Charges followed each other faster than is usual."
            return Need(row.what, 30, title, text, "Look and let them go on", TOP_UPS, BILLING)
    if facts.level >= row.number:
        return None  # it waits, and nothing is due
    if kind == "declined":
        title = "The card of the automatic top-ups was declined"
        text = f"It is tried again on {facts.day(row.at)}; another card can be chosen at once."
        return Need(row.what, 55, title, text, "Choose a card", TOP_UPS, BILLING)
    title = f"No more automatic top-ups {'today' if row.name == 'day' else 'this month'}"
    text = f"What you allowed for a {row.name} is reached, and the balance is below {credits_text(row.number)}."
    return Need(row.what, 52, title, text, "Allow more", TOP_UPS, BILLING, more="packs:buy", more_button="Buy a pack")


def _add_on(row: Found, status: str, facts: Facts) -> Need:
    add = f"Add {facts.units}"
    more = {"more": "addons:list", "more_button": "Add-ons"}
    if status == "suspended":
        text = f"The {facts.units} did not cover it; it works again as soon as they do."
        return Need(row.what, 35, f"{row.name} is suspended", text, add, BUY, EVERYONE, **more)
    text = f"Without more {facts.units} it is suspended on {facts.day(row.at)}."
    return Need(row.what, 65, f"The balance does not cover {row.name}", text, add, BUY, EVERYONE, **more)


def _resources(row: Found, state: str, facts: Facts) -> Need:
    add = f"Add {facts.units}"
    more = {"more": "resources:list", "more_button": "Resources"}
    if state == "stopping":
        title = f"Resources of {facts.workspace} are being shut down"
        text = "The balance has not covered 48 hours of what they cost; what still runs goes on being billed."
        return Need(row.what, 10, title, text, add, BUY, EVERYONE, **more)
    title = f"Resources of {facts.workspace} will be shut down on {facts.day(row.at)}"
    text = f"The balance covers less than 48 hours of what they cost. Add {facts.units} until then and nothing stops."
    return Need(row.what, 45, title, text, add, BUY, EVERYONE, **more)


def _key(row: Found, kind: str, facts: Facts) -> Need:
    text = "It spent far more within a minute than it usually does: requests with it are refused."
    return Need(row.what, 28, f"The API key {row.name} is paused", text, "Look at it", ("budgets:list",), KEYS)


def _webhook(row: Found, kind: str, facts: Facts) -> Need:
    text = f"Since {facts.day(row.at)} nothing is sent to {row.name}: its receiver failed, or wants no more."
    return Need(row.what, 58, "A webhook was switched off", text, "See webhooks", ("webhooks:list",), WORKSPACE)
