"""An answer as the page and the file show it."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import IO

from billing.credits.format import percent_text
from billing.credits.units import credits
from billing.insights.whatif.asked import Question
from billing.insights.whatif.compare import Comparison, Sums
from billing.insights.whatif.plans import PlanComparison
from billing.insights.whatif.query import Answer
from billing.pricing.tariff import EXACT


@dataclass(frozen=True)
class Verdict:
    """The figures that are read first. `saved` in nano-credits and `percent`: negative when it would cost more."""

    before: int
    after: int
    saved_usd: Decimal
    percent: Decimal | None

    @property
    def saved(self) -> int:
        return self.before - self.after

    @property
    def cheaper(self) -> bool:
        return self.saved > 0

    @property
    def difference(self) -> int:
        return abs(self.saved)

    @property
    def difference_usd(self) -> Decimal:
        return abs(self.saved_usd)

    @property
    def difference_percent(self) -> str:
        return "" if self.percent is None else percent_text(abs(self.percent))


def model_verdict(found: Comparison, usd_per_credit: Decimal) -> Verdict:
    total = found.total
    return Verdict(total.actual, total.replayed, EXACT.multiply(credits(total.saved), usd_per_credit), total.percent)


def plan_verdict(found: PlanComparison) -> Verdict:
    before, after = found.bills
    saved = before.usd - after.usd
    return Verdict(before.nano, after.nano, saved, Decimal(100) * saved / before.usd if before.usd else None)


def ranked(found: Comparison) -> list[tuple[str, Sums]]:
    """Per model that was used, dearest first."""
    rows = [("/".join(filter(None, key)), sums) for key, sums in found.models.items()]
    return sorted(rows, key=lambda row: (-row[1].actual, row[0]))


def write_days(found: Answer, file: IO[str]) -> None:
    """The comparison by day, exact."""
    writer = csv.writer(file)
    writer.writerow(HEADS["plan" if found.plans else "model"])
    writer.writerows(_rows(found))


HEADS = {
    "model": ("date", "requests", "credits", "credits_on_target", "saved_credits", "saved_usd", "target"),
    "plan": ("date", "credits_under_own_plan", "credits_under_target", "saved_credits", "saved_usd", "target"),
}


def _rows(found: Answer) -> Iterator[list[str | int]]:
    dates = found.span.dates
    if found.models:
        for day, sums in zip(dates, found.models.days, strict=True):
            yield [day.isoformat(), sums.requests, *_amounts(sums.actual, sums.replayed, found), found.target]
    if found.plans:
        own, target = found.plans.bills
        for day, before, after in zip(dates, own.days, target.days, strict=True):
            yield [day.isoformat(), *_amounts(before, after, found), found.target]


def _amounts(before: int, after: int, found: Answer) -> list[str]:
    saved = credits(before - after)
    usd = EXACT.multiply(saved, found.usd_per_credit)
    return [f"{amount.normalize(EXACT):f}" for amount in (credits(before), credits(after), saved, usd)]


def titled(asked: Question, found: Answer) -> str:
    """The answer's title: "Text usage on openai/gpt-4o-mini"."""
    if found.plans:
        return f"On the {found.target} plan"
    what = asked.of or f"All {found.modality or 'such'} usage"
    if asked.task is not None:
        what += f", task “{asked.task}”" if asked.task else ", requests without a task"
    if asked.agent is not None:
        what += f", agent “{asked.agent}”" if asked.agent else ", requests without an agent"
    where = f"with {asked.cached}% of its input from the cache" if asked.of == found.target else f"on {found.target}"
    if asked.cached and asked.of != found.target:
        where += f" with {asked.cached}% of its input from the cache"
    return f"{what} {where}"
