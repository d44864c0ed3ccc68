"""What nearly every request posts is written by statements of its own, and reads the same as by the general one."""

from collections.abc import Callable

import pytest

from accounts.models import Workspace
from billing.ledger import usual
from billing.ledger.models import Hold, HoldResolution, Lot, LotTake, Operation, Transfer, Wallet
from billing.ledger.tests.helpers import NOON, assert_clean, extend, grant, place, release, settle, spend

pytestmark = pytest.mark.django_db


def spent(ws: int) -> None:
    spend(ws, 7, now=NOON)


def held(ws: int) -> None:
    place(ws, 40)


def settled_whole(ws: int) -> None:
    settle(ws, place(ws, 40), 40)


def settled_for_less(ws: int) -> None:
    settle(ws, place(ws, 40), 25)


def settled_for_more(ws: int) -> None:
    settle(ws, place(ws, 40), 55)


def released(ws: int) -> None:
    release(ws, place(ws, 40))


USUAL = {spent: 1, held: 1, settled_whole: 2, settled_for_less: 2, settled_for_more: 2, released: 2}


def written(ws: int) -> list[list[tuple[object, ...]]]:
    """Every row that the workspace's ledger has, without ids and digests."""
    of = {"workspace_id": ws}
    takes = LotTake.objects.filter(transfer__workspace_id=ws).order_by("transfer__seq", "position")
    rows = [
        Operation.objects.filter(**of)
        .exclude(kind="grant")
        .order_by("pk")
        .values_list("namespace", "kind", "result__amount"),
        Transfer.objects.filter(**of)
        .order_by("seq")
        .values_list("seq", "kind", "debit", "credit", "amount", "balance_after", "items_digest"),
        takes.values_list("transfer__seq", "position", "amount"),
        Lot.objects.filter(**of).order_by("pk").values_list("remaining", "held", "scheduled"),
        Hold.objects.filter(**of).order_by("pk").values_list("amount", "overdraft", "origin", "open_until"),
        HoldResolution.objects.filter(**of).order_by("pk").values_list("kind", "hold__amount"),
        Wallet.objects.filter(**of).values_list("available", "held", "debt", "seq"),
    ]
    return [list(found) for found in rows]


def counting(monkeypatch: pytest.MonkeyPatch, *, usually: bool) -> list[str]:
    """The statements of this module that were taken; with `usually` False none are."""
    taken: list[str] = []
    shape_of = usual.shape_of

    def shape(*args: object) -> str | None:
        found = shape_of(*args) if usually else None  # type: ignore[arg-type]
        taken.extend([found] if found else [])
        return found

    monkeypatch.setattr(usual, "shape_of", shape)
    return taken


@pytest.mark.parametrize("post", USUAL)
def test_the_usual_statements_write_what_the_general_one_writes(
    ws: int, post: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Workspace.objects.create(name="Fabrikam").pk
    for each in (ws, other):
        grant(each, 100, now=NOON)
    with monkeypatch.context() as patch:
        taken = counting(patch, usually=True)
        post(ws)
    assert len(taken) == USUAL[post]
    with monkeypatch.context() as patch:
        counting(patch, usually=False)
        post(other)
    assert written(ws) == written(other)
    assert_clean(ws)
    assert_clean(other)


def test_what_is_not_usual_is_left_to_the_general_statement(ws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    grant(ws, 30, now=NOON, expires=NOON.replace(year=2027))
    grant(ws, 100, now=NOON)
    taken = counting(monkeypatch, usually=True)
    hold = place(ws, 40)  # of two lots
    extend(ws, hold, seconds=1800)
    settle(ws, hold, 500)  # more than there is: debt
    assert taken == []
    assert_clean(ws)
