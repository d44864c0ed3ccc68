"""Three years of customers, the same from the same seed: plans, payments that fail or come late, changes, ends."""

from datetime import UTC, datetime, timedelta
from random import Random

from billing.plans.periods.tests.expected import Fact, Offer, begins

CREDIT = 10**9
START, END = datetime(2027, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)  # 2028 has a 29 February
OUTAGE = datetime(2028, 2, 10, tzinfo=UTC), datetime(2028, 4, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GIVES_UP = timedelta(days=21)  # after so long without payment Stripe ends it
BETWEEN = HOUR / 3  # none begins at the very instant at which the job opens a month of the free plan

FREE = Offer("free", 10 * CREDIT, 0, 0)
NONE = Offer("none", 100 * CREDIT + 7, 2900, 29000)
TWO = Offer("two", 1_000 * CREDIT, 1000, 10000, rollover=2)
TWO_UP = Offer("two", 2_000 * CREDIT, 1900, 19000, rollover=2)  # a credit tier of TWO
CAPPED = Offer("capped", 300 * CREDIT, 700, 7000, rollover=2, cap=150 * CREDIT)
ZERO = Offer("zero", 50 * CREDIT, 300, 3000, rollover=2, cap=0)
CALENDAR = Offer("calendar", 310 * CREDIT + 1, 1900, 0, rollover=1, cap=200 * CREDIT, calendar=True)
OFFERS = (NONE, TWO, TWO_UP, CAPPED, ZERO, CALENDAR)
BY_ANCHOR = (NONE, TWO, TWO_UP, CAPPED, ZERO)


def story(seed: int) -> list[Fact]:
    """One customer's three years, in order."""
    random = Random(seed)
    day = random.choice((28, 29, 30, 31, 31, random.randint(1, 27)))
    at = datetime(2027, random.choice((1, 3, 5)), day, random.randint(1, 22), random.randint(0, 59), tzinfo=UTC)
    facts = [Fact(at, "start", 0, FREE)]
    number, at = 0, at + random.randint(0, 40) * DAY
    while at < END:
        number += 1
        at = _subscription(random, facts, number, at)
    facts += spending(random)
    return sorted((fact for fact in facts if fact.at < END), key=lambda fact: fact.at)


def _subscription(random: Random, facts: list[Fact], number: int, anchor: datetime) -> datetime:
    """Its facts; when the next one starts."""
    offer = OFFERS[(number + random.randint(0, 5)) % len(OFFERS)]
    interval = "month" if offer.calendar else random.choice(("month", "month", "year"))
    step = 12 if interval == "year" else 1
    bill = 0
    while True:
        due = begins(anchor, bill * step, calendar=offer.calendar)
        following = begins(anchor, (bill + 1) * step, calendar=offer.calendar)
        if bill == 0:
            facts.append(Fact(anchor, "start", number, offer, interval, following))
        elif due >= END:
            return due
        else:
            fate = random.random()
            if fate < 0.06:  # cancelled at the end of what is paid
                facts.append(Fact(due + HOUR / 6, "end", number, since=due))
                return due + random.randint(1, 50) * DAY + BETWEEN
            if fate < 0.12:  # never paid
                facts.append(Fact(due + GIVES_UP, "end", number))
                return due + GIVES_UP + random.randint(1, 50) * DAY + BETWEEN
            paid_at = due + HOUR if fate < 0.8 else due + random.randint(1, 20) * DAY
            if not offer.calendar and random.random() < 0.12:  # a change that was to come with this period
                offer = random.choice(BY_ANCHOR)
                facts.append(Fact(paid_at - HOUR / 4, "change", number, offer, since=due))
            facts.append(Fact(paid_at, "paid", number, until=following))
        middle = due + random.randint(22, 26) * DAY + HOUR
        if not offer.calendar and middle < following - DAY and random.random() < 0.1:
            if interval == "month" and random.random() < 0.3:  # to yearly, from now on
                return middle
            offer = random.choice(BY_ANCHOR)
            facts.append(Fact(middle, "change", number, offer))
        bill += 1


def spending(random: Random) -> list[Fact]:
    """Early on days, also while nothing else runs."""
    at, found = START + timedelta(minutes=1), []
    while (at := at + random.randint(15, 75) * DAY) < END:
        amount = random.choice((5, 40, 120, 400)) * CREDIT + random.randint(0, 99)
        found.append(Fact(at, "spend", amount=amount))
    return found
