"""Five customers' three years: what they do, at Stripe and here, and what that must come to, worked out by hand from
the calendar alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from billing.plans.periods.tests.expected import Fact, Offer, begins
from billing.plans.periods.tests.stories import CALENDAR, CAPPED, FREE, NONE, START, TWO, TWO_UP, ZERO, spending

GIVES_UP = timedelta(days=3 + 5 + 7)  # Stripe's retries; then it ends the subscription


@dataclass(frozen=True)
class Deed:
    """begin, change (to `offer`), cancel, keep, card (fails or works from now on: `token`), pay (the open invoice)."""

    at: datetime
    do: str
    offer: Offer | None = None
    interval: str = ""
    token: str = ""


@dataclass(frozen=True)
class Life:
    name: str
    declined: int  # charges that the bank refuses
    deeds: list[Deed]
    facts: list[Fact]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def fails(*parts: int) -> Deed:
    return Deed(utc(*parts), "card", token="pm_card_chargeCustomerFail")


def works(*parts: int) -> Deed:
    return Deed(utc(*parts), "card", token="pm_card_visa")


def renewed(anchor: datetime, months: Iterable[int], *, number: int = 1, step: int = 1) -> Iterator[Fact]:
    """Paid at the moment it is due, so many months after the anchor."""
    for month in months:
        due = begins(anchor, month, calendar=False)
        yield Fact(due, "paid", number, until=begins(anchor, month + step, calendar=False))


def life(name: str, declined: int, deeds: list[Deed], facts: list[Fact]) -> Life:
    """With the free plan before, and credits used all the time."""
    return Life(name, declined, deeds, [Fact(START, "start", 0, FREE), *facts, *spending(Random(name))])


def of_the_31st() -> Life:
    """Monthly with two months of rollover: a tier up in mid-period, a payment that is late, the tier down again."""
    anchor, up, late, down = utc(2027, 1, 31, 9, 30), utc(2027, 6, 12, 8), utc(2027, 11, 9, 7), utc(2028, 3, 31, 9, 30)
    deeds = [
        Deed(anchor, "begin", TWO, "month"),
        Deed(up, "change", TWO_UP, "month"),
        fails(2027, 10, 20),
        Deed(late, "pay"),
        works(2027, 11, 10),
        Deed(utc(2028, 3, 10, 12), "change", TWO, "month"),
    ]
    facts = [
        Fact(anchor, "start", 1, TWO, "month", utc(2027, 2, 28, 9, 30)),
        Fact(up, "upgrade", 1, TWO_UP),
        Fact(down, "change", 1, TWO),
        *renewed(anchor, range(1, 9)),
        Fact(late, "paid", 1, until=utc(2027, 11, 30, 9, 30)),  # due since 31 October
        *renewed(anchor, range(10, 36)),
    ]
    return life("the 31st", 3, deeds, facts)


def of_the_30th() -> Life:
    """Yearly with a cap; from February 2028 on more, without a cap; cancelled in the second year."""
    anchor, up, end = utc(2027, 1, 30, 14), utc(2028, 2, 20, 16, 45), utc(2029, 1, 30, 14)
    deeds = [
        Deed(anchor, "begin", CAPPED, "year"),
        Deed(up, "change", TWO_UP, "year"),
        Deed(utc(2028, 10, 5), "cancel"),
    ]
    facts = [
        Fact(anchor, "start", 1, CAPPED, "year", utc(2028, 1, 30, 14)),
        *renewed(anchor, [12], step=12),
        Fact(up, "upgrade", 1, TWO_UP),
        Fact(end, "end", 1),
    ]
    return life("the 30th", 0, deeds, facts)


def of_the_29th() -> Life:
    """Monthly without rollover; from the end of the leap day on yearly, and the second year is paid late."""
    anchor, leap, late = utc(2027, 1, 29, 23, 59), utc(2028, 2, 29, 23, 59), utc(2029, 3, 4, 19)
    deeds = [
        Deed(anchor, "begin", NONE, "month"),
        Deed(utc(2028, 2, 29, 11, 11), "change", NONE, "year"),
        fails(2029, 2, 20),
        Deed(late, "pay"),
        works(2029, 3, 5),
    ]
    facts = [
        Fact(anchor, "start", 1, NONE, "month", utc(2027, 2, 28, 23, 59)),
        *renewed(anchor, range(1, 13)),
        Fact(leap, "change", 1, NONE, "year"),
        Fact(leap, "paid", 1, until=utc(2029, 2, 28, 23, 59)),
        Fact(late, "paid", 1, until=utc(2030, 2, 28, 23, 59)),
    ]
    return life("the 29th", 2, deeds, facts)


def of_the_28th() -> Life:
    """Calendar months until it is not paid any more; later one that carries nothing over, a retry of which succeeds."""
    anchor, second = utc(2027, 3, 28, 6, 15), utc(2028, 1, 31, 22)
    deeds = [
        Deed(anchor, "begin", CALENDAR, "month"),
        fails(2027, 8, 20),
        Deed(second, "begin", ZERO, "month"),
        fails(2028, 3, 20),
        works(2028, 4, 2),
    ]
    facts = [
        Fact(anchor, "start", 1, CALENDAR, "month", utc(2027, 4, 28, 6, 15)),
        *renewed(anchor, range(1, 5)),
        Fact(utc(2027, 8, 28, 6, 15) + GIVES_UP, "end", 1),
        Fact(second, "start", 2, ZERO, "month", utc(2028, 2, 29, 22)),
        *renewed(second, [1], number=2),
        Fact(utc(2028, 4, 3, 22), "paid", 2, until=utc(2028, 4, 30, 22)),  # due since 31 March
        *renewed(second, range(3, 24), number=2),
    ]
    return life("the 28th", 5, deeds, facts)


def of_the_end_of_the_year() -> Life:
    """Yearly; cancelled and resumed; from the second year on monthly and less dear, and cancelled in June."""
    anchor, down, end = utc(2027, 12, 31, 0, 5), utc(2028, 12, 31, 0, 5), utc(2029, 6, 30, 0, 5)
    deeds = [
        Deed(anchor, "begin", NONE, "year"),
        Deed(utc(2028, 3, 3), "cancel"),
        Deed(utc(2028, 5, 5), "keep"),
        Deed(utc(2028, 6, 6), "change", TWO, "month"),
        Deed(utc(2029, 6, 15), "cancel"),
    ]
    facts = [
        Fact(anchor, "start", 1, NONE, "year", down),
        Fact(down, "change", 1, TWO, "month"),
        *renewed(anchor, range(12, 18)),
        Fact(end, "end", 1),
    ]
    return life("the end of the year", 0, deeds, facts)


LIVES = (of_the_31st(), of_the_30th(), of_the_29th(), of_the_28th(), of_the_end_of_the_year())
