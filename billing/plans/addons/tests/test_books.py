"""What add-ons take is in every book: chain, trial balance, statement, and the proof that customers verify."""

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.book import open_book
from billing.ledger.errors import InsufficientCredits
from billing.ledger.proof.export import export
from billing.ledger.proof.tests.checking import refusal
from billing.ledger.records import OperationDraft
from billing.ledger.selectors import balance, moved
from billing.ledger.tests.helpers import assert_clean, grant
from billing.ledger.trial.balance import trial_balance
from billing.ledger.trial.statement import statement
from billing.ledger.trial.tests.sheet import check, days_of
from billing.plans.addons.tests.conftest import START, day, fund, put, sound, work

pytestmark = pytest.mark.django_db


def test_it_is_used_credits_in_all_of_them(team: Workspace) -> None:
    fund(team, 5_000)
    put(team, "concurrency", 1, at=START)
    put(team, "knowledge-bases", 2, at=day(2, 14))
    work(day(2, 28))
    sound(team)
    with clock.at(day(3, 1)):
        trial = trial_balance(day(2, 1).date())
        assert trial.problems == ()
        bought = next(row for row in trial.to_date if row.source == "bought")
        assert (bought.spent, bought.available) == ((500 + 1_000 + 2_500) * NANO, 1_000 * NANO)
        proof = b"".join(export(team))
    assert b'"addon.spend"' in proof
    assert refusal(proof) == ""
    february = statement(team.pk, days_of(2026, 2), now=day(3, 1))
    listed = [each for each in check(team.pk, february) if each.kind == "addon.spend"]
    assert [(each.line, each.amount, each.reason) for each in listed] == [
        ("used", -1_000 * NANO, "Knowledge base × 2, 14 Feb to 28 Feb 2026"),
        ("used", -500 * NANO, "Concurrency, 28 Feb to 31 Mar 2026"),
        ("used", -2_000 * NANO, "Knowledge base × 2, 28 Feb to 31 Mar 2026"),
    ]
    assert moved(team.pk, "addon.spend", day(2, 1), day(2, 28)) == 1_000 * NANO


def test_paying_is_whole_or_not_at_all_and_never_debt(workspace: Workspace) -> None:
    grant(workspace.pk, 100)
    for amount in (101, 100):
        operation = OperationDraft("addon", str(amount), bytes(32), "addon.spend")
        with open_book(workspace.pk) as book:
            if amount > book.available:
                with pytest.raises(InsufficientCredits):
                    book.pay(operation=operation, amount=amount, kind="addon.spend")
            else:
                book.pay(operation=operation, amount=amount, kind="addon.spend")
    found = balance(workspace.pk)
    assert (found.available, found.debt, found.seq) == (0, 0, 2)
    assert_clean(workspace.pk)
