"""What happens at which balance, from high to low, in sentences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accounts.models import Workspace
from billing.alerts.usage.engine import MONEY, Target
from billing.alerts.usage.facts import Stands, stands
from billing.alerts.usage.selectors import ahead
from billing.alerts.usage.settings import Wanted, settings_of
from billing.alerts.usage.words import dollars, units
from billing.credits import clock
from billing.foundation.site.selectors import site
from billing.ledger.selectors import Balance, balance
from billing.packs.autotopup.models import AutoTopUp
from billing.packs.autotopup.sizing import cents_for
from billing.packs.autotopup.standing import Standing
from billing.packs.autotopup.words import money


@dataclass(frozen=True)
class Rung:
    """`at`: nano-credits, on hold or not, less what is owed."""

    at: int
    title: str
    text: str
    kind: str  # "mail", "charge" or "stop"
    passed: bool


def ladder(workspace: Workspace, top_up: Standing) -> list[Rung]:
    now = clock.now()
    found, wanted = balance(workspace.pk, now), settings_of(workspace)
    here = stands([workspace], now).get(workspace.pk)
    rungs = [*_low(found, wanted), *_aims(workspace, here, wanted), *_charge(top_up.row, top_up), _stop(found)]
    level = found.available + found.held - found.debt
    return [
        Rung(at, title, text, kind, passed=level < at or (kind == "stop" and level <= at))
        for at, title, text, kind in sorted(rungs, key=lambda rung: (-rung[0], rung[3] == "stop"))
    ]


Step = tuple[int, str, str, str]


def _low(found: Balance, wanted: Wanted) -> Iterator[Step]:
    if found.low_bound:
        own = wanted.low_credits is not None or wanted.low_days is not None
        why = "as you have set" if own else "a tenth of the period’s credits, or three days of usage"
        yield (
            found.low_bound,
            f"Below {units(found.low_bound)}",
            f"An e-mail says that the balance is low ({why}).",
            "mail",
        )


def _aims(workspace: Workspace, here: Stands | None, wanted: Wanted) -> Iterator[Step]:
    if here is None:
        return
    for aim in ahead(workspace, here, wanted):
        at = here.facts.level - aim.balance_at
        title = f"After {units(aim.balance_at)} more, for which credits have to come in"
        yield at, f"At {units(at)}" if at >= 0 else title, _aim_text(aim), "mail"


def _aim_text(aim: Target) -> str:
    if aim.alert == MONEY:
        return f"Usage of this month is worth {dollars(aim.amount)}; an e-mail says so."
    return f"{aim.alert} % of this period’s credits are used, {units(aim.amount)}; an e-mail says so."


def _charge(row: AutoTopUp, top_up: Standing) -> Iterator[Step]:
    if not row.enabled or row.consent is None:
        return
    price = money(cents_for(row.amount, site().usd_per_credit))
    much = f"what brings the balance up to {units(row.target)}" if row.target else f"{price} for {units(row.amount)}"
    text = (
        f"The {row.consent.card} is charged {much}: at most {money(row.day_cap)} a day and {money(row.month_cap)} a"
        f" month, of which {money(top_up.charged.month)} were charged."
    )
    if top_up.state == "paused":
        text += " Paused at present."
    elif top_up.state in ("day", "month"):
        text += f" The most of the {top_up.state} is reached: nothing more is charged before the next {top_up.state}."
    yield row.threshold, f"Below {units(row.threshold)}", text, "charge"


def _stop(found: Balance) -> Step:
    text = "An e-mail says so, and new requests are refused until credits are added. What runs already is recorded."
    if found.overdraft_limit:
        return (
            -found.overdraft_limit,
            f"At −{units(found.overdraft_limit)}",
            f"The plan’s overdraft is used up. {text}",
            "stop",
        )
    return 0, f"At {units(0)}", text, "stop"


def sentence(rungs: Sequence[Rung], top_up: Standing) -> str:
    """What comes next."""
    ahead = next((rung for rung in rungs if not rung.passed), None)
    off = "" if top_up.row.enabled else " No card is charged: automatic top-ups are off."
    if ahead is None:
        return f"Requests are refused now.{off}"
    return f"Next: {ahead.title[0].lower()}{ahead.title[1:]}. {ahead.text}{off}"
