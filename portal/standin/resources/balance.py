"""The books: every movement of the account's money, to the smallest unit."""

from collections import defaultdict

from portal.standin.errors import Json
from portal.standin.routes import readable, route
from portal.standin.world import World

SETTLES = 2 * 86400  # seconds until money that came in is available


def book(
    world: World, amount: int, currency: str, source: str, kind: str, *, fee: int = 0, words: str | None = None
) -> Json:
    """Enter a movement: `amount` signed, `fee` what Stripe keeps of it."""
    details = {"amount": fee, "application": None, "currency": currency, "type": "stripe_fee"}
    now = world.now()
    return world.create(
        "balance_transaction",
        "txn_",
        livemode=False,
        metadata=False,
        amount=amount,
        available_on=now + SETTLES if amount > 0 else now,
        balance_type="payments",
        currency=currency,
        description=words,
        exchange_rate=None,
        fee=fee,
        fee_details=[details | {"description": "Stripe processing fees"}] if fee else [],
        net=amount - fee,
        reporting_category=_category(kind, amount),
        source=source,
        status="pending" if amount > 0 else "available",
        type=kind,
    )


def _category(kind: str, amount: int) -> str:
    if kind == "adjustment":
        return "dispute" if amount < 0 else "dispute_reversal"
    return kind


def settle(world: World) -> None:
    """What has become available by now."""
    now = world.now()
    for entry in world.store.look("balance_transaction"):
        if entry["status"] == "pending" and entry["available_on"] <= now:
            world.get("balance_transaction", entry["id"])["status"] = "available"


def totals(world: World) -> dict[str, dict[str, int]]:
    """Per currency: `charge`, `refund` … as booked, `fee`, and `net` of everything."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for entry in world.store.look("balance_transaction"):
        of = sums[entry["currency"]]
        of[entry["reporting_category"]] += entry["amount"]
        of["fee"] += entry["fee"]
        of["net"] += entry["net"]
    return {currency: dict(of) for currency, of in sums.items()}


@route("GET", "balance")
def balance(world: World, params: Json) -> Json:
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for entry in world.store.look("balance_transaction"):
        sums[entry["status"], entry["currency"]] += entry["net"]
    currencies = sorted({currency for _, currency in sums} | {"usd"})

    def side(status: str) -> list[Json]:
        amounts = [(currency, sums[status, currency]) for currency in currencies]
        return [
            {"amount": amount, "currency": currency, "source_types": {"card": amount}} for currency, amount in amounts
        ]

    return {"object": "balance", "available": side("available"), "pending": side("pending"), "livemode": False}


readable("balance_transactions", "balance_transaction", "BalanceTransactionListParams")
